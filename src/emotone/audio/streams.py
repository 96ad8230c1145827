"""The result of streaming a recording: an iterator with what is known about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from types import TracebackType

    from emotone.audio.base import Decoder
    from emotone.types import Array, Hertz


@dataclass(slots=True)
class StreamInfo:
    """What is known about a recording so far; filled while it is read."""

    rate: Hertz = 0
    channels: int = 0
    tracks: int = 0
    format: str = ""
    notes: list[str] = field(default_factory=list)

    def update(self, decoder: Decoder) -> None:
        """Copy what the header contains."""
        self.rate, self.channels, self.tracks = decoder.rate, decoder.channels, decoder.tracks
        self.format = decoder.format
        self.add(decoder.notes)

    def add(self, notes: Iterable[str]) -> None:
        """Append the notes that are new."""
        self.notes += [note for note in notes if note not in self.notes]


class RecordingStream(Iterator["Array"]):
    """Pieces of a recording, in order. The file is opened by the first piece or property, and closed at the end.

    Close it, or use it in a `with` block, where the iteration may stop early.

    Args:
        pieces: the generator that reads the recording.
        info: filled by it.

    """

    def __init__(self, pieces: Generator[Array, None, None], info: StreamInfo) -> None:
        self._pieces = pieces
        self._info = info
        self._first: list[Array] = []

    def __next__(self) -> Array:
        if self._first:
            return self._first.pop()
        return next(self._pieces)

    def __enter__(self) -> RecordingStream:  # noqa: PYI034  (Self came with Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def rate(self) -> Hertz:
        """Hertz of the recording itself, not of the pieces."""
        return self._opened().rate

    @property
    def channels(self) -> int:
        """Number of channels of the recording."""
        return self._opened().channels

    @property
    def tracks(self) -> int:
        """Number of audio tracks of the file."""
        return self._opened().tracks

    @property
    def format(self) -> str:
        """Container and coding, e.g. "wav/pcm_16"."""
        return self._opened().format

    @property
    def notes(self) -> tuple[str, ...]:
        """What the caller should know, one sentence each; complete at the end of the iteration."""
        return tuple(self._info.notes)

    def close(self) -> None:
        """Close the file."""
        self._pieces.close()

    def _opened(self) -> StreamInfo:
        """Return the information after reading the first piece: a recording without any is an error."""
        if not self._info.rate:
            self._first = [next(self._pieces)]
        return self._info
