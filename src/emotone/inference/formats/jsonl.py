"""JSON lines: one object `emotone.prediction/1` per recording and line, written as soon as it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from emotone.inference.format import Format, json_pieces

if TYPE_CHECKING:
    from emotone.inference.format import Page, Result


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
        """Nothing closes a file of lines."""


FORMAT = Format(suffix=".jsonl", summary="one JSON object per recording and line", binary=False, open=JsonLines)
