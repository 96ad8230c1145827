"""Formats for programs: JSON, and tables.

Objects `emotone.prediction/1`: one JSON document, or JSON lines, each written as soon as it is finished.

Tables with a row per utterance, segment or clip: CSV, and Parquet, which has types and needs the extra `parquet`.

A failure has its `error` and `message`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from emotone.errors import missing_extra
from emotone.inference.rendering import json_pieces
from emotone.inference.result import Failure, columns
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from emotone.inference.rendering import Result
    from emotone.inference.result import Cell
    from emotone.inference.saving import Page


class JsonDocument:
    """An object, or an array that is valid even if it stays empty."""

    def __init__(self, stream: IO[str], page: Page) -> None:
        self._stream = stream
        self._single = page.single
        self._written = 0
        if not self._single:
            stream.write("[")

    def write(self, result: Result) -> None:
        """Write one object."""
        if not self._single:
            self._stream.write(",\n" if self._written else "\n")
        self._stream.writelines(json_pieces(result, line=False))
        self._written += 1
        self._stream.flush()

    def finish(self) -> None:
        """Close the array."""
        self._stream.write("\n" if self._single else "\n]\n")
        self._stream.flush()


JSON = Format(suffix=".json", summary="one JSON document: an object, or an array", binary=False, open=JsonDocument)


@dataclass(frozen=True)
class JsonLines:
    """One line per recording."""

    stream: IO[str]
    page: Page

    def write(self, result: Result) -> None:
        """Write one line."""
        self.stream.writelines(json_pieces(result, line=True))
        self.stream.write("\n")
        self.stream.flush()

    def finish(self) -> None:
        """Do nothing: a file of lines has no end."""


JSON_LINES = Format(suffix=".jsonl", summary="one JSON object per recording and line", binary=False, open=JsonLines)


GROUP = 16384  # rows written at a time


class CsvTable:
    """A table whose header is written first, even if no row follows."""

    def __init__(self, stream: IO[str], page: Page) -> None:
        self._stream = stream
        self._page = page
        self._csv = csv.writer(stream, lineterminator="\n")
        self._csv.writerow(columns(page.labels))

    def write(self, result: Result) -> None:
        """Write a recording's rows."""
        rows = [result.row(self._page.labels)] if isinstance(result, Failure) else result.rows(self._page.rows)
        self._csv.writerows([_text(cell) for cell in row] for row in rows)
        self._stream.flush()

    def finish(self) -> None:
        """Do nothing: a table has no end."""


def _text(cell: Cell) -> Cell:
    return str(cell).lower() if isinstance(cell, bool) else cell


CSV = Format(
    suffix=".csv", summary="a table with a row per utterance, segment or clip (--rows)", binary=False, open=CsvTable
)


class ParquetTable:
    """A table that is written in groups of rows, with the footer at the end."""

    def __init__(self, stream: IO[bytes], page: Page) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise missing_extra("pyarrow", "parquet", "writing parquet") from None
        self._page = page
        texts = {"file", "channel", "label", "error", "message"}
        types = {"unsure": pa.bool_(), "changed": pa.bool_()}
        self._schema: Any = pa.schema(
            (name, pa.string() if name in texts else types.get(name, pa.float64())) for name in columns(page.labels)
        )
        self._batch = pa.RecordBatch.from_pylist
        self._writer: Any = parquet.ParquetWriter(stream, self._schema)
        self._waiting: list[list[Cell]] = []

    def write(self, result: Result) -> None:
        """Add a recording's rows; write them when a group is complete."""
        if isinstance(result, Failure):
            remaining = iter([result.row(self._page.labels)])
        else:
            remaining = result.rows(self._page.rows)
        while added := list(islice(remaining, GROUP)):
            self._waiting.extend(added)
            if len(self._waiting) >= GROUP:
                self._write_group()

    def finish(self) -> None:
        """Write the remaining rows and the footer."""
        self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        names = self._schema.names
        records = [dict(zip(names, _storable(row), strict=True)) for row in self._waiting]
        self._writer.write_batch(self._batch(records, schema=self._schema))
        self._waiting = []


def _storable(row: list[Cell]) -> list[Cell]:
    """Return the row with the channel as text, and texts that are valid UTF-8, which file names need not be."""
    file, channel, *rest = row
    texts = [file, None if channel is None else str(channel), *rest]
    return [cell.encode(errors="backslashreplace").decode() if isinstance(cell, str) else cell for cell in texts]


PARQUET = Format(
    suffix=".parquet",
    summary="the table of csv for data tools (needs emotone[parquet])",
    binary=True,
    open=ParquetTable,
)
