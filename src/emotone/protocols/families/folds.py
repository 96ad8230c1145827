"""The protocols that need nothing but speakers or labels.

What is here:
    leave-one-speaker-out   a fold per speaker of every corpus
    speaker-folds-K         each corpus's speakers dealt into K folds of about equal numbers of clips
    random-K                clips dealt into K folds, stratified by corpus and label: NOT speaker-independent
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, UsageError
from emotone.protocols.base import DEV_SHARE, Covering, CoveringSpeakers, Family
from emotone.protocols.sampling import census, grouped, keys, named, numbered, shuffled, stratified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.protocols.base import Protocol
    from emotone.protocols.sampling import TestParts
    from emotone.types import Utterance

VERSION = 1
_NUMBERED = re.compile(r"(?P<kind>random|speaker-folds)-(?P<folds>-?\d+)")


@dataclass(frozen=True)
class LeaveOneSpeakerOut(CoveringSpeakers):
    """A fold per speaker; with several corpora the others' speakers are all in training."""

    @property
    def description(self) -> str:
        """What is dealt."""
        return "one fold per speaker, whom nothing was trained or chosen on"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:  # noqa: ARG002 - nothing is drawn
        speakers = grouped(utterances, lambda utterance: utterance.speaker_key)
        if len(speakers) < 2:
            raise RunError(f"{self.name} needs at least 2 speakers; {census(utterances)}")
        return named(list(speakers.values()), [(part[0].corpus, part[0].speaker) for part in speakers.values()])


@dataclass(frozen=True)
class SpeakerFolds(CoveringSpeakers):
    """Each corpus's speakers dealt into K folds.

    The speakers with most clips are dealt first, each to the fold that has fewest clips of their corpus so far; so
    every fold gets a speaker before any gets two, and a corpus with fewer speakers than folds is absent from some
    test parts.
    """

    @property
    def description(self) -> str:
        """What is dealt."""
        return f"speakers dealt into {self.parameters[0][1]} folds of about equal numbers of clips"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:
        count = self.parameters[0][1]
        parts: list[list[Utterance]] = [[] for _ in range(count)]
        for of_corpus in grouped(utterances, lambda utterance: utterance.corpus).values():
            speakers = grouped(of_corpus, lambda utterance: utterance.speaker_key)
            order = shuffled(speakers, seed=seed, purpose="deal")
            order.sort(key=lambda speaker: -len(speakers[speaker]))  # stable: equals stay shuffled
            load = [0] * count
            for speaker in order:
                # Equal loads (all folds at the start) go to the fold that earlier corpora have filled least.
                lightest = min(range(count), key=lambda fold: (load[fold], len(parts[fold]), fold))
                load[lightest] += len(speakers[speaker])
                parts[lightest].extend(speakers[speaker])
        if not all(parts):
            raise RunError(f"{self.name} needs at least {count} speakers; {census(utterances)}")
        return numbered(parts)


@dataclass(frozen=True)
class RandomFolds(Covering):
    """Clips dealt into K folds, stratified by corpus and label.

    The same speakers are on both sides, so scores flatter the system.
    """

    @property
    def speaker_independent(self) -> bool:
        """Never: the same speakers are in training and test parts."""
        return False

    @property
    def description(self) -> str:
        """What is dealt."""
        return f"clips dealt into {self.parameters[0][1]} folds, so that tested speakers were trained on"

    @property
    def _twin(self) -> str | None:
        """The same number of folds with speakers kept apart."""
        return f"speaker-folds-{self.parameters[0][1]}"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:
        count = self.parameters[0][1]
        if len(utterances) < count:
            raise RunError(f"{self.name} needs at least {count} utterances; there are {len(utterances)}")
        parts: list[list[Utterance]] = [[] for _ in range(count)]
        for position, utterance in enumerate(stratified(utterances, seed=seed, purpose="deal")):
            parts[position % count].append(utterance)
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


def find(name: str) -> Protocol | None:
    """Return the protocol of this file called `name`; raise `UsageError` for fewer than 2 folds."""
    if name == "leave-one-speaker-out":
        return LeaveOneSpeakerOut(name, VERSION, kind=name)
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return None
    kind, folds = match["kind"], int(match["folds"])
    if folds < 2:
        raise UsageError(f"protocol '{name}' asks for {folds} folds; give 2 or more, e.g. {kind}-5")
    cls = RandomFolds if kind == "random" else SpeakerFolds
    return cls(f"{kind}-{folds}", VERSION, kind=kind, parameters=(("folds", folds),))


FAMILY = Family(
    lines={
        "leave-one-speaker-out": "a fold per speaker: nothing was trained or chosen on whom it tests",
        "speaker-folds-K": "each corpus's speakers dealt into K folds",
        "random-K": "clips dealt into K folds: tests speakers that it trained on, and runs speaker-folds-K beside it",
    },
    find=find,
)
