"""Scans the corpora that the options `--corpus NAME=DIR` or the folder `$EMOTONE_CORPORA` name."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.corpora.base import CORPORA
from emotone.corpora.content import shared_recordings
from emotone.corpora.database import HEADER, is_database, read_database
from emotone.corpora.labels import check_label_map
from emotone.corpora.scan import Scan, scan
from emotone.corpora.table import TABLE_SUFFIXES, read_table
from emotone.errors import CorpusError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VARIABLE = "EMOTONE_CORPORA"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # part of keys (corpus/id) and of file names


def resolve(
    options: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    label_map: Mapping[str, str] | None = None,
) -> dict[str, Scan]:
    """Return the corpora that the options name, in their order; without options, those in `$EMOTONE_CORPORA`.

    Args:
        options: `emodb=DIR` for a folder of a known corpus, `ANYNAME=FILE.csv` (or .tsv) for a table, `ANYNAME=DIR`
            for a folder with an audformat database, or `emodb` alone for the folder of that name in
            `$EMOTONE_CORPORA`.
        environment: used instead of the process's own.
        label_map: word in lower case -> canonical emotion, for the labels of tables and databases; see
            `emotone.corpora.labels.parse_label_map`.

    Returns:
        Scan by name, each with at least one utterance; empty where there are neither options nor the variable.

    Raises:
        UsageError: an option of another form, an unknown corpus (with the nearest name), a duplicate name, or a word of
            the label map that no label matches.
        CorpusError: a folder or table that does not exist, or that contains no clip of the corpus; or two corpora that
            contain the same recordings.

    Example:
        >>> resolve(["emodb=~/corpora/emodb", "calls=calls.csv"])  # doctest: +SKIP

    """
    home = (os.environ if environment is None else environment).get(VARIABLE)
    scans: dict[str, Scan] = {}
    for name, path in _named(options, home) if options else _all_in(home):
        if name in scans:
            raise UsageError(f"the corpus '{name}' is given twice; give each table its own name")
        scans[name] = load(name, path, label_map=label_map)
    if label_map:
        check_label_map(label_map, [each for scan in scans.values() if scan.from_table for each in scan.utterances])
    for (first, second), paths in shared_recordings(scans).items():
        what = "1 recording" if len(paths) == 1 else f"{len(paths)} recordings"
        raise CorpusError(
            f"{first} and {second} contain the same {what}, so no protocol can be speaker-independent; give each "
            f"recording once; the first: {paths[0][0]} and {paths[0][1]}"
        )
    return scans


def is_table(path: Path) -> bool:
    """Return whether a path names a table rather than a corpus folder; it need not exist."""
    return path.suffix.lower() in TABLE_SUFFIXES and not path.is_dir()


def load(name: str, path: Path, *, label_map: Mapping[str, str] | None = None) -> Scan:
    """Return one corpus from its folder, or from a table or an audformat database with any name.

    With the name of a known corpus, its layout is tried first.

    Raises:
        UsageError: a folder without a database, and a name that is not a known corpus.
        CorpusError: it does not exist, or contains no clip of the corpus.

    """
    if is_table(path):
        return _checked(read_table(path, name=name, label_map=label_map))
    if name not in CORPORA.names and is_database(path):
        return _checked(read_database(path, name=name, label_map=label_map))
    corpus = CORPORA.get(name)
    found = scan(corpus, path)
    if not found.utterances and is_database(path):
        return _checked(read_database(path, name=name, label_map=label_map))
    if not found.utterances and found.problems:
        raise CorpusError(f"{path} has no usable clip of {name}; the first problem: {found.problems[0]}")
    if not found.utterances:
        seen = f"{len(found.unrecognised)} other recordings" if found.unrecognised else "no recordings at all"
        raise CorpusError(
            f"{path} contains no clip of {name}, but {seen}; expected are files such as {corpus.examples[0]}; "
            f"see: emotone corpora show {name}"
        )
    return found


def _checked(found: Scan) -> Scan:
    if not found.utterances:
        reason = f"; the first problem: {found.problems[0]}" if found.problems else ": it has a header only"
        raise CorpusError(f"{found.root} has no usable row{reason}")
    return found


def _named(options: Sequence[str], home: str | None) -> list[tuple[str, Path]]:
    pairs = []
    for option in options:
        name, equals, place = option.partition("=")
        if not equals and home and name in CORPORA.names:
            pairs.append((name, Path(home).expanduser() / name))
            continue
        if not equals and name in CORPORA.names:
            raise UsageError(f"'{option}' was given without a folder; allowed: {name}=DIR, or set {VARIABLE}")
        if not place or not NAME.fullmatch(name):
            raise UsageError(f"'{option}' was given; allowed: NAME=DIR for a known corpus, or NAME=FILE.csv")
        path = Path(place).expanduser()  # shells do not expand the ~ in emodb=~/corpora
        if name not in CORPORA.names and not is_table(path) and not is_database(path):
            others = f"any other as a table: {name}=FILE.csv, or as an audformat database: a folder with {HEADER}"
            raise UsageError(f"{unknown_name('corpus', name, CORPORA.names)}; {others}")
        pairs.append((name, path))
    return pairs


def _all_in(home: str | None) -> list[tuple[str, Path]]:
    if not home:
        return []
    folder = Path(home).expanduser()
    if not folder.is_dir():
        raise CorpusError(f"{VARIABLE} names {folder}, which is not a folder")
    found = [(name, folder / name) for name in CORPORA.names if (folder / name).is_dir()]
    if not found:
        allowed = ", ".join(CORPORA.names)
        raise CorpusError(f"{VARIABLE} names {folder}, which contains none of the folders {allowed}")
    return found
