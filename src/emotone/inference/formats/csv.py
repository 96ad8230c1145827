"""CSV: a row per segment and, with an empty `segment`, one per recording; a failure has its `error` and `message`."""

from __future__ import annotations

import csv
from typing import IO, TYPE_CHECKING

from emotone.inference.format import Cell, Format, columns, rows

if TYPE_CHECKING:
    from emotone.inference.format import Page, Result


class CsvTable:
    """The header comes first, also where nothing follows."""

    def __init__(self, stream: IO[str], page: Page) -> None:
        self._stream = stream
        self._labels = page.labels
        self._csv = csv.writer(stream, lineterminator="\n")
        self._csv.writerow(columns(self._labels))

    def write(self, result: Result) -> None:
        """Write a recording's rows."""
        self._csv.writerows([_text(cell) for cell in row] for row in rows(result, self._labels))
        self._stream.flush()

    def finish(self) -> None:
        """Nothing closes a table."""


def _text(cell: Cell) -> Cell:
    return str(cell).lower() if isinstance(cell, bool) else cell


FORMAT = Format(
    suffix=".csv", summary="a table with a row per segment and one per recording", binary=False, open=CsvTable
)
