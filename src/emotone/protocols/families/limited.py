"""As if there were only few clips to learn from: how a score grows with them.

What is here:
    PROTOCOL@N   the folds of PROTOCOL, of which N clips of each corpus are learned from; what is tested stays as it is

The clips are drawn from the train and from the dev part, in the proportion of the two, and stay in theirs: first one of
each label, then labels in their proportion. Draws are nested: the clips of @25 are among those of @50. Under
`onto-CORPUS-PROTOCOL@N` the target has N clips, and the other corpora keep all of theirs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, UsageError
from emotone.protocols.base import FAMILIES, Division, Family, Protocol
from emotone.protocols.sampling import grouped, keys, shuffled
from emotone.protocols.wrapping import Around

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.types import Utterance

VERSION = 1
FORM = "PROTOCOL@N"
LEAST = 2
_NAME = re.compile(r"(?P<inner>.+)@(?P<clips>\d+)")


@dataclass(frozen=True)
class Few(Around):
    """A protocol whose training parts are thinned.

    Attributes:
        clips: of each corpus, that a fold may learn from.

    """

    clips: int = LEAST

    @property
    def description(self) -> str:
        """What is divided, and how little of it is learned from."""
        return f"{self._inner.description}; of each corpus only {self.clips} clips are learned from"

    @property
    def covering(self) -> bool:
        """As the division: what is tested stays as it is."""
        return self._inner.covering

    @property
    def _twin(self) -> str | None:
        """The inner protocol's, with as few clips."""
        return None if self._inner.twin is None else f"{self._inner.twin}@{self.clips}"

    @property
    def smallest(self) -> str:
        """A fold per speaker, with as few clips."""
        return f"{self._inner.smallest}@{self.clips}"

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Say what there is to say of the division, and that clips are left out where not all of them are tested."""
        said = self._inner.notes(utterances)
        used = {key for fold in self.folds(utterances, seed=0) for key in (*fold.train, *fold.dev, *fold.test)}
        if keys(utterances) <= used or any("left out" in note for note in said):
            return said
        return (*said, f"left out: all clips that are not tested, but for {self.clips} of each corpus")

    def _divide(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[Division]:
        by_key = {utterance.key: utterance for utterance in utterances}
        for name, train, dev, test in self._divided(utterances, seed=seed):
            few: tuple[list[Utterance], list[Utterance]] = ([], [])
            for corpus in sorted({each.corpus for each in (*train, *dev)}):
                parts = [[each for each in part if each.corpus == corpus] for part in (train, dev)]
                shares = self._shares(*map(len, parts), corpus=corpus, fold=name)
                for kept, part, share in zip(few, parts, shares, strict=True):
                    kept.extend(by_key[key] for key in drawn(part, seed=seed)[:share])
            yield Division(name, train=few[0], dev=few[1], test=test)

    def _shares(self, train: int, dev: int, *, corpus: str, fold: str) -> tuple[int, int]:
        """Return how many clips of a train and of a dev part make up what is asked for, in their proportion."""
        if train + dev < self.clips:
            raise RunError(
                f"{self.name} learns from {self.clips} clips of each corpus, and {fold} has {train + dev} of {corpus}; "
                f"give fewer, or leave @{self.clips} out"
            )
        of_dev = round(self.clips * dev / (train + dev))
        return self.clips - of_dev, of_dev


def drawn(utterances: Sequence[Utterance], *, seed: int) -> list[str]:
    """Return the keys of utterances in the order in which they are taken: any first of them are a stratified sample.

    The place of a clip within its label decides, from 0 on and below 1: so one clip of each label comes first, and then
    labels take turns in their proportion.
    """
    strata = grouped(utterances, lambda utterance: utterance.label)
    places = {
        key: place / len(of)
        for of in strata.values()
        for place, key in enumerate(shuffled(keys(of), seed=seed, purpose="few"))
    }
    return sorted(shuffled(places, seed=seed, purpose="turn"), key=lambda key: places[key])  # stable: lots for equals


def find(name: str) -> Protocol | None:
    """Return the protocol of this file called `name`; raise `UsageError` for fewer than 2 clips.

    With another protocol around it, as in `onto-emodb-random-5@50`, it is for that one to find.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    clips = int(match["clips"])
    for family in FAMILIES.all().values():
        inner = None if family is FAMILY or name.startswith("onto-") else family.find(match["inner"])
        if inner is not None:
            if clips < LEAST:
                raise UsageError(
                    f"protocol '{name}' leaves {clips} clips to learn from; give {LEAST} or more. Without any clip of "
                    "a corpus, a net is judged as it is: plan A1 with other corpora given (onto-CORPUS-PROTOCOL)"
                )
            return Few(
                f"{inner.name}@{clips}",
                VERSION,
                kind=f"{inner.kind}@",
                parameters=(*inner.parameters, ("clips", clips)),
                content=inner.content,
                clips=clips,
                inner=inner,
            )
    return None


FAMILY = Family(
    lines={FORM: "PROTOCOL with N clips of each corpus to learn from, e.g. speaker-folds-5@50; tests the same clips"},
    find=find,
)
