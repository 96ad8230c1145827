"""EmoBox's folds, read from a user's checkout of the repository emo-box/EmoBox: `emobox:DIR:CORPUS`.

Its folder data/NAME contains a folder fold_N per fold, with NAME_train_fold_N.jsonl and NAME_test_fold_N.jsonl: one
recording per line, whose path our parser of that corpus reads. Some folds are stored a second time as
NAME_test_foldN.jsonl, with other field names: one of the two is read. No corpus of ours has a list of a dev part:
EmoBox chooses a fifth of the training clips at random, and so does this module, by the hashes of
`emotone.protocols.base`.

Whether the folds are speaker-independent is measured on the lists.

Reference: Z. Ma, M. Chen, H. Zhang, Z. Zheng, W. Chen, X. Li, J. Ye, X. Chen and T. Hain: EmoBox: Multilingual
Multi-corpus Speech Emotion Recognition Toolkit and Benchmark. Interspeech 2024.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from emotone.config import signature
from emotone.corpora.base import CORPORA
from emotone.errors import ConfigError, RunError, UsageError, unknown_name
from emotone.protocols.base import Family, FoldUtterances, Splitter, StoredSplitter, check_corpus, keys, stratified

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.types import Utterance

NAME = "emobox"
FORM = "emobox:DIR:CORPUS"
NAME_DIGITS = 8  # of the content's hash; a run's signature has all of it
SHARED = "-speakers-shared"
DEV_STEP = 5  # every fifth training clip, EmoBox's 80 : 20
_FOLD = re.compile(r"fold_?(?P<number>\d+)")
_CHECKOUT = f"{NAME}:"
_STORED = re.compile(rf"{NAME}-(?P<corpus>[a-z0-9-]+?)(?P<shared>{SHARED})?-[0-9a-f]{{{NAME_DIGITS}}}")


@dataclass(frozen=True)
class FoldLists:
    """One fold's lists of ids of utterances, sorted.

    Attributes:
        name: e.g. "fold_1".
        train: the training list and, where there is one, the validation list.
        test: the test list.

    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EmoBoxSplitter(Splitter):
    """EmoBox's folds of one corpus.

    Utterances in none of its lists are left out, and listed ones that are not given are skipped; `notes` counts both.

    Attributes:
        corpus: registry name.
        lists: of each fold.
        shared: test speakers who are in the same fold's training list, sorted.
        speakers: how many speakers the lists have.
        unreadable: number of lines whose path is no clip of the corpus.

    """

    corpus: str
    lists: tuple[FoldLists, ...]
    shared: tuple[str, ...]
    speakers: int
    unreadable: int

    @property
    def speaker_independent(self) -> bool:
        """As measured on the lists."""
        return not self.shared

    @property
    def description(self) -> str:
        """The number of folds, and whether they share speakers."""
        count = len(self.lists)
        leak = (
            f", SPEAKER-DEPENDENT: {len(self.shared)} test speakers are also in training parts" if self.shared else ""
        )
        return f"EmoBox's {count} fold{'s' * (count > 1)} of {self.corpus}{leak}"

    @property
    def covering(self) -> bool:
        """Not guaranteed: a corpus with one fold is tested in part."""
        return False

    @property
    def twin(self) -> str | None:
        """Speaker-independent folds: as many, or for a single fold as many as give test parts of its size."""
        if not self.shared:
            return None
        first = self.lists[0]
        alike = round((len(first.train) + len(first.test)) / len(first.test))
        folds = len(self.lists) if len(self.lists) > 1 else alike
        return f"speaker-folds-{max(2, min(folds, self.speakers))}"

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Count listed utterances that are not given, given ones that are not listed, and unreadable lines."""
        listed = {f"{self.corpus}/{name}" for fold in self.lists for name in (*fold.train, *fold.test)}
        given = keys(utterances)
        counted = (
            (sorted(listed - given), "utterances of EmoBox's lists are not among the given ones"),
            (sorted(given - listed), "given utterances are in none of EmoBox's lists, and left out"),
        )
        notes = [f"{len(found)} {what} (first: {found[0]})" for found, what in counted if found]
        if self.unreadable:
            notes.append(f"{self.unreadable} lines of EmoBox's lists name no clip of {self.corpus}")
        return tuple(notes)

    def check(self, utterances: Sequence[Utterance]) -> None:
        """Raise `RunError` for utterances of another corpus."""
        check_corpus(self.name, utterances, corpus=self.corpus)

    def split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:
        """Yield EmoBox's folds, with dev parts chosen from the training lists."""
        by_id = {utterance.id: utterance for utterance in utterances}
        for fold in self.lists:
            test = [by_id[name] for name in fold.test if name in by_id]
            rest = [by_id[name] for name in fold.train if name in by_id]
            if not (test and rest):
                raise RunError(
                    f"{fold.name} of EmoBox's {self.corpus} lists {len(fold.train)} training and "
                    f"{len(fold.test)} test utterances, of which {len(rest)} and {len(test)} are among the "
                    f"{len(utterances)} given (listed: {fold.test[0]}; given: {utterances[0].id})"
                )
            dev = keys(stratified(rest, seed=seed, purpose=f"dev {fold.name}")[DEV_STEP - 1 :: DEV_STEP])
            train = [utterance for utterance in rest if utterance.key not in dev]
            yield FoldUtterances(fold.name, train, [utterance for utterance in rest if utterance.key in dev], test)


def read(directory: Path, corpus: str | None) -> EmoBoxSplitter:
    """Return the folds of one corpus.

    Args:
        directory: the checkout, its folder `data`, or a corpus's folder in it.
        corpus: registry name; None where `directory` is that corpus's folder.

    Raises:
        UsageError: no such corpus, or no lists of it there.
        ConfigError: a list that can't be read, or that names no clip of the corpus.

    """
    folder, name = _locate(directory, corpus)
    numbers = sorted(int(match["number"]) for path in folder.iterdir() if (match := _FOLD.fullmatch(path.name)))
    if not numbers:
        raise UsageError(f"{folder} contains no folders fold_1, fold_2 ...; give a checkout of emo-box/EmoBox")
    lists: list[FoldLists] = []
    shared: set[str] = set()
    speakers: set[str] = set()
    unreadable = 0
    for number in numbers:
        train, test = _clips(folder, name, "train", number), _clips(folder, name, "test", number)
        valid = _clips(folder, name, "valid", number, needed=False)
        unreadable += sum(of.unreadable for of in (train, test, valid))
        speaker_of = {**train.speaker_of, **valid.speaker_of}
        trained, tested = set(speaker_of.values()), set(test.speaker_of.values())
        shared |= trained & tested
        speakers |= trained | tested
        lists.append(FoldLists(f"fold_{number}", tuple(sorted(speaker_of)), tuple(sorted(test.speaker_of))))
    content = signature([[fold.name, fold.train, fold.test] for fold in lists])
    return EmoBoxSplitter(
        name=f"{NAME}-{name}{SHARED if shared else ''}-{content[:NAME_DIGITS]}",
        content=content,
        corpus=name,
        lists=tuple(lists),
        shared=tuple(sorted(shared)),
        speakers=len(speakers),
        unreadable=unreadable,
    )


def clip_of(corpus: str, path: str) -> tuple[str, str] | None:
    """Return the id and the speaker of a path in EmoBox's lists, or None if it is no clip of the corpus.

    Example:
        >>> clip_of("enterface", "downloads/enterface/subject 11/disgust/sentence 5/s12_di_5.avi")
        ('s11_di_5', 's11')

    """
    parts = PurePosixPath(path).parts
    below = parts.index(_plain(corpus)) + 1 if _plain(corpus) in parts[:-1] else 0
    parsed = CORPORA.get(corpus).parser(PurePosixPath(*parts[below:]))
    return None if parsed is None else (parsed.id, parsed.speaker)


@dataclass(frozen=True)
class _Clips:
    """One list: the speaker by id, and how many lines are no clip of the corpus."""

    speaker_of: dict[str, str]
    unreadable: int


def _clips(folder: Path, corpus: str, part: str, number: int, *, needed: bool = True) -> _Clips:
    """Return the clips in one list of one fold; of a list that is stored twice, fold_N is read."""
    stem = f"{_plain(corpus)}_{part}_fold"
    inside = folder / f"fold_{number}" if (folder / f"fold_{number}").is_dir() else folder / f"fold{number}"
    path = next(
        (path for path in (inside / f"{stem}_{number}.jsonl", inside / f"{stem}{number}.jsonl") if path.exists()), None
    )
    if path is None:
        if needed:
            raise ConfigError(f"{inside} has no {stem}_{number}.jsonl; the checkout of EmoBox is not complete")
        return _Clips({}, 0)
    lines = _lines(path)
    clips = [clip_of(corpus, line) for line in lines]
    found = dict(clip for clip in clips if clip is not None)
    if not found:
        raise ConfigError(f"{path} names no clip of {corpus}; its first of {len(lines)} lines: {lines[:1]}")
    return _Clips(found, clips.count(None))


def _lines(path: Path) -> list[str]:
    """Return the recording that each line of a list names: `wav`, or `audio` in those stored twice."""
    recordings = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path}, line {number}: is not JSON: {error}") from error
        recording = (record.get("wav") or record.get("audio")) if isinstance(record, dict) else None
        if not isinstance(recording, str):
            raise ConfigError(f"{path}, line {number}: neither 'wav' nor 'audio' names a recording")
        recordings.append(recording)
    return recordings


def _plain(corpus: str) -> str:
    """Return EmoBox's name of a corpus, e.g. cremad for crema-d."""
    return corpus.replace("-", "")


def _locate(directory: Path, corpus: str | None) -> tuple[Path, str]:
    """Return a corpus's folder, and its registry name."""
    names = {_plain(name): name for name in CORPORA.names}
    if not directory.is_dir():
        raise UsageError(f"there is no folder {directory}; give a checkout of emo-box/EmoBox, as in {FORM}")
    if corpus is None and directory.name in names:
        return directory, names[directory.name]
    parent = directory / "data" if (directory / "data").is_dir() else directory
    here = sorted(names[path.name] for path in parent.iterdir() if path.name in names and path.is_dir())
    if not here:
        raise UsageError(
            f"{directory} contains lists of none of the known corpora; give a checkout of emo-box/EmoBox, as in {FORM}"
        )
    if corpus is None:
        raise UsageError(f"{directory} contains lists of {len(here)} corpora; name one, e.g. emobox:DIR:{here[0]}")
    name = names.get(_plain(corpus))
    if name not in here:
        raise unknown_name("corpus of EmoBox", corpus, here)
    return parent / _plain(name), name


def make(name: str) -> Splitter:
    """Return the splitter of a checkout, or the record of a name in a predictions table."""
    if name.startswith(_CHECKOUT):
        # The path may contain a colon too, as in C:\\EmoBox; the name of a corpus contains no separators.
        directory, _, corpus = name.removeprefix(_CHECKOUT).rpartition(":")
        if not directory or "/" in corpus or "\\" in corpus:
            directory, corpus = name.removeprefix(_CHECKOUT), ""
        return read(Path(directory).expanduser(), corpus or None)
    match = _STORED.fullmatch(name)
    assert match is not None  # noqa: S101 - the family's pattern
    return StoredSplitter(name=name, independent=match["shared"] is None, form=FORM)


FAMILY = Family(
    lines={FORM: "EmoBox's folds of one corpus, from your checkout; reports which of them share speakers"},
    pattern=re.compile(rf"{_CHECKOUT}.+|{_STORED.pattern}"),
    make=make,
)
