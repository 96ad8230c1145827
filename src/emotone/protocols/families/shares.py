"""Base protocols with one fold, whose train, dev and test parts have given shares.

Contents:
    speakers-A-B-C   each corpus's speakers divided into parts with about A : B : C clips
    random-A-B-C     clips divided into parts of A : B : C, stratified by corpus and label: NOT speaker-independent
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, UsageError
from emotone.protocols.base import Family, FoldUtterances, Splitter, census, grouped, shuffled, stratified

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.types import Utterance

FOLD = "split"
TRAIN, DEV, TEST = 0, 1, 2
_NAME = re.compile(r"(?P<kind>random|speakers)-(?P<train>\d+)-(?P<dev>\d+)-(?P<test>\d+)")


@dataclass(frozen=True, kw_only=True)
class _Shares(Splitter):
    """What both have in common: three numbers, of which only the ratio matters, and one fold.

    Attributes:
        numbers: train, dev and test, as in the name.

    """

    numbers: tuple[int, int, int]

    @property
    def shares(self) -> tuple[int, ...]:
        """Train, dev and test, without their common factor: 60-20-20 is 3, 1, 1."""
        return tuple(number // math.gcd(*self.numbers) for number in self.numbers)

    @property
    def covering(self) -> bool:
        """Never: training clips are not tested."""
        return False

    @property
    def written(self) -> str:
        """The three numbers as in the name."""
        return "-".join(map(str, self.numbers))

    def _one(self, parts: Sequence[list[Utterance]]) -> Iterator[FoldUtterances]:
        yield FoldUtterances(FOLD, train=parts[TRAIN], dev=parts[DEV], test=parts[TEST])


@dataclass(frozen=True, kw_only=True)
class SpeakerShares(_Shares):
    """Each corpus's speakers divided into three parts.

    In a random order, each speaker is assigned to the part that lacks the most clips of their corpus. Every part with a
    share above 0 gets a speaker of every corpus that has enough of them: the training part first, then test, then dev.
    """

    @property
    def speaker_independent(self) -> bool:
        """Always: all clips of a speaker are in one part."""
        return True

    @property
    def description(self) -> str:
        """Speakers in three parts."""
        return f"speakers divided into train, dev and test parts of {self.written}"

    def split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:
        """Yield the one fold."""
        parts: list[list[Utterance]] = [[], [], []]
        asked = [part for part in (TRAIN, TEST, DEV) if self.shares[part]]
        if len({utterance.speaker_key for utterance in utterances}) < len(asked):
            raise RunError(f"{self.name} needs at least {len(asked)} speakers; {census(utterances)}")
        for of_corpus in grouped(utterances, lambda utterance: utterance.corpus).values():
            speakers = grouped(of_corpus, lambda utterance: utterance.speaker_key)
            order = shuffled(speakers, seed=seed, purpose="shares")
            empty = asked[: len(order)]
            lacking = [len(of_corpus) * share / sum(self.shares) for share in self.shares]
            for position, speaker in enumerate(order):
                # The last speakers go to parts that would stay empty, e.g. a dev part of a tenth with three speakers.
                choice = empty if len(order) - position <= len(empty) else asked
                chosen = max(choice, key=lambda part: lacking[part])  # ties go to the first: training before test
                lacking[chosen] -= len(speakers[speaker])
                parts[chosen].extend(speakers[speaker])
                empty = [part for part in empty if part != chosen]
        return self._one(parts)


@dataclass(frozen=True, kw_only=True)
class RandomShares(_Shares):
    """Clips divided into three parts, stratified by corpus and label.

    The same speakers are in training and test parts, so scores are optimistic.
    """

    @property
    def speaker_independent(self) -> bool:
        """Never: the same speakers are in training and test parts."""
        return False

    @property
    def description(self) -> str:
        """Clips in three parts."""
        return f"clips divided into train, dev and test parts of {self.written}; test speakers are also in training"

    @property
    def twin(self) -> str | None:
        """The same shares, speaker-independent."""
        return f"speakers-{self.written}"

    def split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:
        """Yield the one fold."""
        parts: list[list[Utterance]] = [[], [], []]
        for count, utterance in enumerate(stratified(utterances, seed=seed, purpose="shares"), start=1):
            # The part furthest behind its share of the clips so far. Each stratum is a run of neighbours, so each is
            # divided like the whole. In whole numbers: (share / sum * count - assigned) * sum.
            behind = [share * count - sum(self.shares) * len(parts[part]) for part, share in enumerate(self.shares)]
            parts[max((TRAIN, TEST, DEV), key=lambda part: behind[part])].append(utterance)
        return self._one(parts)


def make(name: str) -> Splitter:
    """Return the splitter of this file called `name`; raise `UsageError` for empty train or test parts."""
    match = _NAME.fullmatch(name)
    assert match is not None  # noqa: S101 - the family's pattern
    train, dev, test = (int(match[part]) for part in ("train", "dev", "test"))
    if not (train and test):
        raise UsageError(
            f"protocol '{name}' leaves no clip for training or testing; the shares are train-dev-test, of which only "
            f"dev may be 0, e.g. {match['kind']}-60-20-20"
        )
    cls = RandomShares if match["kind"] == "random" else SpeakerShares
    return cls(name=f"{match['kind']}-{train}-{dev}-{test}", numbers=(train, dev, test))


FAMILY = Family(
    lines={
        "speakers-A-B-C": "speakers divided once into train, dev and test parts of A : B : C, e.g. speakers-60-20-20",
        "random-A-B-C": "the same with clips, e.g. random-8-1-1: not speaker-independent",
    },
    pattern=_NAME,
    make=make,
)
