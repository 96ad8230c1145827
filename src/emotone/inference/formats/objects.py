"""Objects `emotone.prediction/1`: one JSON document, or JSON lines, each written as soon as it is finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from emotone.inference.rendering import json_pieces
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from emotone.inference.rendering import Result
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
