"""Any corpus as a table, read and written, with one row per utterance; or as folders that are named after labels.

Optional columns are start, end, channel, id, speaker and session; every other column becomes an extra. The text is
UTF-8 with a header, separated by commas, semicolons or tabs; a first line `sep=;` as Excel writes it names another
separator. Names of columns are compared without regard to case, and columns without a name are ignored. Files are
relative to the table. A row that can't be used is listed with its line and left out; the others are used.

Of folders, the label is the name of the innermost one that names an emotion; any other folders name the speaker.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.audio.identify import stand_in
from emotone.corpora.labels import mapped_label
from emotone.corpora.scan import MEDIA, Scan
from emotone.corpora.table_rows import COLUMNS, TIMES, RowReader, raise_unusable, with_original_label
from emotone.errors import CorpusError, UnknownNameError
from emotone.files import atomic_write, walk
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TABLE_SUFFIXES = (".csv", ".tsv")
SEPARATORS = (",", ";", "\t")
REQUIRED = ("file", "label")
HEAD = 1024  # bytes in which a pointer or a page is recognised
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>.)"?[,;\t ]*', re.IGNORECASE)
# What tables of other programs call these columns: they are suggested, not read.
_SYNONYMS = {
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


def read_table(path: Path, *, name: str, label_map: Mapping[str, str] | None = None) -> Scan:
    """Return the utterances of a table, sorted by id.

    Args:
        path: of the table.
        name: of the corpus.
        label_map: word in lower case -> canonical emotion, for labels that are not mapped by themselves (see
            `emotone.corpora.labels`).

    Returns:
        A scan whose `problems` contain one line per row that can't be used: an unknown label, a missing file, an end
        before the start, something that is not a number, a duplicate id, too many fields. A row without a speaker is
        used with the speaker "", which speaker-independent protocols refuse. An empty label is "unknown", which no task
        uses. Without an id column the id is the file, with the part as a media fragment (`a.wav#t=1.5,3`).

    Raises:
        CorpusError: no such table, not UTF-8, empty, or without the columns file and label.

    Example:
        >>> read_table(Path("calls.csv"), name="calls").problems  # doctest: +SKIP
        ("calls.csv, line 7: unknown label 'angy'; did you mean 'anger'? Allowed: ...",)

    """
    text, separator, skipped = _separated(_read_text(path))
    if not text.split("\n", 1)[0].strip():
        raise CorpusError(f"{path}, line {skipped + 1}: no header; the columns {_listed(REQUIRED)} are needed")
    rows = _rows(path, text, separator, skipped=skipped)
    header, problems = _header(path, *next(rows))
    reader = RowReader(name, path.parent, header, decimal_comma=separator != ",", label_map=label_map)
    utterances: dict[str, tuple[int, Utterance]] = {}
    for number, fields in rows:
        if not any(field.strip() for field in fields):
            continue
        try:
            utterance = reader.utterance(fields)
            if utterance.id in utterances:
                first, earlier = utterances[utterance.id]
                differs = f" as '{earlier.label}'" if earlier.label != utterance.label else ""
                raise_unusable(f"line {first} has the same id '{utterance.id}'{differs}; ids must differ")
        except (CorpusError, UnknownNameError) as error:
            message = " ".join(str(error).splitlines())  # a quoted field may contain line breaks
            problems.append(f"{path}, line {number}: {message}")
        else:
            utterances[utterance.id] = (number, utterance)
    ordered = tuple(utterances[key][1] for key in sorted(utterances))
    return Scan(name, path, ordered, problems=tuple(problems), from_table=True)


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"can't read the table {path}: {error.strerror or error}") from error
    wrong = stand_in(content[:HEAD], expected="table")
    if wrong:
        raise CorpusError(f"{path}: {wrong}")
    try:
        # Excel marks UTF-8 with a byte order mark, which does not belong to the name of the first column.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CorpusError(f"{path}, line {line}: is not UTF-8 text; save the table as UTF-8") from error


def _separated(text: str) -> tuple[str, str, int]:
    """Return the text from the header on, the separator, and how many lines precede the header."""
    first_line, _, rest = text.partition("\n")
    named = _SEPARATOR_LINE.fullmatch(first_line.rstrip("\r"))
    if named:
        return rest, named["separator"], 1
    return text, max(SEPARATORS, key=first_line.count), 0  # a comma where there is none


def _rows(path: Path, text: str, separator: str, *, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the last line and the fields of each row."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for fields in reader:
            yield reader.line_num + skipped, fields
    except csv.Error as error:
        raise CorpusError(f"{path}, line {reader.line_num + skipped}: {error}; check the quotes") from error


def _header(path: Path, line: int, fields: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the names of the columns in lower case, and a line for each that looks misspelt."""
    header = tuple(field.strip().casefold() for field in fields)
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        raise CorpusError(f"{path}, line {line}: there are two columns '{repeated[0]}'")
    unknown = [name for name in header if name and name not in COLUMNS]
    missing = [column for column in COLUMNS if column not in header]
    for column in REQUIRED:
        if column in missing:
            close = [name for name in unknown if _nearest(name, missing) == column]
            hint = f"; rename '{close[0]}' to it?" if close else ""
            there = _listed([name for name in header if name])
            raise CorpusError(f"{path}, line {line}: no column '{column}'{hint}; there are: {there}")
    problems = []
    for name in unknown:
        meant = _nearest(name, missing)
        if meant in TIMES:  # whole recordings would be used instead of their parts
            raise CorpusError(
                f"{path}, line {line}: is the column '{name}' the {meant}? Rename it to '{meant}', or to another name"
            )
        if meant is not None:
            problems.append(
                f"{path}, line {line}: the column '{name}' is not read as '{meant}'; rename it if that is meant"
            )
    return header, problems


def _nearest(name: str, missing: Sequence[str]) -> str | None:
    """Return the missing column that `name` probably means."""
    if _SYNONYMS.get(name) in missing:
        return _SYNONYMS[name]
    close = difflib.get_close_matches(name, missing, n=1, cutoff=0.75)
    return close[0] if close else None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def write_table(scan: Scan, path: Path) -> None:
    """Write the utterances of a scan as a table that `read_table` reads.

    Files below the folder of the table are written relative to it, so that the two can be moved together; others are
    written with their absolute path. Tabs separate the columns of a file whose name ends in .tsv, else commas. The
    column `channel` is written where an utterance has one.

    Raises:
        OutputError: it can't be written.

    """
    extras = sorted({name for utterance in scan.utterances for name in utterance.extras})
    has_channels = any(utterance.channel is not None for utterance in scan.utterances)
    columns = [column for column in COLUMNS if column != "channel" or has_channels]
    with atomic_write(path, text=True) as stream:
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        writer.writerow([*columns, *extras])
        for utterance in scan.utterances:
            values = {
                "file": relative(utterance.path, path.parent),
                "start": repr(utterance.start) if utterance.start else "",
                "end": "" if utterance.end is None else repr(utterance.end),
                "id": utterance.id,
                "speaker": utterance.speaker,
                "session": utterance.session,
                "label": utterance.label,
                "channel": "" if utterance.channel is None else str(utterance.channel),
            }
            writer.writerow([*(values[column] for column in columns), *(utterance.extras.get(x, "") for x in extras)])


def relative(path: Path, folder: Path) -> str:
    """Return a path below `folder` relative to it, any other absolute; with slashes."""
    absolute = path.absolute()
    below = absolute.is_relative_to(folder.absolute())
    return (absolute.relative_to(folder.absolute()) if below else absolute).as_posix()


def read_label_folders(folder: Path, *, name: str, label_map: Mapping[str, str] | None = None) -> Scan:
    """Return the clips below a folder; no recording is opened.

    Args:
        folder: contains a folder per label, with folders per speaker inside or around them, or without any; then the
            speaker is "".
        name: of the corpus.
        label_map: word in lower case -> canonical emotion (see `emotone.corpora.labels`).

    Returns:
        A scan whose ids are the paths; recordings outside a folder with the name of an emotion are `unrecognised`.

    Raises:
        CorpusError: no clip in a folder that is named after an emotion.

    """
    found = walk(folder)
    utterances: list[Utterance] = []
    outside: list[Path] = []
    for entry in found.files:
        if entry.relative.suffix.lower() not in MEDIA:
            continue
        utterance = _utterance(entry.relative, Path(entry.path), name=name, label_map=label_map)
        if utterance is None:
            outside.append(Path(entry.path))
        else:
            utterances.append(utterance)
    if not utterances:
        raise CorpusError(
            f"{folder} has no clips in folders with the name of an emotion, such as {folder.name}/anger/1.wav; pass a "
            "folder per label, or a table with the columns file, label and speaker"
        )
    problems = tuple(str(failure) for failure in found.failures)
    ordered = tuple(sorted(utterances, key=lambda one: one.id))
    return Scan(name, folder, ordered, tuple(outside), problems=problems, from_table=True, unreadable=problems)


def _utterance(relative: Path, path: Path, *, name: str, label_map: Mapping[str, str] | None) -> Utterance | None:
    """Return the clip at a path below the folder, or None if no folder names its emotion."""
    parts = relative.parts[:-1]
    for place in reversed(range(len(parts))):
        try:
            label = mapped_label(parts[place], label_map)
        except UnknownNameError:
            continue
        speaker = "/".join((*parts[:place], *parts[place + 1 :]))
        extras = with_original_label({}, parts[place], label)
        return Utterance(relative.as_posix(), name, path, 0.0, None, speaker, speaker, label, extras)
    return None
