"""One corpus divided as another protocol says, with every other given corpus to learn from: the target and its sources.

What is here:
    onto-CORPUS-PROTOCOL   the folds of PROTOCOL on CORPUS; every clip of every other given corpus is in each fold's
                           train part, and none of them is ever tested

The fold's target is the corpora of its test part. So `onto-emodb-random-5` asks what the other corpora are worth to
Emo-DB, and its folds of Emo-DB are those of `random-5` on Emo-DB alone: both can be compared fold by fold.

Reference: Marczewski, Veloso, Ziviani, Learning transferable features for speech emotion recognition, 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.protocols.base import FAMILIES, Division, Family, Protocol
from emotone.protocols.sampling import grouped
from emotone.protocols.wrapping import Around

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.types import Utterance

VERSION = 1
KIND = "onto"
FORM = "onto-CORPUS-PROTOCOL"


@dataclass(frozen=True)
class Onto(Around):
    """A corpus that is divided, and all others, which are only learned from.

    Attributes:
        corpus: the one that is divided and tested.

    """

    corpus: str = ""

    @property
    def description(self) -> str:
        """What is divided, and what the others are for."""
        return f"{self.corpus}: {self._inner.description}; every other corpus is trained on and never tested"

    @property
    def covering(self) -> bool:
        """Never: the others are not tested."""
        return False

    @property
    def _twin(self) -> str | None:
        """The inner protocol's, onto the same corpus."""
        return None if self._inner.twin is None else f"{KIND}-{self.corpus}-{self._inner.twin}"

    @property
    def smallest(self) -> str:
        """A fold per speaker of the target."""
        return f"{KIND}-{self.corpus}-{self._inner.smallest}"

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Say what is learned from and never tested, and what there is to say of the target's division."""
        target, others = self._parts(utterances)
        said = ", ".join(f"{corpus} {len(of)}" for corpus, of in grouped(others, lambda each: each.corpus).items())
        return (f"trained on and never tested: {said}", *self._inner.notes(target))

    def _parts(self, utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
        """Return the utterances of the target, and of the other corpora."""
        target = [utterance for utterance in utterances if utterance.corpus == self.corpus]
        return target, [utterance for utterance in utterances if utterance.corpus != self.corpus]

    def _divide(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[Division]:
        target, others = self._parts(utterances)
        if not target or not others:
            given = ", ".join(sorted({utterance.corpus for utterance in utterances}))
            raise RunError(
                f"{self.name} tests the corpus {self.corpus} and trains on others too; given: {given}. "
                f"Give both, or choose {self._inner.name}"
            )
        for name, train, dev, test in self._divided(target, seed=seed):
            yield Division(name, train=[*train, *others], dev=dev, test=test)


def find(name: str) -> Protocol | None:
    """Return the protocol called `name`: the corpus is what stands before the first name of another protocol."""
    parts = name.split("-")
    if parts[0] != KIND:
        return None
    families = [FAMILIES.get(family) for family in FAMILIES.names if family != KIND]
    for end in range(2, len(parts)):
        corpus, rest = "-".join(parts[1:end]), "-".join(parts[end:])
        for family in families:
            inner = family.find(rest)
            if inner is not None and corpus:
                return Onto(
                    f"{KIND}-{corpus}-{inner.name}",
                    VERSION,
                    kind=f"{KIND}-{inner.kind}",
                    parameters=inner.parameters,
                    content=inner.content,
                    corpus=corpus,
                    inner=inner,
                )
    return None


FAMILY = Family(
    lines={FORM: "CORPUS as PROTOCOL divides it, e.g. onto-emodb-random-5; all other given corpora train too"},
    find=find,
)
