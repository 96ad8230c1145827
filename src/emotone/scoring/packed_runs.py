"""Packed runs: many finished evaluations in two files of their common folder, instead of a folder for each.

    runs.json       one line per run: the contents of its JSON files, and the labels and rows of its tables
    runs.parquet    the rows of all predictions tables, one row group per table

The Parquet file has the columns of a predictions table after `run` (name) and `table` (name of the file it was); labels
that a run does not have are null. A packed run is addressed by the path that its folder had, so that a folder with
packed runs is read like any other. Equal runs give equal bytes.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from emotone.errors import ConfigError, RunError
from emotone.files import atomic_write, write_json
from emotone.scoring.parquet import AFTER, BEFORE, NUMBERS, from_arrow, load_arrow, to_arrow
from emotone.scoring.predictions import PredictionsTable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

MANIFEST, TABLES = "runs.json", "runs.parquet"
SCHEMA = "emotone.runs/1"
COMPRESSION = 9  # zstd; higher levels take five times as long and save 3 %


def packed_names(root: Path) -> tuple[str, ...]:
    """Return the names of the runs that are packed in a folder, sorted; none if there are no packed runs.

    Raises:
        ConfigError: `runs.json` can't be read.

    """
    return tuple(_manifest(root))


def is_packed(run: Path) -> bool:
    """Return whether a run is packed in the folder that contains it."""
    return run.name in _manifest(run.parent)


def packed_json(run: Path, file: str) -> Any:
    """Return the content of a JSON file of a packed run; None if the run has no such file."""
    return _copy(_manifest(run.parent)[run.name]["json"].get(file))


def packed_table(run: Path, file: str) -> PredictionsTable | None:
    """Return a predictions table of a packed run; None if the run has no such table.

    Raises:
        ConfigError: `runs.parquet` can't be read, or does not belong to `runs.json`.
        MissingExtraError: pyarrow is not installed.

    """
    found = _manifest(run.parent)[run.name]["tables"].get(file)
    if found is None:
        return None
    place = list(_places(_manifest(run.parent))).index((run.name, file))
    path = run.parent / TABLES
    return _read_table(path, _version_of(path), place, (run.name, file), tuple(found["labels"]), found["rows"])


@lru_cache(maxsize=64)
def _read_table(
    path: Path, _version: tuple[int, int], place: int, owner: tuple[str, str], labels: tuple[str, ...], rows: int
) -> PredictionsTable:
    """Return a table, whose columns are read-only; pages read the same runs again and again."""
    table = _row_group(path, place, _layout(path, _version_of(path)))
    found = set(zip(*(table[name].unique().to_pylist() for name in ("run", "table")), strict=True))
    if table.num_rows != rows or (table.num_rows and found != {owner}):
        raise ConfigError(f"{path} does not belong to {MANIFEST} next to it; restore both files")
    return PredictionsTable(labels=labels, **from_arrow(table, labels=labels, path=path))


def pack(root: Path, folders: Collection[Path]) -> None:
    """Add the runs in folders to the packed runs of a folder; packed runs of the same names are replaced.

    Args:
        root: the folder of runs.
        folders: of finished evaluations, named as the runs; they are not deleted.

    Raises:
        ConfigError: a file that can't be read.
        OutputError: the files can't be written.
        MissingExtraError: pyarrow is not installed.

    """
    described: dict[str, Any] = dict(_manifest(root))
    tables = _arrow_tables(root, described)
    for folder in folders:
        read = {path.name: PredictionsTable.read(path) for path in sorted(folder.glob("*.parquet"))}
        described[folder.name] = {
            "json": {path.name: _json(path) for path in sorted(folder.glob("*.json"))},
            "tables": {name: {"labels": list(table.labels), "rows": len(table)} for name, table in read.items()},
        }
        tables = {place: table for place, table in tables.items() if place[0] != folder.name}
        for name, table in read.items():
            tables[folder.name, name] = to_arrow(table.columns(), labels=table.labels)
    _write(root, described, tables)


def remove_packed(root: Path, names: Collection[str]) -> None:
    """Remove packed runs from a folder.

    Raises:
        RunError: no packed run has that name.

    """
    described = dict(_manifest(root))
    for name in names:
        if name not in described:
            raise RunError(f"{root} has no packed run '{name}'")
    tables = _arrow_tables(root, described)
    kept = {name: content for name, content in described.items() if name not in names}
    _write(root, kept, {place: table for place, table in tables.items() if place[0] in kept})


def unpack(run: Path, folder: Path | None = None) -> None:
    """Write the files of a packed run into a folder, by default its own; the packed run stays."""
    folder = run if folder is None else folder
    content = _manifest(run.parent)[run.name]
    for file in content["tables"]:
        table = packed_table(run, file)
        assert table is not None  # noqa: S101 - it is in the manifest
        table.write(folder / file)
    for file, value in content["json"].items():
        write_json(folder / file, value)


def _manifest(root: Path) -> Mapping[str, Any]:
    path = root / MANIFEST
    try:
        state = path.stat()
    except OSError:
        return {}
    return _read_manifest(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _read_manifest(path: Path, _changed: int, _size: int) -> Mapping[str, Any]:
    """Return the runs of a manifest; it is read again after a change."""
    content = _json(path)
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ConfigError(f"{path} was not written by this version; expected the schema '{SCHEMA}'")
    runs: Mapping[str, Any] = content["runs"]
    return runs


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from error


def _copy(value: Any) -> Any:
    """Return a copy of the content of a JSON file; `copy.deepcopy` is several times slower."""
    if isinstance(value, dict):
        return {name: _copy(each) for name, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list) else value


def _places(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the run and the file of every row group, in order."""
    for name in sorted(described):
        for file in sorted(described[name]["tables"]):
            yield name, file


def _version_of(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError as error:
        raise ConfigError(f"can't read packed runs from {path}: {error}; restore it and {MANIFEST}") from error
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=16)
def _layout(path: Path, _version: tuple[int, int]) -> Any:
    """Return where the row groups of a file are; reading this takes as long as reading one of hundreds of tables."""
    arrow, parquet = load_arrow()
    try:
        return parquet.read_metadata(path)
    except (OSError, arrow.ArrowException) as error:
        raise ConfigError(f"can't read packed runs from {path}: {error}; restore it and {MANIFEST}") from error


def _row_group(path: Path, number: int, layout: Any = None) -> Any:
    arrow, parquet = load_arrow()
    try:
        with path.open("rb") as stream:
            return parquet.ParquetFile(stream, metadata=layout).read_row_group(number)
    except (OSError, arrow.ArrowException, IndexError) as error:
        raise ConfigError(f"can't read packed runs from {path}: {error}; restore it and {MANIFEST}") from error


def _arrow_tables(root: Path, described: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Return all tables of packed runs without the columns that name their run, in the file's types."""
    return {place: _row_group(root / TABLES, number) for number, place in enumerate(_places(described))}


def _write(root: Path, described: Mapping[str, Any], tables: Mapping[tuple[str, str], Any]) -> None:
    """Write both files, the runs sorted by name."""
    arrow, parquet = load_arrow()
    labels = {label for run in described.values() for table in run["tables"].values() for label in table["labels"]}
    probabilities = [f"p_{label}" for label in sorted(labels)]
    types = {name: arrow.from_numpy_dtype(dtype) for name, dtype in NUMBERS.items()}
    types |= dict.fromkeys(probabilities, arrow.float64())
    names = ("run", "table", *BEFORE, *probabilities, *AFTER)
    schema = arrow.schema([(name, types.get(name, arrow.string())) for name in names])
    texts = [name for name in names if name not in types]
    with (
        atomic_write(root / TABLES) as stream,
        parquet.ParquetWriter(
            stream,
            schema,
            compression="zstd",
            compression_level=COMPRESSION,
            use_dictionary=texts,
            column_encoding=dict.fromkeys(probabilities, "BYTE_STREAM_SPLIT"),
        ) as writer,
    ):
        for place in _places(described):
            rows = tables[place]
            given = {name: rows[name] for name in rows.column_names} | {
                name: arrow.repeat(text, rows.num_rows) for name, text in zip(("run", "table"), place, strict=True)
            }
            columns = [given.get(name, arrow.nulls(rows.num_rows, types.get(name))) for name in names]
            writer.write_table(arrow.table(columns, schema=schema), row_group_size=max(1, rows.num_rows))
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(described[name])}" for name in sorted(described))
    with atomic_write(root / MANIFEST, text=True) as manifest:
        manifest.write(f'{{"schema": {json.dumps(SCHEMA)}, "runs": {{\n{lines}\n}}}}\n')
