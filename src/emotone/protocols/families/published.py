"""Splits of one corpus that were published as lists, and tests of such a split on other corpora.

Contents:
    emodb-audeering     Emo-DB: 6 speakers train, 4 test, no dev part
    ravdess-audeering   RAVDESS: 16 speakers train, 4 dev, 4 test
    iemocap-sessions    IEMOCAP: sessions 1-3 train, 4 dev, 5 test
    train-on-ravdess    as ravdess-audeering, and every other corpus is tested whole
    train-on-iemocap    as iemocap-sessions, and every other corpus is tested whole

None leaves a clip of its complete corpus out. A split raises `RunError` where a listed speaker is missing, because
part of a published split is another split.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from emotone.errors import RunError
from emotone.protocols.base import Family, FoldUtterances, Splitter, check_corpus
from emotone.protocols.clip_lists import ListSplitter, PartLists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.types import Utterance


@dataclass(frozen=True, kw_only=True)
class PublishedSplit(ListSplitter):
    """A published split of one corpus.

    Attributes:
        corpus: the only one that it divides.
        source: who published it.

    """

    corpus: str
    source: str

    @property
    def description(self) -> str:
        """The sizes of the lists, and who published them."""
        return f"{super().description}, as published by {self.source}"

    def check(self, utterances: Sequence[Utterance]) -> None:
        """Raise `RunError` for utterances of another corpus."""
        check_corpus(self.name, utterances, corpus=self.corpus)


def _split(
    name: str, corpus: str, lists: PartLists, *, source: str, by: Literal["speaker", "session"] = "speaker"
) -> PublishedSplit:
    return PublishedSplit(name=name, lists=lists, by=by, where=name, corpus=corpus, source=source)


SPLITS = {
    split.name: split
    for split in (
        _split(
            "emodb-audeering",
            "emodb",
            PartLists(train=("03", "08", "09", "10", "11", "13"), test=("12", "14", "15", "16")),
            source="audEERING in its audformat edition of the corpus",
        ),
        _split(
            "ravdess-audeering",
            "ravdess",
            PartLists(
                train=(*(f"{actor:02d}" for actor in range(1, 16)), "18"),
                dev=("16", "17", "19", "20"),
                test=("21", "22", "23", "24"),
            ),
            source="audEERING in its audformat edition of the corpus",
        ),
        _split(
            "iemocap-sessions",
            "iemocap",
            PartLists(train=("Ses01", "Ses02", "Ses03"), dev=("Ses04",), test=("Ses05",)),
            source="the paper on anger detection with SoundNet",
            by="session",
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class CrossCorpus(Splitter):
    """Trains on one corpus, divided by its published split; all other corpora are tested whole and never trained on.

    Attributes:
        home: the split of the corpus that is trained on.

    """

    home: PublishedSplit

    @property
    def speaker_independent(self) -> bool:
        """Always: the home split is by speakers, and corpora share none."""
        return True

    @property
    def description(self) -> str:
        """Which corpus is trained on, and which are tested."""
        return f"{self.home.corpus} divided as {self.home.name}, every other corpus tested whole"

    @property
    def covering(self) -> bool:
        """Never: training clips are not tested."""
        return False

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Return the notes of the home split."""
        return self.home.notes(self._home_and_others(utterances)[0])

    def split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:
        """Yield the one fold."""
        at_home, others = self._home_and_others(utterances)
        if not at_home:
            given = ", ".join(sorted({utterance.corpus for utterance in utterances}))
            raise RunError(f"{self.name} trains on the corpus {self.home.corpus}; given: {given}")
        for fold in self.home.split(at_home, seed=seed):
            yield replace(fold, test=[*fold.test, *others])

    def _home_and_others(self, utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
        home = [utterance for utterance in utterances if utterance.corpus == self.home.corpus]
        return home, [utterance for utterance in utterances if utterance.corpus != self.home.corpus]


SPLITTERS: dict[str, Splitter] = {
    **SPLITS,
    **{
        f"train-on-{SPLITS[home].corpus}": CrossCorpus(name=f"train-on-{SPLITS[home].corpus}", home=SPLITS[home])
        for home in ("ravdess-audeering", "iemocap-sessions")
    },
}


FAMILY = Family(
    lines={
        "emodb-audeering": "Emo-DB only: audEERING's split, speakers 03 08 09 10 11 13 train, 12 14 15 16 test",
        "ravdess-audeering": "RAVDESS only: audEERING's split, actors 21-24 test, 16 17 19 20 dev, the others train",
        "iemocap-sessions": "IEMOCAP only: sessions 1-3 train, 4 dev, 5 test",
        "train-on-ravdess": "RAVDESS as ravdess-audeering, every other given corpus tested whole",
        "train-on-iemocap": "IEMOCAP as iemocap-sessions, every other given corpus tested whole",
    },
    pattern=re.compile("|".join(SPLITTERS)),
    make=SPLITTERS.__getitem__,
)
