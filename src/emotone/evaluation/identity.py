"""What identifies the recordings of an evaluation, and which of them a model or its starting weights were trained on.

The identity is part of the name of a run. The overlap is found by content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.corpora.base import CORPORA
from emotone.corpora.content import Overlap, content_hashes, overlap
from emotone.fitting.head_transfer import ResolvedRefit
from emotone.fitting.resolve import ResolvedRecipe
from emotone.fitting.training_run import is_head_run, is_run, load_head_run, load_run
from emotone.scoring.finished_run import is_finished, read_description

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.bundles.bundle import Bundle
    from emotone.fitting.resolve import AnyResolved
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


def training_overlap(
    bundle: Bundle, utterances: Sequence[Utterance], folder: Path, *, progress: Callable[[int], None]
) -> Overlap | None:
    """Return the test utterances whose recordings occur in a model's training data.

    Args:
        bundle: the model. If its folder contains its training run, that has hashes of the training recordings.
        utterances: of the test data.
        folder: of the evaluation; an overlap that is stored there is not computed again.
        progress: called with 1 after each recording.

    Returns:
        The overlap; None if the model does not store hashes of its training recordings.

    """
    if is_finished(folder):
        stored = read_description(folder).get("training_overlap")
        if stored is not None:
            return Overlap(tuple(stored["keys"]), stored["tested"], stored["unreadable"])
    return model_overlap(bundle.directory, utterances, progress=progress)


def model_overlap(
    directory: Path, utterances: Sequence[Utterance], *, progress: Callable[[int], None] = lambda _: None
) -> Overlap | None:
    """Return the utterances whose recordings occur in the training data of the model in a folder.

    Returns:
        The overlap; None if the model does not store hashes of its training recordings.

    """
    trained = _training_recordings(directory)
    if not trained:
        return None
    hashes = content_hashes(utterances, progress=lambda _done, _total: progress(1))
    return overlap(trained, utterances, hashes=hashes)


def weights_overlap(recipe: AnyResolved, utterances: Sequence[Utterance]) -> Overlap | None:
    """Return the utterances whose recordings occur in the training data of the weights that a recipe starts from.

    Returns:
        The overlap; None for weights that do not store hashes of their training recordings, and without any.

    """
    if isinstance(recipe, ResolvedRefit):
        return model_overlap(recipe.bundle.directory, utterances)
    weights = recipe.weights if isinstance(recipe, ResolvedRecipe) else None
    if weights is None or weights.run is None or not weights.run.recordings:
        return None
    return overlap(weights.run.recordings, utterances)


def _training_recordings(folder: Path) -> tuple[str, ...]:
    """Return the content hashes that a bundle's folder states; () if it states none."""
    if is_run(folder):
        return load_run(folder).recordings
    return load_head_run(folder).recordings if is_head_run(folder) else ()
