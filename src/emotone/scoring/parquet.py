"""Columns of the predictions table to and from Parquet; pyarrow is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import ConfigError, missing_extra
from emotone.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA = "emotone.predictions/1"
BEFORE = (
    "utterance",
    "segment",
    "start",
    "end",
    "corpus",
    "protocol",
    "fold",
    "seed",
    "speaker",
    "truth",
    "prediction",
)
AFTER = ("system",)  # follows the probabilities
NUMBERS = {"segment": np.int64, "start": np.float64, "end": np.float64, "seed": np.int64}
NULLS: dict[str, Any] = {"segment": -1, "start": np.nan, "end": np.nan, "speaker": ""}  # in-memory value of null


def write_parquet(path: Path, columns: Mapping[str, NDArray[Any]], *, labels: tuple[str, ...]) -> None:
    """Write columns, `probabilities` [rows, labels] as one column per label; atomically.

    Raises:
        MissingExtraError: pyarrow is not installed.
        OutputError: the file can't be written.

    """
    _, parquet = load_arrow()
    table = to_arrow(columns, labels=labels).replace_schema_metadata({"schema": SCHEMA})
    with atomic_write(path) as stream:
        parquet.write_table(table, stream, compression="zstd")


def read_parquet(path: Path) -> tuple[tuple[str, ...], dict[str, NDArray[Any]]]:
    """Return the labels and columns that `write_parquet` wrote.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ConfigError: no such file, not Parquet, another schema, missing columns, or unexpected nulls.

    """
    arrow, parquet = load_arrow()
    try:
        with path.open("rb") as stream:
            table = parquet.ParquetFile(stream).read()
    except (OSError, arrow.ArrowException) as error:
        raise ConfigError(f"can't read predictions from {path}: {_reason(error)}") from error
    schema = (table.schema.metadata or {}).get(b"schema", b"").decode(errors="replace")
    if schema != SCHEMA:
        raise ConfigError(f"{path} is not a predictions table: its schema is '{schema}', expected '{SCHEMA}'")
    labels = tuple(name[2:] for name in table.column_names if name.startswith("p_"))
    return labels, from_arrow(table, labels=labels, path=path)


def to_arrow(columns: Mapping[str, NDArray[Any]], *, labels: tuple[str, ...]) -> Any:
    """Return columns as a `pyarrow.Table`, `probabilities` [rows, labels] as one column per label.

    Raises:
        MissingExtraError: pyarrow is not installed.

    """
    arrow, _ = load_arrow()
    content = {name: _to_arrow(arrow, name, columns[name]) for name in BEFORE}
    content |= {f"p_{label}": arrow.array(columns["probabilities"][:, index]) for index, label in enumerate(labels)}
    content |= {name: _to_arrow(arrow, name, columns[name]) for name in AFTER}
    return arrow.table(content)


def from_arrow(table: Any, *, labels: tuple[str, ...], path: Path) -> dict[str, NDArray[Any]]:
    """Return the columns that `to_arrow` converted; further columns are ignored.

    Args:
        table: a `pyarrow.Table`.
        labels: of the probabilities, in their order.
        path: of the file, for messages.

    Raises:
        ConfigError: missing columns, or unexpected nulls.

    """
    missing = [name for name in (*BEFORE, *AFTER) if name not in table.column_names]
    if missing or not labels:
        raise ConfigError(f"{path} lacks the columns {', '.join(missing) or 'p_<label>'}")
    columns = {name: _from_arrow(path, name, table[name]) for name in (*BEFORE, *AFTER)}
    probabilities = [_from_arrow(path, f"p_{label}", table[f"p_{label}"]) for label in labels]
    return {**columns, "probabilities": np.stack(probabilities, axis=1)}


def _to_arrow(arrow: Any, name: str, values: NDArray[Any]) -> Any:
    if name not in NUMBERS:
        return arrow.array(values.tolist(), type=arrow.string())
    if name == "segment":
        return arrow.array(values, mask=values == NULLS[name])
    if name in NULLS:
        return arrow.array(values, mask=np.isnan(values))
    return arrow.array(values)


def _from_arrow(path: Path, name: str, column: Any) -> NDArray[Any]:
    if column.null_count and name not in NULLS:
        raise ConfigError(f"{path}: the column {name} has {column.null_count} nulls; none are allowed")
    dtype = NUMBERS.get(name, np.float64 if name.startswith("p_") else np.str_)
    arrow, _ = load_arrow()
    is_text, is_number = arrow.types.is_string(column.type), arrow.types.is_primitive(column.type)
    if is_number and dtype is not np.str_:
        filled = column.fill_null(NULLS[name]) if column.null_count else column
        return np.asarray(filled.to_numpy()).astype(dtype)
    if is_text and dtype is np.str_:  # each name is converted once: there are few, and many rows
        encoded = column.fill_null("").combine_chunks().dictionary_encode()
        names = np.array(encoded.dictionary.to_pylist(), dtype=np.str_)
        return names[np.asarray(encoded.indices.to_numpy(), dtype=np.intp)]
    values = [NULLS[name] if value is None else value for value in column.to_pylist()]
    wrong = next((value for value in values if isinstance(value, str) != (dtype is np.str_)), None)
    if wrong is not None:
        raise ConfigError(f"{path}: the column {name} contains {wrong!r}, which has an unexpected type")
    return np.array(values, dtype=dtype)


def _reason(error: Exception) -> str:
    """Return the message of the operating system, without the error number and path that Python adds."""
    message = error.strerror if isinstance(error, OSError) else None
    return message or str(error).splitlines()[0]


def load_arrow() -> tuple[Any, Any]:
    """Return the modules `pyarrow` and `pyarrow.parquet`, or raise `MissingExtraError`."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise missing_extra("pyarrow", "parquet", "a predictions table in Parquet") from error
    return pa, parquet
