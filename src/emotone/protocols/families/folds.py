"""Base protocols that use only speakers or labels.

Contents:
    leave-one-speaker-out   a fold per speaker of every corpus
    speaker-folds-K         each corpus's speakers divided into K folds with about equal numbers of clips
    random-K                clips divided into K folds, stratified by corpus and label: NOT speaker-independent
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, UsageError
from emotone.protocols.base import DEV_SHARE, CoveringSplitter, Family, SpeakerSplitter
from emotone.protocols.sampling import census, grouped, keys, named, numbered, shuffled, stratified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.protocols.base import Splitter
    from emotone.protocols.sampling import TestParts
    from emotone.types import Utterance

LEAVE_ONE_SPEAKER_OUT = "leave-one-speaker-out"
_NUMBERED = re.compile(r"(?P<kind>random|speaker-folds)-(?P<folds>-?\d+)")


@dataclass(frozen=True, kw_only=True)
class LeaveOneSpeakerOut(SpeakerSplitter):
    """A fold per speaker; with several corpora, all speakers of the other corpora are in the training part."""

    @property
    def description(self) -> str:
        """One fold per speaker."""
        return "one fold per speaker, who is in no train or dev part of that fold"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:  # noqa: ARG002 - nothing is random
        speakers = grouped(utterances, lambda utterance: utterance.speaker_key)
        if len(speakers) < 2:
            raise RunError(f"{self.name} needs at least 2 speakers; {census(utterances)}")
        return named(list(speakers.values()), [(part[0].corpus, part[0].speaker) for part in speakers.values()])


@dataclass(frozen=True, kw_only=True)
class SpeakerFolds(SpeakerSplitter):
    """Each corpus's speakers divided into K folds.

    Speakers are assigned in descending order of their numbers of clips, each to the fold that has the fewest clips of
    the corpus so far. So every fold gets one speaker before any gets two, and a corpus with fewer speakers than folds
    is absent from some test parts.

    Attributes:
        folds: K, at least 2.

    """

    folds: int

    @property
    def description(self) -> str:
        """Speakers in K folds."""
        return f"speakers divided into {self.folds} folds with about equal numbers of clips"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:
        parts: list[list[Utterance]] = [[] for _ in range(self.folds)]
        for of_corpus in grouped(utterances, lambda utterance: utterance.corpus).values():
            speakers = grouped(of_corpus, lambda utterance: utterance.speaker_key)
            order = shuffled(speakers, seed=seed, purpose="deal")
            order.sort(key=lambda speaker: -len(speakers[speaker]))  # stable: equals stay shuffled
            load = [0] * self.folds
            for speaker in order:
                # Ties, as at first, go to the fold with the fewest clips of earlier corpora.
                lightest = min(range(self.folds), key=lambda fold: (load[fold], len(parts[fold]), fold))
                load[lightest] += len(speakers[speaker])
                parts[lightest].extend(speakers[speaker])
        if not all(parts):
            raise RunError(f"{self.name} needs at least {self.folds} speakers; {census(utterances)}")
        return numbered(parts)


@dataclass(frozen=True, kw_only=True)
class RandomFolds(CoveringSplitter):
    """Clips divided into K folds, stratified by corpus and label.

    The same speakers are in training and test parts, so scores are optimistic.

    Attributes:
        folds: K, at least 2.

    """

    folds: int

    @property
    def speaker_independent(self) -> bool:
        """Never: the same speakers are in training and test parts."""
        return False

    @property
    def description(self) -> str:
        """Clips in K folds."""
        return f"clips divided into {self.folds} folds; test speakers are also in the training part"

    @property
    def twin(self) -> str | None:
        """The same number of speaker-independent folds."""
        return f"speaker-folds-{self.folds}"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:
        if len(utterances) < self.folds:
            raise RunError(f"{self.name} needs at least {self.folds} utterances; there are {len(utterances)}")
        parts: list[list[Utterance]] = [[] for _ in range(self.folds)]
        for position, utterance in enumerate(stratified(utterances, seed=seed, purpose="deal")):
            parts[position % self.folds].append(utterance)
        return numbered(parts)

    def _dev_part(
        self,
        rest: Sequence[Utterance],
        *,
        everything: Sequence[Utterance],  # noqa: ARG002 - it matters for speakers only
        index: int,
        seed: int,
    ) -> set[str]:
        if len(rest) < 2:
            return set()
        step = round(1 / DEV_SHARE)
        start = index % min(step, len(rest))
        return keys(stratified(rest, seed=seed, purpose="dev")[start::step])


def make(name: str) -> Splitter:
    """Return the splitter of this file called `name`; raise `UsageError` for fewer than 2 folds."""
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return LeaveOneSpeakerOut(name=name)
    kind, folds = match["kind"], int(match["folds"])
    if folds < 2:
        raise UsageError(f"protocol '{name}' asks for {folds} folds; give 2 or more, e.g. {kind}-5")
    cls = RandomFolds if kind == "random" else SpeakerFolds
    return cls(name=f"{kind}-{folds}", folds=folds)


FAMILY = Family(
    lines={
        LEAVE_ONE_SPEAKER_OUT: "a fold per speaker, who is in no train or dev part of that fold",
        "speaker-folds-K": "each corpus's speakers divided into K folds",
        "random-K": "clips divided into K folds: not speaker-independent, so speaker-folds-K is run as well",
    },
    pattern=re.compile(rf"{LEAVE_ONE_SPEAKER_OUT}|{_NUMBERED.pattern}"),
    make=make,
)
