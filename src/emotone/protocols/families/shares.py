"""One division into a train, a dev and a test part of given shares.

What is here:
    speakers-A-B-C   each corpus's speakers dealt into parts of about A : B : C clips
    random-A-B-C     clips dealt into parts of A : B : C, stratified by corpus and label: NOT speaker-independent
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, UsageError
from emotone.protocols.base import Division, Family, Protocol
from emotone.protocols.sampling import census, grouped, shuffled, stratified

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.types import Utterance

VERSION = 1
FOLD = "split"
TRAIN, DEV, TEST = 0, 1, 2
_NAME = re.compile(r"(?P<kind>random|speakers)-(?P<train>\d+)-(?P<dev>\d+)-(?P<test>\d+)")


@dataclass(frozen=True)
class _Shares(Protocol):
    """What both share: three numbers, of which only the ratio matters, and one fold."""

    @property
    def shares(self) -> tuple[int, ...]:
        """Train, dev and test, without their common factor: 60-20-20 is 3, 1, 1."""
        numbers = [number for _, number in self.parameters]
        return tuple(number // math.gcd(*numbers) for number in numbers)

    @property
    def covering(self) -> bool:
        """Never: what is trained on is not tested."""
        return False

    @property
    def written(self) -> str:
        """The three numbers as they stand in the name."""
        return "-".join(str(number) for _, number in self.parameters)

    def _one(self, parts: Sequence[list[Utterance]]) -> Iterator[Division]:
        yield Division(FOLD, train=parts[TRAIN], dev=parts[DEV], test=parts[TEST])


@dataclass(frozen=True)
class SpeakerShares(_Shares):
    """Each corpus's speakers dealt into three parts.

    In a drawn order, each speaker goes to the part that lacks most clips of their corpus. Every part that is asked
    for gets a speaker of every corpus that has enough of them: the training part first, then test, then dev.
    """

    @property
    def speaker_independent(self) -> bool:
        """Always: speakers are dealt, not clips."""
        return True

    @property
    def description(self) -> str:
        """What is dealt."""
        return f"speakers dealt into train, dev and test parts of {self.written}"

    def _divide(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[Division]:
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
                # The last speakers fill what would stay empty, as a corpus of three has no share as small as a tenth.
                choice = empty if len(order) - position <= len(empty) else asked
                chosen = max(choice, key=lambda part: lacking[part])  # of equals the first: training before test
                lacking[chosen] -= len(speakers[speaker])
                parts[chosen].extend(speakers[speaker])
                empty = [part for part in empty if part != chosen]
        return self._one(parts)


@dataclass(frozen=True)
class RandomShares(_Shares):
    """Clips dealt into three parts, stratified by corpus and label.

    The same speakers are on both sides, so scores flatter the system.
    """

    @property
    def speaker_independent(self) -> bool:
        """Never: the same speakers are in training and test parts."""
        return False

    @property
    def description(self) -> str:
        """What is dealt."""
        return f"clips dealt into train, dev and test parts of {self.written}, so that tested speakers were trained on"

    @property
    def _twin(self) -> str | None:
        """The same shares with speakers kept apart."""
        return f"speakers-{self.written}"

    def _divide(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[Division]:
        parts: list[list[Utterance]] = [[], [], []]
        for count, utterance in enumerate(stratified(utterances, seed=seed, purpose="shares"), start=1):
            # Whichever part is furthest behind its share of the clips so far: so every stratum, which is a run of
            # neighbours, is divided like the whole. In whole numbers: share / sum * count - dealt, times the sum.
            behind = [share * count - sum(self.shares) * len(parts[part]) for part, share in enumerate(self.shares)]
            parts[max((TRAIN, TEST, DEV), key=lambda part: behind[part])].append(utterance)
        return self._one(parts)


def find(name: str) -> Protocol | None:
    """Return the protocol of this file called `name`; raise `UsageError` for shares that leave nothing to do."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    kind = match["kind"]
    parameters = tuple((part, int(match[part])) for part in ("train", "dev", "test"))
    numbers = dict(parameters)
    if not (numbers["train"] and numbers["test"]):
        raise UsageError(
            f"protocol '{name}' leaves nothing to train or to test on; the shares are train-dev-test, of which dev "
            f"may be 0, e.g. {kind}-60-20-20"
        )
    cls = RandomShares if kind == "random" else SpeakerShares
    written = "-".join(str(number) for _, number in parameters)
    return cls(f"{kind}-{written}", VERSION, kind=f"{kind}-shares", parameters=parameters)


FAMILY = Family(
    lines={
        "speakers-A-B-C": "speakers dealt once into train, dev and test parts of A : B : C, e.g. speakers-60-20-20",
        "random-A-B-C": "the same with clips, e.g. random-8-1-1: tests speakers that it trained on",
    },
    find=find,
)
