"""CSV: a row per utterance, segment or clip; a failure has its `error` and `message`."""

from __future__ import annotations

import csv
from typing import IO, TYPE_CHECKING

from emotone.inference.result import Failure, columns
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from emotone.inference.rendering import Result
    from emotone.inference.result import Cell
    from emotone.inference.saving import Page


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


FORMAT = Format(
    suffix=".csv", summary="a table with a row per utterance, segment or clip (--rows)", binary=False, open=CsvTable
)
