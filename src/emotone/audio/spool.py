"""Storage of a stream that is not seekable (a pipe, standard input) in a temporary file."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from emotone.errors import AudioError, EmptyAudioError

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_BYTES = 2 << 30  # 2 GiB: 18 hours of 16-bit speech at 16 kHz; an endless pipe must not fill the disk
PIECE = 1 << 16  # bytes read at a time: memory does not grow with the stream


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
