"""What identifies the recordings of an evaluation in the name of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.corpora.base import CORPORA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.types import Utterance


def identities(utterances: Sequence[Utterance]) -> list[tuple[object, ...]]:
    """Return for each utterance what changes its predictions or scores, sorted by key and label.

    In a published corpus, key and label determine speaker, session and part. In a table they do not: its names of
    speakers or its times may be corrected, and the evaluation is another one then.
    """
    return [_identity(each) for each in sorted(utterances, key=lambda each: (each.key, each.label))]


def _identity(utterance: Utterance) -> tuple[object, ...]:
    if _is_published(utterance):
        return utterance.key, utterance.label
    part = (utterance.start, utterance.end, utterance.channel)
    return utterance.key, utterance.label, utterance.speaker, utterance.session, *part


def _is_published(utterance: Utterance) -> bool:
    """Return whether an utterance is as its corpus was published, as far as it shows."""
    if utterance.corpus not in CORPORA.names:
        return False
    corpus = CORPORA.get(utterance.corpus)
    is_whole = (utterance.start, utterance.end, utterance.channel) == (0.0, None, None)
    return utterance.speaker in corpus.speakers and (is_whole or corpus.annotations is not None)
