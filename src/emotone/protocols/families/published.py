"""Splits that were published as lists, each of one corpus, and tests on other corpora that start from them.

What is here:
    emodb-audeering     Emo-DB: 6 speakers train, 4 test, no dev part
    ravdess-audeering   RAVDESS: 16 speakers train, 4 dev, 4 test
    iemocap-sessions    IEMOCAP: sessions 1-3 train, 4 dev, 5 test
    train-on-ravdess    as ravdess-audeering, and every other corpus is tested whole
    train-on-iemocap    as iemocap-sessions, and every other corpus is tested whole

None leaves a clip of its complete corpus out. A split is refused where somebody of its lists is missing: half of a
published split is not that split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from emotone.errors import RunError
from emotone.protocols.base import Division, Family, Protocol
from emotone.protocols.clip_lists import Listed, Lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.types import Utterance

VERSION = 1


@dataclass(frozen=True)
class PublishedSplit(Listed):
    """A published split of one corpus.

    Attributes:
        corpus: which one.
        source: who published it.

    """

    corpus: str = ""
    source: str = ""

    @property
    def description(self) -> str:
        """Whose split it is, and how many are where."""
        return f"{super().description}, as published by {self.source}"

    def _check(self, utterances: Sequence[Utterance]) -> None:
        self._check_corpus(utterances, corpus=self.corpus)
        super()._check(utterances)


def _split(
    name: str, corpus: str, lists: Lists, *, source: str, by: Literal["speaker", "session"] = "speaker"
) -> PublishedSplit:
    return PublishedSplit(name, VERSION, kind=name, lists=lists, by=by, where=name, corpus=corpus, source=source)


SPLITS = {
    split.name: split
    for split in (
        _split(
            "emodb-audeering",
            "emodb",
            Lists(train=("03", "08", "09", "10", "11", "13"), test=("12", "14", "15", "16")),
            source="audEERING in its audformat edition of the corpus",
        ),
        _split(
            "ravdess-audeering",
            "ravdess",
            Lists(
                train=(*(f"{actor:02d}" for actor in range(1, 16)), "18"),
                dev=("16", "17", "19", "20"),
                test=("21", "22", "23", "24"),
            ),
            source="audEERING in its audformat edition of the corpus",
        ),
        _split(
            "iemocap-sessions",
            "iemocap",
            Lists(train=("Ses01", "Ses02", "Ses03"), dev=("Ses04",), test=("Ses05",)),
            source="the paper on anger detection with SoundNet",
            by="session",
        ),
    )
}


@dataclass(frozen=True)
class TrainOn(Protocol):
    """One corpus is divided as its published split says; all others are tested whole, and nothing is learned of them.

    Attributes:
        home: the split of the corpus that is trained on.

    """

    home: str = ""

    @property
    def speaker_independent(self) -> bool:
        """Always: the home's parts are speakers, and the others' speakers are others."""
        return True

    @property
    def description(self) -> str:
        """What is trained on and what is tested."""
        return f"{self._split.corpus} divided as {self.home}, every other corpus tested whole"

    @property
    def covering(self) -> bool:
        """Never: what is trained on is not tested."""
        return False

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Return what there is to say of the home."""
        return self._split.notes(self._parts(utterances)[0])

    @property
    def _split(self) -> PublishedSplit:
        return SPLITS[self.home]

    def _parts(self, utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
        """Return the utterances of the home, and of the other corpora."""
        at_home = [utterance for utterance in utterances if utterance.corpus == self._split.corpus]
        return at_home, [utterance for utterance in utterances if utterance.corpus != self._split.corpus]

    def _divide(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[Division]:
        at_home, others = self._parts(utterances)
        if not at_home:
            given = ", ".join(sorted({utterance.corpus for utterance in utterances}))
            raise RunError(f"{self.name} trains on the corpus {self._split.corpus}; given: {given}")
        (fold,) = self._split.folds(at_home, seed=seed)
        part = {key: name for name in ("train", "dev", "test") for key in getattr(fold, name)}
        parts = {name: [each for each in at_home if part.get(each.key) == name] for name in ("train", "dev", "test")}
        yield Division(fold.name, train=parts["train"], dev=parts["dev"], test=[*parts["test"], *others])


HOMES = {
    f"train-on-{SPLITS[home].corpus}": TrainOn(f"train-on-{SPLITS[home].corpus}", VERSION, kind="train-on", home=home)
    for home in ("ravdess-audeering", "iemocap-sessions")
}


def find(name: str) -> Protocol | None:
    """Return the protocol called `name`."""
    return SPLITS.get(name) or HOMES.get(name)


FAMILY = Family(
    lines={
        "emodb-audeering": "Emo-DB only: audEERING's split, speakers 03 08 09 10 11 13 train, 12 14 15 16 test",
        "ravdess-audeering": "RAVDESS only: audEERING's split, actors 21-24 test, 16 17 19 20 dev, the others train",
        "iemocap-sessions": "IEMOCAP only: sessions 1-3 train, 4 dev, 5 test",
        "train-on-ravdess": "RAVDESS as ravdess-audeering, every other given corpus tested whole",
        "train-on-iemocap": "IEMOCAP as iemocap-sessions, every other given corpus tested whole",
    },
    find=find,
)
