"""Where the bytes of a recording come from: a path, the bytes of a whole file, or a binary file object.

`open_source` turns all of them into a `Source`, which every decoder opens as often as it needs; a stream that is not
seekable (a pipe, standard input) is first stored in a temporary file. `ByteView` presents parts of a source, in any
order, as one file: decoders then read one logical stream of a concatenated file, or a file whose header was corrected,
without a copy. A recording may have several tracks; `check_track` checks the choice of one.
"""

from __future__ import annotations

import bisect
import contextlib
import io
import itertools
import operator
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

from emotone.errors import AudioError, ChannelError, EmptyAudioError, MissingFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIMIT_BYTES = 2 << 30  # 2 GiB: 18 hours of 16-bit speech at 16 kHz; an endless pipe must not fill the disk
PIECE = 1 << 16  # bytes read at a time: memory does not grow with the stream

Recording: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"
"""A path, the bytes of a whole file, or a file object opened in binary mode."""

Piece: TypeAlias = "bytes | range"
"""A part of a `ByteView`: literal bytes, or a range of byte offsets of the source."""


@contextlib.contextmanager
def spool(stream: BinaryIO, *, limit_bytes: int = LIMIT_BYTES, name: str = "standard input") -> Iterator[Path]:
    """Yield the path of a temporary file with the content of a stream; it is removed at the end of the block.

    Args:
        stream: read to its end.
        limit_bytes: maximum size.
        name: how messages name the stream.

    Raises:
        EmptyAudioError: the stream ended without a byte.
        AudioError: it contains more than `limit_bytes`, or can't be read or stored.

    Example:
        >>> import io
        >>> with spool(io.BytesIO(b"RIFF")) as path:
        ...     path.read_bytes()
        b'RIFF'

    """
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="emotone-"))
            path = Path(folder) / "recording"
            size = _copy(stream, path, limit_bytes=limit_bytes, name=name)
        except OSError as error:
            raise AudioError(f"{name}: can't be stored for decoding: {error.strerror or error}") from error
        if size == 0:
            raise EmptyAudioError(f"{name}: ended without a byte; send a recording")
        yield path


def _copy(stream: BinaryIO, path: Path, *, limit_bytes: int, name: str) -> int:
    held = 0
    with path.open("wb") as file:
        while piece := stream.read(PIECE):
            held += len(piece)
            if held > limit_bytes:
                raise AudioError(
                    f"{name}: contains more than {limit_bytes:,} bytes, the maximum; "
                    "save it to a file and give its path"
                )
            file.write(piece)
    return held


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of one recording.

    Attributes:
        name: how messages name it.
        size: bytes, more than 0.
        path: the file, or None for bytes in memory.
        content: the bytes in memory, empty for a file.
        base: byte of the file or content at which the recording starts, or None for all of it.

    """

    name: str
    size: int
    path: Path | None = None
    content: bytes = b""
    base: int | None = None

    @property
    def suffix(self) -> str:
        """The suffix of the file name with its dot, or an empty string."""
        return Path(self.name).suffix

    def open(self) -> io.RawIOBase | io.BytesIO:
        """Open the bytes at their start, unbuffered.

        Raises:
            OSError: the file can't be opened.

        """
        if self.base is not None:
            end = self.base + self.size
            return ByteView(Source(self.name, end, self.path, self.content), (range(self.base, end),))
        return io.BytesIO(self.content) if self.path is None else io.FileIO(self.path)

    def open_buffered(self) -> BinaryIO:
        """Open the bytes at their start, for many small reads.

        Raises:
            OSError: the file can't be opened.

        """
        if self.base is not None:
            return io.BufferedReader(self.open())
        return io.BytesIO(self.content) if self.path is None else self.path.open("rb")

    def part(self, start: int, stop: int) -> Source:
        """Return the bytes from `start` to `stop` as a source of their own."""
        return Source(self.name, stop - start, self.path, self.content, (self.base or 0) + start)


@contextlib.contextmanager
def open_source(recording: Recording, *, name: str | None = None) -> Iterator[Source]:
    """Yield the source of a recording; a file object is read to its end into a temporary file first.

    Args:
        recording: a path, the bytes of a whole file, or a file object opened in binary mode.
        name: how messages name it; default: the path, or a description.

    Raises:
        MissingFileError: the path does not exist, is a folder, or can't be read.
        EmptyAudioError: there are no bytes.
        UsageError: another type of object.
        AudioError: the file object can't be read.

    """
    if isinstance(recording, str | os.PathLike):
        path = Path(recording)
        yield Source(name or str(path), file_size(path), path)
    elif isinstance(recording, bytes | bytearray | memoryview):
        content = bytes(recording)
        if not content:
            raise EmptyAudioError(f"{name or 'recording'}: has 0 bytes; pass the bytes of a whole file")
        yield Source(name or "recording", len(content), content=content)
    elif hasattr(recording, "read"):
        shown = name or str(getattr(recording, "name", "recording"))
        if isinstance(recording, io.TextIOBase):  # type: ignore[unreachable]  # the annotation is a promise only
            raise UsageError(f"{shown}: the file object is in text mode; open it in binary mode: open(path, 'rb')")
        with spool(recording, name=shown) as path:
            yield Source(shown, path.stat().st_size, path)
    else:
        raise UsageError(
            f"a recording of type {type(recording).__name__} was given; allowed: a path, the bytes of a whole file, "
            "a binary file object"
        )


def file_size(path: Path) -> int:
    """Return the size in bytes of a file that can contain a recording.

    Raises:
        MissingFileError: it does not exist, is no ordinary file, or can't be read.
        EmptyAudioError: it has 0 bytes.

    """
    try:
        found = path.stat()
    except OSError as error:
        raise MissingFileError(f"{path}: {_reason(error)}") from error
    except ValueError as error:  # a null byte in the name
        raise MissingFileError(f"{str(path)!r}: is not a valid file name") from error
    if stat.S_ISDIR(found.st_mode):
        raise MissingFileError(f"{path}: is a folder, not a recording; pass the files in it")
    if not stat.S_ISREG(found.st_mode):
        raise MissingFileError(f"{path}: is not a regular file; send pipes through standard input")
    if found.st_size == 0:
        raise EmptyAudioError(f"{path}: is empty (0 bytes); record or copy it again")
    return found.st_size


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the path"
    return f"can't be read: {error.strerror or error}"


class ByteView(io.RawIOBase):
    """Parts of a source as one read-only file without a name.

    C libraries call it back, and an exception in a callback would be printed, not raised: an error of the disk ends
    the file and is kept in `failure`.

    Args:
        source: the bytes.
        pieces: what the view consists of; None for the whole source.
        stretch: factor by which the file appears longer than it is; what follows its real end reads as zeros.
            libsndfile estimates the length of some MP3 files from their size, and stops there.

    Raises:
        OSError: the source can't be opened.

    """

    def __init__(self, source: Source, pieces: Sequence[Piece] | None = None, *, stretch: int = 1) -> None:
        super().__init__()
        self._file = source.open()
        self._pieces = (range(source.size),) if pieces is None else tuple(pieces)
        ends = list(itertools.accumulate(len(piece) for piece in self._pieces))
        self._starts = [end - len(piece) for end, piece in zip(ends, self._pieces, strict=True)]
        self.size = ends[-1] if ends else 0
        """Bytes of the view, without the stretch."""
        self._stretch = stretch
        self._at = 0
        self.failure: OSError | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the view."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position in the view and return it; positions before its start are its start."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size * self._stretch}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer and return the number of bytes; fewer than its length only at the end."""
        if self._at > self.size and self._stretch > 1:
            buffer[:] = bytes(len(buffer))
            self._at += len(buffer)
            return len(buffer)
        view, filled = memoryview(buffer).cast("B"), 0
        try:
            while filled < len(view) and self._at < self.size:
                count = self._read_piece(view[filled:])
                if count == 0:  # the file became shorter since it was opened
                    break
                filled += count
                self._at += count
        except OSError as error:
            self.failure = error
        return filled

    def _read_piece(self, view: memoryview) -> int:
        """Read up to the end of the piece at the current position; return the number of bytes."""
        index = bisect.bisect_right(self._starts, self._at) - 1
        piece, inside = self._pieces[index], self._at - self._starts[index]
        count = min(len(view), len(piece) - inside)
        if isinstance(piece, bytes):
            view[:count] = piece[inside : inside + count]
            return count
        self._file.seek(piece.start + inside)
        return self._file.readinto(view[:count]) or 0

    def close(self) -> None:
        """Close the source."""
        self._file.close()
        super().close()


Track: TypeAlias = int | Literal["default", "all"]
"""An audio track, counted from 0; the default one; or all of them, their channels next to each other."""


def check_track(track: Track, *, tracks: int, name: str) -> int | None:
    """Return the index of a track, or None for "default" and "all".

    Raises:
        UsageError: neither "default", "all" nor a whole number.
        ChannelError: the recording has no such track.

    """
    if track in {"default", "all"}:
        return None
    try:
        index = operator.index(track)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"track {track!r} was given; allowed: 'default', 'all' or a number from 0") from None
    if not 0 <= index < tracks:
        allowed = "0" if tracks == 1 else f"0 to {tracks - 1}"
        raise ChannelError(f"{name}: track {index} was requested; allowed: {allowed}, 'default' or 'all'")
    return index
