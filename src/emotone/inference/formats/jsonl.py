"""JSON lines: one object `emotone.prediction/1` per recording and line, written as soon as it is finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from emotone.inference.rendering import json_pieces
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from emotone.inference.rendering import Result
    from emotone.inference.saving import Page


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


FORMAT = Format(suffix=".jsonl", summary="one JSON object per recording and line", binary=False, open=JsonLines)
