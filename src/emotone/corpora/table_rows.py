"""Turns the rows of a table into utterances: finds the recordings that they name, and reads times.

Recordings are found also where the spelling differs in a way that other systems ignore. Times are seconds, clock times,
or durations as pandas writes them.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import unicodedata
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NoReturn

from emotone.corpora.labels import UNKNOWN, mapped_label
from emotone.errors import CorpusError
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ABSENT = frozenset({"", "nat", "nan", "<na>", "none", "null"})
"""How tables of other programs write that there is no value."""

_CLOCK = re.compile(
    r"(?:(?P<days>\d+) days?,?)? ?(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d*)?))?", re.IGNORECASE
)

MAX_COMPARED = 2000  # names of a folder that are compared for a suggestion; the comparison is slow
MAX_SUGGESTIONS = 20  # rows of a table that get one

TIMES = ("start", "end")
COLUMNS = ("file", "start", "end", "id", "speaker", "session", "label", "channel")


def parse_seconds(text: str) -> float | None:
    """Return a time in seconds, or None where there is none.

    Read are a number of seconds, `m:ss`, `h:mm:ss`, and durations of pandas such as `0 days 00:00:01.500000`; all may
    have a fraction. `NaT`, `nan` and an empty text are no time.

    Raises:
        ValueError: any other text, a negative time, or one that is not finite.

    Example:
        >>> parse_seconds("1.5"), parse_seconds("0 days 00:01:01.5"), parse_seconds("1:02:03"), parse_seconds("NaT")
        (1.5, 61.5, 3723.0, None)

    """
    plain = text.strip()
    if plain.casefold() in ABSENT:
        return None
    clock = _CLOCK.fullmatch(plain)
    if clock is None:
        seconds = float(plain)
    else:
        days, hours, minutes = (int(clock[part] or 0) for part in ("days", "hours", "minutes"))
        seconds = ((days * 24 + hours) * 60 + minutes) * 60 + float(clock["seconds"] or 0)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"'{text}' is not a time of 0 s or more")
    return seconds


def is_number(text: str) -> bool:
    """Return whether a time is written as a plain number of seconds."""
    try:
        float(text)
    except ValueError:
        return False
    return True


class RecordingFinder:
    """Finds files relative to the folder of a table; folders are listed once.

    A file is found as it is written, with backslashes as separators, and, where exactly one file matches, with other
    capitals or another Unicode form. Those are the spellings that work on Windows and macOS.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[Path, dict[str, list[str]]] = {}
        self._suggestions = 0

    def find(self, file: str) -> tuple[Path, str]:
        """Return the path of a file and how it is written with slashes.

        Raises:
            CorpusError: there is none; the message has the nearest name.

        """
        path = self._folder / file
        if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where a name is too long
            return path, file
        slashed = file.replace("\\", "/")
        if slashed != file and os.path.isfile(self._folder / slashed):  # noqa: PTH113
            return self._folder / slashed, slashed
        parent: Path | None = self._folder
        parts = PurePosixPath(slashed).parts
        for index, part in enumerate(parts):
            if parent is None:
                break
            last = index == len(parts) - 1
            candidate = self._candidate(parent, part)
            if candidate is None and last:
                raise CorpusError(f"no such file: {path}{self._suggestion(parent, part)}")
            if candidate is not None and last and os.path.isfile(candidate):  # noqa: PTH113
                return candidate, slashed
            parent = candidate
        raise CorpusError(f"no such file: {path}")

    def _candidate(self, folder: Path, part: str) -> Path | None:
        """Return the entry of a folder that a part of a path names."""
        if part in (os.sep, os.pardir, os.curdir):
            return folder / part
        names = self._listing(folder).get(_normal(part), [])
        if part in names:
            return folder / part
        return folder / names[0] if len(names) == 1 else None

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """Return the names in a folder by their normal form; empty where it can't be read."""
        if folder not in self._names:
            found: dict[str, list[str]] = defaultdict(list)
            try:
                for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names are needed, not paths
                    found[_normal(name)].append(name)
            except (OSError, ValueError):  # not a folder, unreadable, or a name that no file can have
                found.clear()
            self._names[folder] = dict(found)
        return self._names[folder]

    def _suggestion(self, folder: Path, part: str) -> str:
        """Return a hint at a file of the same name with another suffix, or of a similar name."""
        listing = self._listing(folder)
        if self._suggestions >= MAX_SUGGESTIONS or not 0 < len(listing) <= MAX_COMPARED:
            return ""
        self._suggestions += 1
        wanted = _normal(part)
        stem = PurePosixPath(wanted).stem
        close = [name for name in listing if PurePosixPath(name).stem == stem]
        close = close or difflib.get_close_matches(wanted, list(listing), n=1, cutoff=0.75)
        return f"; did you mean '{listing[close[0]][0]}'?" if close else ""


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


class RowReader:
    """Reads the rows of one table.

    Args:
        corpus: name of the corpus.
        folder: of the table, to which files are relative.
        header: names of the columns in lower case; "" for a column without a name.
        decimal_comma: whether commas in times are decimal signs.
        label_map: word in lower case -> canonical emotion.

    """

    def __init__(
        self,
        corpus: str,
        folder: Path,
        header: Sequence[str],
        *,
        decimal_comma: bool,
        label_map: Mapping[str, str] | None,
    ) -> None:
        self._corpus = corpus
        self._header = header
        self._columns = len(header) - next((i for i, name in enumerate(reversed(header)) if name), len(header))
        self._decimal_comma = decimal_comma
        self._label_map = label_map
        self._finder = RecordingFinder(folder)

    def utterance(self, fields: Sequence[str]) -> Utterance:
        """Return the utterance of one row.

        Raises:
            CorpusError: the row can't be used, with the reason.
            UnknownNameError: its label is neither canonical nor mapped.

        """
        values = self._values(fields)
        if not values.get("file"):
            raise_unusable("no file is given")
        if "label" not in values:
            raise_unusable(f"{len(fields)} fields, but the header has {self._columns}, and no label is given")
        label = values["label"] or UNKNOWN
        (start_text, start), (end_text, end) = (self._time(column, values.get(column, "")) for column in TIMES)
        if end is not None and end <= (start or 0.0):
            raise_unusable(f"the end, {end:g} s, is not after the start, {start or 0.0:g} s")
        channel = parse_channel(values.get("channel", ""))
        path, file = self._finder.find(values["file"])
        speaker = values.get("speaker", "")
        extras = {name: value for name, value in values.items() if name not in COLUMNS and value}
        emotion = mapped_label(label, self._label_map)
        return Utterance(
            id=values.get("id") or fragment(file, start=start_text, end=end_text, channel=channel),
            corpus=self._corpus,
            path=path,
            start=start or 0.0,
            end=end,
            speaker=speaker,
            session=values.get("session") or speaker,
            label=emotion,
            extras=with_original_label(extras, label, emotion),
            channel=channel,
        )

    def _values(self, fields: Sequence[str]) -> dict[str, str]:
        """Return the fields of a row by the names of their columns."""
        if any(field.strip() for field in fields[self._columns :]):
            raise_unusable(f"{len(fields)} fields, but the header has {self._columns}; quote fields with separators")
        return {name: field.strip() for name, field in zip(self._header, fields, strict=False) if name}

    def _time(self, column: str, text: str) -> tuple[str, float | None]:
        """Return a time as ids contain it, which is how the table writes it if that is a number, and in seconds."""
        plain = text.replace(",", ".") if self._decimal_comma else text
        try:
            seconds = parse_seconds(plain)
        except ValueError:
            hint = "; where commas separate the columns, write a point" if "," in text else ""
            raise_unusable(f"the {column} '{text}' is not a number of seconds, 0 or more{hint}")
        if seconds is None or is_number(plain):
            return "" if seconds is None else plain, seconds
        return f"{seconds!r}".removesuffix(".0") if seconds or column == "end" else "", seconds


def with_original_label(extras: Mapping[str, str], word: str, emotion: str) -> dict[str, str]:
    """Return extras with the word of a label; a column `original_label` is kept where the label itself is canonical.

    Example:
        >>> with_original_label({"original_label": "Freude"}, "happiness", "happiness")
        {'original_label': 'Freude'}
        >>> with_original_label({"original_label": "Freude"}, "glad", "happiness")
        {'original_label': 'glad'}

    """
    own = extras.get("original_label", word) if word.casefold() == emotion else word
    return {**extras, "original_label": own}


def fragment(file: str, *, start: str, end: str, channel: int | None = None) -> str:
    """Return the id of a part of a file that has none of its own, as a media fragment.

    Example:
        >>> fragment("a.wav", start="", end="3"), fragment("a.wav", start="1.5", end="", channel=1)
        ('a.wav#t=0,3', 'a.wav#t=1.5&channel=1')

    """
    parts = [f"t={start or 0}{',' if end else ''}{end}"] if start or end else []
    parts += [] if channel is None else [f"channel={channel}"]
    return f"{file}#{'&'.join(parts)}" if parts else file


def parse_channel(text: str) -> int | None:
    """Return the number of a channel, or None for "mix" or no value; raise `CorpusError` for anything else."""
    if text.casefold() in ABSENT or text.casefold() == "mix":
        return None
    number = text.removesuffix(".0")  # as pandas writes integers next to missing values
    if not (number.isascii() and number.isdigit()):
        raise_unusable(f"the channel '{text}' is not a number, 0 or more")
    return int(number)


def raise_unusable(message: str) -> NoReturn:
    """Raise `CorpusError` for a row that can't be used."""
    raise CorpusError(message)
