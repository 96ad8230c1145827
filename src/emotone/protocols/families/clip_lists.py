"""Base protocols by lists of speakers or sessions: a user's own lists, and published splits.

A user's own lists of speakers, in a file: `fixed:FILE.toml`.

    train = ["03", "08", "09"]
    dev = ["10"]                 # optional
    test = ["emodb/11", "12"]    # corpus/speaker, or plain where one corpus is given

The stored name of the protocol is a hash of the lists (fixed-lists-1a2b3c4d), independent of the file's path.

Splits of one corpus that were published as lists, and tests of such a split on other corpora.

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
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emotone.config import from_mapping, read_toml, signature
from emotone.errors import ConfigError, RunError, unknown_name
from emotone.protocols.base import Family, FoldUtterances, Splitter, StoredSplitter, check_corpus, grouped, session_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from emotone.types import Utterance

FOLD = "split"


@dataclass(frozen=True)
class PartLists:
    """The speakers or sessions of each part.

    Attributes:
        train: names, as `corpus/name`, or plain where one corpus is divided.
        test: like train.
        dev: like train; may be empty.

    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    dev: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The names by part."""
        return {"train": self.train, "dev": self.dev, "test": self.test}


@dataclass(frozen=True, kw_only=True)
class ListSplitter(Splitter):
    """A train, a dev and a test part by lists. Clips of unlisted speakers are left out, and counted in `notes`.

    Attributes:
        lists: the names of each part.
        by: what the lists name.
        where: what messages call the lists.

    """

    lists: PartLists
    where: str
    by: Literal["speaker", "session"] = "speaker"

    @property
    def speaker_independent(self) -> bool:
        """Always: a speaker in two parts is an error."""
        return True

    @property
    def description(self) -> str:
        """The sizes of the lists."""
        parts = ", ".join(f"{len(names)} {part}" for part, names in self.lists.parts.items() if names)
        return f"one split by a list of {self.by}s ({parts})"

    @property
    def covering(self) -> bool:
        """Never: training clips are not tested."""
        return False

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Count the utterances that are left out, and name the first of their speakers."""
        listed = set(self._part_of(utterances))
        left = [utterance for utterance in utterances if self._group(utterance) not in listed]
        if not left:
            return ()
        groups = sorted({self._group(utterance) for utterance in left})
        note = f"{len(left)} of {len(utterances)} utterances are left out: {len(groups)} {self.by}s are in no list"
        return (f"{note} (first: {groups[0]})",)

    def split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:  # noqa: ARG002 - listed
        """Yield the one fold."""
        part_of = self._part_of(utterances)
        parts: dict[str, list[Utterance]] = defaultdict(list)
        for utterance in utterances:
            parts[part_of.get(self._group(utterance), "left out")].append(utterance)
        yield FoldUtterances(FOLD, train=parts["train"], dev=parts["dev"], test=parts["test"])

    def _group(self, utterance: Utterance) -> str:
        return utterance.speaker_key if self.by == "speaker" else session_key(utterance)

    def _part_of(self, utterances: Sequence[Utterance]) -> dict[str, str]:
        """Return the part of every listed group, each of which must be among the utterances."""
        known = grouped(utterances, self._group)
        corpora = sorted({utterance.corpus for utterance in utterances})
        part_of: dict[str, str] = {}
        for part, names in self.lists.parts.items():
            for name in names:
                full = f"{corpora[0]}/{name}" if len(corpora) == 1 and name not in known else name
                if full not in known:
                    plain = {key.partition("/")[2] if len(corpora) == 1 else key for key in known}
                    raise ConfigError(f"{self.where}: {part}: {unknown_name(self.by, name, plain)}")
                if part_of.setdefault(full, part) != part:
                    raise ConfigError(f"{self.where}: {full} is in {part_of[full]} and in {part}; one list each")
        return part_of


def check_lists(lists: PartLists, *, where: str) -> None:
    """Raise `ConfigError` for an empty train or test list, and for a name that is listed twice."""
    seen: Mapping[str, str] = {}
    for part, names in lists.parts.items():
        if not names and part != "dev":
            raise ConfigError(f"{where}: {part} is empty; list at least one speaker")
        for name in names:
            if name in seen:
                both = f"twice in {part}" if seen[name] == part else f"in {seen[name]} and in {part}"
                raise ConfigError(f"{where}: '{name}' is {both}; list a speaker once")
            seen = {**seen, name: part}


STORED = "fixed-lists"
FORM = "fixed:FILE.toml"
NAME_DIGITS = 8  # of the content's hash; a run's signature has all of it
_FILE = "fixed:"


def read_lists(path: Path) -> ListSplitter:
    """Return the splitter of a file of lists.

    Raises:
        ConfigError: a file that can't be read, an unknown key, an empty list, or a speaker who is listed twice.

    """
    lists = from_mapping(PartLists, read_toml(path), where=str(path))
    check_lists(lists, where=str(path))
    content = signature({part: sorted(names) for part, names in lists.parts.items()})
    return ListSplitter(name=f"{STORED}-{content[:NAME_DIGITS]}", content=content, lists=lists, where=str(path))


def _make_fixed(name: str) -> Splitter:
    """Return the splitter of a file, or the record of a name in a predictions table."""
    if name.startswith(_FILE):
        return read_lists(Path(name.removeprefix(_FILE)).expanduser())
    return StoredSplitter(name=name, independent=True, form=FORM)


FIXED = Family(
    lines={FORM: "your own lists of speakers: train = [...], dev = [...], test = [...]"},
    pattern=re.compile(rf"{_FILE}.+|{STORED}-[0-9a-f]{{{NAME_DIGITS}}}"),
    make=_make_fixed,
)


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


PUBLISHED = Family(
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
