"""An audformat database as a corpus, read and written: a folder with `db.yaml`, and a table of files or segments.

The extra `audformat` reads it. Two features of that package that would run code from the folder are not used: its cache
of tables as pickles is never read, and the header is read as plain YAML.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.corpora.labels import EMOTIONS, UNKNOWN, canonical, mapped_label
from emotone.corpora.scan import Scan
from emotone.corpora.table import relative
from emotone.corpora.table_rows import COLUMNS, fragment, parse_channel, with_original_label
from emotone.errors import CorpusError, OutputError, UnknownNameError, missing_extra
from emotone.files import atomic_write
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emotone.corpora.base import Corpus
    from emotone.types import Seconds

HEADER = "db.yaml"
STORED = (".parquet", ".csv")  # the first that exists is read; .pkl never
EMOTION = "emotion"

TABLE = "emotion"


@dataclass(frozen=True)
class _DatabaseRow:
    """One file or segment, and the text in every column that has one."""

    file: str
    start: Seconds
    end: Seconds | None
    values: Mapping[str, str]

    @property
    def place(self) -> str:
        """The file and the part of it, which is the id of a row that has none."""
        return fragment(
            self.file, start=repr(self.start) if self.start else "", end="" if self.end is None else repr(self.end)
        )


def is_database(path: Path) -> bool:
    """Return whether a folder contains an audformat database."""
    return (path / HEADER).is_file()


def read_database(root: Path, *, name: str, label_map: Mapping[str, str] | None = None) -> Scan:
    """Return the utterances of an audformat database, sorted by id.

    The emotion is the column or scheme `emotion`, or else the only column whose scheme has emotions as labels. Columns
    of other tables about the same file are joined to it, above all the speaker, as are the properties that a scheme
    gives its labels, such as the speaker's gender. All tables with emotions are used; the split of a table becomes an
    extra.

    Args:
        root: the folder; files are relative to it.
        name: of the corpus.
        label_map: word in lower case -> canonical emotion, for labels that are not mapped by themselves.

    Returns:
        A scan whose `problems` count the rows that can't be used: an unknown label, a missing file, different labels
        in two tables. A row without a label has the label "unknown".

    Raises:
        CorpusError: no such database, one that can't be read or is a pickle only, or no column with emotions.
        MissingExtraError: the extra `audformat` is not installed.

    """
    tables = _tables(root)
    column = _emotion_column(root, tables)
    about: dict[str, dict[str, str]] = defaultdict(dict)  # the columns of filewise tables, by file
    for table in tables.values():
        if table.is_filewise:
            for row in _rows(table):
                about[row.file].update((key, value) for key, value in row.values.items() if key != "id")
    found: dict[str, Utterance] = {}
    lost: Counter[str] = Counter()
    for key, table in tables.items():
        names = _names(table)
        if column not in names:
            continue
        meanings = _meanings(table, names[column])
        split = {} if table.split_id is None else {"split": str(table.split_id)}
        for row in _rows(table):
            complete = replace(row, values={**split, **about.get(row.file, {}), **row.values})
            try:
                utterance = _utterance(
                    root, complete, word=row.values.get(column, ""), meanings=meanings, corpus=name, label_map=label_map
                )
            except (CorpusError, UnknownNameError) as error:
                lost[f"table '{key}': {error}"] += 1
                continue
            first, second = found.get(row.place, utterance), utterance
            if first.label == UNKNOWN:  # another table may have a label
                first, second = second, first
            if second.label not in (first.label, UNKNOWN):
                lost[f"table '{key}': a label differs from that of a previous table, which is used"] += 1
            found[row.place] = replace(first, extras={**second.extras, **first.extras})
    problems = [f"{root}, {why} ({count} rows)" if count > 1 else f"{root}, {why}" for why, count in lost.items()]
    present = {place: utterance for place, utterance in found.items() if os.path.isfile(utterance.path)}  # noqa: PTH113
    missing = [str(utterance.path) for place, utterance in found.items() if place not in present]
    if missing:
        problems.append(f"{root}: the files of {len(missing)} rows do not exist; the first: {min(missing)}")
    ids = Counter(utterance.id for utterance in present.values())
    unique = (item if ids[item.id] == 1 else replace(item, id=place) for place, item in present.items())
    ordered = tuple(sorted(unique, key=lambda utterance: utterance.id))
    return Scan(name, root, ordered, problems=tuple(problems), from_table=True)


def _utterance(
    root: Path,
    row: _DatabaseRow,
    *,
    word: str,
    meanings: Mapping[str, str],
    corpus: str,
    label_map: Mapping[str, str] | None,
) -> Utterance:
    if row.end is not None and row.end <= row.start:
        raise CorpusError(f"the end, {row.end:g} s, is not after the start, {row.start:g} s, of {row.file}")
    speaker = row.values.get("speaker", "")
    extras = {key: value for key, value in row.values.items() if key not in (*COLUMNS, EMOTION) and value}
    emotion = _label(word, meanings, label_map)
    return Utterance(
        id=row.values.get("id") or row.place,
        corpus=corpus,
        path=root / row.file,
        start=row.start,
        end=row.end,
        speaker=speaker,
        session=row.values.get("session") or speaker,
        label=emotion,
        extras=with_original_label(extras, word or UNKNOWN, emotion),
        channel=parse_channel(row.values.get("channel", "")),
    )


def _label(word: str, meanings: Mapping[str, str], label_map: Mapping[str, str] | None) -> str:
    """Return the canonical emotion of a label, by the label map first, then by the scheme."""
    if not word:
        return UNKNOWN
    return mapped_label(word if word.casefold() in (label_map or {}) else meanings.get(word, word), label_map)


def _tables(root: Path) -> dict[str, Any]:
    """Return the loaded tables of the database by their ids."""
    try:
        import audformat
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise missing_extra("audformat", "audformat", "reading an audformat database") from error
    try:
        # audformat.Database.load uses a YAML loader that creates arbitrary objects.
        header = yaml.safe_load((root / HEADER).read_text("utf-8"))
        database = audformat.Database.load_header_from_yaml(header)
    except OSError as error:
        raise CorpusError(f"can't read the database {root / HEADER}: {error.strerror or error}") from error
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CorpusError(f"{root / HEADER} is not the header of an audformat database: {reason}") from error
    # Tables of schemes come first, because they contain the labels of others. None is loaded next to a pickle.
    with tempfile.TemporaryDirectory(prefix="emotone-") as folder:
        for key in (*database.misc_tables, *database.tables):
            stored = _stored(root, key)
            copy = Path(folder) / stored.name
            try:
                shutil.copyfile(stored, copy)
                database[key].load(str(copy.with_suffix("")))
            except (OSError, LookupError, RuntimeError, TypeError, ValueError) as error:
                reason = " ".join(str(error).split())
                raise CorpusError(f"can't read the table {stored}: {reason}") from error
    return {key: database[key] for key in database.tables}


def _stored(root: Path, key: str) -> Path:
    base = f"{Path(HEADER).stem}.{key}"
    for suffix in STORED:
        if (root / f"{base}{suffix}").is_file():
            return root / f"{base}{suffix}"
    if (root / f"{base}.pkl").exists():
        raise CorpusError(
            f"{root / base}.pkl is a pickle, which can run code and is never loaded; save the table with "
            "audformat as parquet or csv"
        )
    raise CorpusError(
        f"the table {root / base} does not exist; allowed: {', '.join(base + suffix for suffix in STORED)}"
    )


def _emotion_column(root: Path, tables: Mapping[str, Any]) -> str:
    names = {name for table in tables.values() for name in _names(table)}
    if EMOTION in names:
        return EMOTION
    emotional = {name for table in tables.values() for name in table.columns if _are_emotions(table, name)}
    if len(emotional) == 1:
        return str(emotional.pop())
    others = f"several with emotions: {', '.join(sorted(emotional))}" if emotional else "none with emotions"
    raise CorpusError(
        f"{root} has no column '{EMOTION}', and {others}; rename one to '{EMOTION}'; there are: "
        f"{', '.join(sorted(names))}"
    )


def _are_emotions(table: Any, name: str) -> bool:
    labels = _labels(table, name)
    words = [value if isinstance(value, str) else str(key) for key, value in labels.items()]
    return len({_emotion(word) for word in words} - {UNKNOWN}) > 1 and all(map(_emotion, words))


def _emotion(word: str) -> str | None:
    try:
        return canonical(word)
    except UnknownNameError:
        return None


def _meanings(table: Any, place: tuple[str, str | None]) -> dict[str, str]:
    """Return the texts that the emotion's scheme gives for labels that are not words, e.g. `W: anger`."""
    labels = {} if place[1] is not None else _labels(table, place[0])
    return {str(key): value for key, value in labels.items() if isinstance(value, str) and _emotion(str(key)) is None}


def _labels(table: Any, name: str) -> dict[Any, Any]:
    """Return the labels of a column's scheme, each with its properties."""
    scheme = table.columns[name].scheme
    labels = None if scheme is None else scheme.labels
    if isinstance(labels, str):  # a table of the database, with one row per label
        return dict(table.db[labels].df.to_dict("index"))
    return dict(labels) if isinstance(labels, dict) else dict.fromkeys(labels or ())


def _names(table: Any) -> dict[str, tuple[str, str | None]]:
    """Return the values of a table: name -> (column, property of its scheme's labels or None).

    Columns have their own names; those of speakers and emotions also that of their scheme. The properties of a scheme's
    labels have their own names.
    """
    names: dict[str, tuple[str, str | None]] = {name: (name, None) for name in table.columns}
    schemes = Counter(column.scheme_id for column in table.columns.values())
    for name, column in table.columns.items():
        if column.scheme_id in (EMOTION, "speaker") and schemes[column.scheme_id] == 1:
            names.setdefault(column.scheme_id, (name, None))
        for properties in _labels(table, name).values():
            for key in properties if isinstance(properties, dict) else ():
                if key not in COLUMNS or key in ("speaker", "session"):
                    names.setdefault(key, (name, key))
    return names


def _rows(table: Any) -> Iterator[_DatabaseRow]:
    columns = {}
    for name, (column, label_property) in _names(table).items():
        series = table.columns[column].get(map=label_property)
        given = series.notna().tolist()
        columns[name] = [str(value) if known else "" for value, known in zip(series.tolist(), given, strict=True)]
    for place, *values in zip(table.index, *columns.values(), strict=True):
        file, start, end = (place, None, None) if table.is_filewise else place
        yield _DatabaseRow(str(file), _seconds(start) or 0.0, _seconds(end), dict(zip(columns, values, strict=True)))


def _seconds(duration: Any) -> Seconds | None:
    """Return a duration of pandas in seconds; None for NaT."""
    return None if duration is None or duration != duration else float(duration.total_seconds())  # noqa: PLR0124


def write_database(scan: Scan, folder: Path, *, corpus: Corpus | None = None) -> None:
    """Write the utterances of a scan as an audformat database that `read_database` reads: `db.yaml` and one table.

    Files below the folder are written relative to it, so that a database in the corpus's own folder can be moved with
    it; others are written with their absolute path.

    Args:
        scan: with canonical labels.
        folder: of the database; it is created.
        corpus: whose licence, source and languages the header contains; None for a table.

    Raises:
        CorpusError: two utterances of the same part of a file, or an extra with the name of a required column.
        OutputError: the folder contains a database already, or can't be written to.
        MissingExtraError: the extra `audformat` is not installed.

    """
    try:
        import audformat
    except ImportError as error:
        raise missing_extra("audformat", "audformat", "writing an audformat database") from error
    if (folder / HEADER).exists():
        raise OutputError(f"{folder} contains an audformat database already; choose another folder, or delete {HEADER}")
    database = audformat.Database(scan.name, **_header(corpus))
    labels = {utterance.label for utterance in scan.utterances}
    ordered = [label for label in (*EMOTIONS, UNKNOWN) if label in labels]
    speakers = sorted({utterance.speaker for utterance in scan.utterances} - {""})
    database.schemes[EMOTION] = audformat.Scheme("str", labels=ordered)
    database.schemes["speaker"] = audformat.Scheme("str", labels=speakers or None)
    database.schemes["text"] = audformat.Scheme("str", description="Other information about an utterance")
    columns = _columns(scan.utterances)
    files = [relative(utterance.path, folder) for utterance in scan.utterances]
    _check_parts(scan.utterances)
    if any(utterance.start or utterance.end is not None for utterance in scan.utterances):
        index = audformat.segmented_index(
            files,
            [f"{utterance.start!r}s" for utterance in scan.utterances],
            [None if utterance.end is None else f"{utterance.end!r}s" for utterance in scan.utterances],
        )
    else:
        index = audformat.filewise_index(files)
    table = database[TABLE] = audformat.Table(index)
    for name, values in columns.items():
        table[name] = audformat.Column(scheme_id=name if name in (EMOTION, "speaker") else "text")
        table[name].set([value or None for value in values])
    with tempfile.TemporaryDirectory(prefix="emotone-") as place:
        database.save(place, storage_format="parquet")
        for path in sorted(Path(place).iterdir(), key=lambda path: path.name == HEADER):  # the header last
            with atomic_write(folder / path.name) as stream:
                stream.write(path.read_bytes())


def _header(corpus: Corpus | None) -> dict[str, str | list[str]]:
    if corpus is None:
        return {"source": "a table", "usage": "other"}
    return {
        "source": corpus.access,
        "usage": "unrestricted" if corpus.licence.name == "CC0-1.0" else "restricted",
        "languages": list(dict.fromkeys(tag.partition("-")[0] for tag in corpus.languages)),
        "description": f"{corpus.title}. {corpus.citation}",
        "license": corpus.licence.name,
    }


def _columns(utterances: tuple[Utterance, ...]) -> Mapping[str, list[str]]:
    extras = sorted({name for utterance in utterances for name in utterance.extras})
    if EMOTION in extras:
        raise CorpusError(
            f"the table has a column '{EMOTION}' besides the label; rename it, because a database stores labels there"
        )
    channels = ["" if utterance.channel is None else str(utterance.channel) for utterance in utterances]
    return {
        EMOTION: [utterance.label for utterance in utterances],
        "speaker": [utterance.speaker for utterance in utterances],
        "session": [utterance.session for utterance in utterances],
        "id": [utterance.id for utterance in utterances],
        **({"channel": channels} if any(channels) else {}),
        **{name: [utterance.extras.get(name, "") for utterance in utterances] for name in extras},
    }


def _check_parts(utterances: tuple[Utterance, ...]) -> None:
    """Raise `CorpusError` for two utterances of one part of a file: a database has one row for each part."""
    ids: dict[tuple[Path, float, float | None], str] = {}
    for utterance in utterances:
        first = ids.setdefault((utterance.path, utterance.start, utterance.end), utterance.id)
        if first != utterance.id:
            raise CorpusError(f"{first} and {utterance.id} are the same part of {utterance.path}; keep one of them")
