"""Any corpus as a table: one row per utterance, with file and label, and optionally start, end, id, speaker, session.

Text in UTF-8, with a header; separated by commas, semicolons or tabs. Names of columns are compared without regard to
case; every other column becomes an extra. Files are relative to the table. A bad row is listed with its line and
left out; the others are used.
"""

from __future__ import annotations

import csv
import difflib
import io
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.corpora.labels import UNKNOWN, canonical
from emotone.corpora.scan import Scan
from emotone.errors import CorpusError, UnknownNameError
from emotone.files import atomic_write
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from emotone.types import Seconds

TABLE_SUFFIXES = (".csv", ".tsv")
SEPARATORS = (",", ";", "\t")
REQUIRED = ("file", "label")
TIMES = ("start", "end")
COLUMNS = ("file", "start", "end", "id", "speaker", "session", "label")
# What tables of other programs call these columns: to suggest, not to guess.
_MEANT = {
    "audio": "file",
    "begin": "start",
    "class": "label",
    "emotion": "label",
    "end_time": "end",
    "filename": "file",
    "onset": "start",
    "offset": "end",
    "path": "file",
    "start_time": "start",
    "stop": "end",
    "wav": "file",
}


def read_table(path: Path, *, name: str) -> Scan:
    """Return the utterances of a table, sorted by id.

    Args:
        path: the table.
        name: what the corpus is called.

    Returns:
        A scan whose `problems` hold one line per bad row: an unknown label, a missing file, an end before the start,
        something that is no number, an id that comes twice, too many fields. A row without speaker is kept with the
        speaker "", which protocols that must keep speakers apart refuse. An empty label is the emotion "unknown",
        which no task takes. Without an id column the id is the file
        as written, with the part as a media fragment (`a.wav#t=1.5,3`).

    Raises:
        CorpusError: no table there, not UTF-8, empty, or without the columns file and label.

    Example:
        >>> read_table(Path("calls.csv"), name="calls").problems  # doctest: +SKIP
        ("calls.csv, line 7: unknown label 'angy'; did you mean 'anger'? Allowed: ...",)

    """
    text = _read_text(path)
    first_line = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=first_line.count)  # a comma where there is none
    rows = _rows(path, text, separator)
    header, problems = _header(path, next(rows)[1])
    utterances: dict[str, tuple[int, Utterance]] = {}
    for number, fields in rows:
        if not any(field.strip() for field in fields):
            continue
        try:
            utterance = _Row(fields, header, decimal_comma=separator != ",").utterance(name, folder=path.parent)
            if utterance.id in utterances:
                first, earlier = utterances[utterance.id]
                differs = f" as '{earlier.label}'" if earlier.label != utterance.label else ""
                _fail(f"the id '{utterance.id}' is already that of line {first}{differs}; ids must differ")
        except (CorpusError, UnknownNameError) as error:
            said = " ".join(str(error).splitlines())  # a quoted field may hold line breaks
            problems.append(f"{path}, line {number}: {said}")
        else:
            utterances[utterance.id] = (number, utterance)
    ordered = tuple(utterances[key][1] for key in sorted(utterances))
    return Scan(name, path, ordered, problems=tuple(problems), from_table=True)


def write_table(scan: Scan, path: Path) -> None:
    """Write the utterances of a scan as a table that `read_table` reads.

    Files below the table's folder are written relative to it, so that the two can be moved together; others are
    written with their whole path. Tabs separate the columns of a file whose name ends in .tsv, else commas.

    Raises:
        OutputError: it can't be written.

    """
    extras = sorted({name for utterance in scan.utterances for name in utterance.extras})
    with atomic_write(path, text=True) as stream:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        writer.writerow([*COLUMNS, *extras])
        for utterance in scan.utterances:
            writer.writerow(
                [
                    relative(utterance.path, path.parent),
                    repr(utterance.start) if utterance.start else "",
                    "" if utterance.end is None else repr(utterance.end),
                    utterance.id,
                    utterance.speaker,
                    utterance.session,
                    utterance.label,
                    *(utterance.extras.get(name, "") for name in extras),
                ]
            )


def fragment(file: str, *, start: str, end: str) -> str:
    """Return the id of a stretch of a file that has none of its own, as a media fragment.

    Example:
        >>> fragment("a.wav", start="", end="3"), fragment("a.wav", start="1.5", end="")
        ('a.wav#t=0,3', 'a.wav#t=1.5')

    """
    return f"{file}#t={start or 0}{',' if end else ''}{end}" if start or end else file


@dataclass(frozen=True)
class _Row:
    """The fields of one line under the header's names; every method raises `CorpusError` with what is wrong."""

    fields: Sequence[str]
    header: Sequence[str]
    decimal_comma: bool

    def utterance(self, corpus: str, *, folder: Path) -> Utterance:
        if len(self.fields) > len(self.header):
            _fail(f"{len(self.fields)} fields, but the header has {len(self.header)}; quote fields with separators")
        values = dict(zip(self.header, (field.strip() for field in self.fields), strict=False))
        times = {column: self._plain(values.get(column, "")) for column in TIMES}
        file = values.get("file", "")
        if not file:
            _fail("no file is given")
        if "label" not in values:
            _fail(f"{len(self.fields)} fields, but the header has {len(self.header)}, and no label is given")
        label = values["label"] or UNKNOWN
        start, end = (self._seconds(column, times[column]) for column in TIMES)
        if end is not None and end <= (start or 0.0):
            _fail(f"the end, {end:g} s, is not after the start, {start or 0.0:g} s")
        path = folder / file
        if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where a name is too long
            _fail(f"no such file: {path}")
        speaker = values.get("speaker", "")
        extras = {name: value for name, value in values.items() if name not in COLUMNS and value}
        return Utterance(
            id=values.get("id") or fragment(file, **times),
            corpus=corpus,
            path=path,
            start=start or 0.0,
            end=end,
            speaker=speaker,
            session=values.get("session") or speaker,
            label=canonical(label),
            extras={"original_label": label, **extras},
        )

    def _plain(self, number: str) -> str:
        return number.replace(",", ".") if self.decimal_comma else number

    def _seconds(self, column: str, text: str) -> Seconds | None:
        if not text:
            return None
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            hint = "; where commas separate the columns, write a point" if "," in text else ""
            _fail(f"the {column} '{text}' is not a number of seconds, 0 or more{hint}")
        return seconds


def relative(path: Path, folder: Path) -> str:
    """Return a path below `folder` relative to it, any other whole; with slashes."""
    absolute = path.absolute()
    below = absolute.is_relative_to(folder.absolute())
    return (absolute.relative_to(folder.absolute()) if below else absolute).as_posix()


def _read_text(path: Path) -> str:
    try:
        # Excel marks UTF-8 with a byte order mark, which is no part of the first column's name.
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise CorpusError(f"{path}, line {line}: is not UTF-8 text; save the table as UTF-8") from error
    except OSError as error:
        raise CorpusError(f"can't read the table {path}: {error.strerror or error}") from error
    if not text.split("\n", 1)[0].strip():
        raise CorpusError(f"{path}, line 1: no header; the columns {_listed(REQUIRED)} are needed")
    return text


def _rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the last line's number and the fields of each row."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for fields in reader:
            yield reader.line_num, fields
    except csv.Error as error:
        raise CorpusError(f"{path}, line {reader.line_num}: {error}; check the quotes") from error


def _header(path: Path, fields: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the columns' names in lower case, and a line for each that looks misspelt."""
    header = tuple(field.strip().casefold() for field in fields)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise CorpusError(f"{path}, line 1: the column '{twice[0]}' is there twice")
    unknown = [name for name in header if name not in COLUMNS]
    missing = [column for column in COLUMNS if column not in header]
    for column in REQUIRED:
        if column in missing:
            close = [name for name in unknown if _nearest(name, missing) == column]
            hint = f"; rename '{close[0]}' to it?" if close else ""
            raise CorpusError(f"{path}, line 1: no column '{column}'{hint}; there are: {_listed(header)}")
    problems = []
    for name in unknown:
        meant = _nearest(name, missing)
        if meant in TIMES:  # else whole recordings would stand for parts of them
            raise CorpusError(
                f"{path}, line 1: is the column '{name}' the {meant}? Rename it to '{meant}', or otherwise"
            )
        if meant is not None:
            problems.append(f"{path}, line 1: the column '{name}' is not read as '{meant}'; rename it if that is meant")
    return header, problems


def _nearest(name: str, missing: Sequence[str]) -> str | None:
    """Return the column that is not there and that `name` probably means."""
    if _MEANT.get(name) in missing:
        return _MEANT[name]
    close = difflib.get_close_matches(name, missing, n=1, cutoff=0.75)
    return close[0] if close else None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _fail(message: str) -> None:
    raise CorpusError(message)
