"""One JSON document: an object for one recording, otherwise an array of objects."""

from __future__ import annotations

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


FORMAT = Format(suffix=".json", summary="one JSON document: an object, or an array", binary=False, open=JsonDocument)
