"""Parquet: the table of `csv` with types, for data tools. Needs the extra `parquet`."""

from __future__ import annotations

from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from emotone.errors import missing_extra
from emotone.inference.format import Format, columns, rows

if TYPE_CHECKING:
    from emotone.inference.format import Cell, Page, Result

GROUP = 16384  # rows written at a time


class ParquetTable:
    """Rows are gathered into groups; the footer is written at the end."""

    def __init__(self, stream: IO[bytes], page: Page) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise missing_extra("pyarrow", "parquet", "writing parquet") from None
        self._labels = page.labels
        texts = {"file", "label", "error", "message"}
        types = {"segment": pa.int32(), "speech": pa.bool_()}
        self._schema: Any = pa.schema(
            (name, pa.string() if name in texts else types.get(name, pa.float64())) for name in columns(self._labels)
        )
        self._batch = pa.RecordBatch.from_pylist
        self._writer: Any = parquet.ParquetWriter(stream, self._schema)
        self._waiting: list[list[Cell]] = []

    def write(self, result: Result) -> None:
        """Take a recording's rows; write them when a group is full."""
        remaining = rows(result, self._labels)
        while added := list(islice(remaining, GROUP)):
            self._waiting.extend(added)
            if len(self._waiting) >= GROUP:
                self._write_group()

    def finish(self) -> None:
        """Write what is left, and the footer."""
        self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        names = self._schema.names
        records = [dict(zip(names, _storable(row), strict=True)) for row in self._waiting]
        self._writer.write_batch(self._batch(records, schema=self._schema))
        self._waiting = []


def _storable(row: list[Cell]) -> list[Cell]:
    """Return the row with texts that are valid UTF-8: a file's name need not be."""
    return [cell.encode(errors="backslashreplace").decode() if isinstance(cell, str) else cell for cell in row]


FORMAT = Format(
    suffix=".parquet",
    summary="the table of csv for data tools (needs emotone[parquet])",
    binary=True,
    open=ParquetTable,
)
