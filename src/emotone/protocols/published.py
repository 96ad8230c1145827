"""Splits that were published as lists, each of one corpus.

What is here:
    emodb-audeering     Emo-DB: 6 speakers train, 4 test, no dev part
    ravdess-audeering   RAVDESS: 16 speakers train, 4 dev, 4 test
    iemocap-sessions    IEMOCAP: sessions 1-3 train, 4 dev, 5 test

None leaves a clip of its complete corpus out. A split is refused where somebody of its lists is missing: half of a
published split is not that split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from emotone.protocols._lists import Listed, Lists
from emotone.protocols.base import Family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.protocols.base import Protocol
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


def find(name: str) -> Protocol | None:
    """Return the split called `name`."""
    return SPLITS.get(name)


FAMILY = Family(
    lines={
        "emodb-audeering": "Emo-DB only: audEERING's split, speakers 03 08 09 10 11 13 train, 12 14 15 16 test",
        "ravdess-audeering": "RAVDESS only: audEERING's split, actors 21-24 test, 16 17 19 20 dev, the others train",
        "iemocap-sessions": "IEMOCAP only: sessions 1-3 train, 4 dev, 5 test",
    },
    find=find,
)
