"""What a decoder is, whichever library stands behind it, and the choice between them."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from emotone.audio.formats import HEAD_BYTES, sniff
from emotone.audio.headers import check_whole
from emotone.audio.native import NativeDecoder, UnsupportedError
from emotone.errors import EmptyAudioError, MissingFileError

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterator

    from emotone.audio.formats import Kind
    from emotone.audio.headers import Layout
    from emotone.types import Array, Hertz


class Decoder(Protocol):
    """One open recording.

    Attributes:
        rate: hertz.
        channels: how many.
        frames: samples per channel, or None where the header does not know.
        format: container and coding, e.g. "wav/pcm_16".

    """

    rate: Hertz
    channels: int
    frames: int | None
    format: str

    def blocks(self, start: int) -> Generator[Array, None, None]:
        """Yield [frames, channels] from the frame `start` on; a block is overwritten by the next one.

        Raises:
            TruncatedError: decoding stops before the end.

        """
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


@contextlib.contextmanager
def open_recording(path: str | os.PathLike[str]) -> Iterator[Decoder]:
    """Give the decoder for a file, chosen by what it holds.

    Raises:
        MissingFileError: nothing there, a folder, or not readable.
        EmptyAudioError: no bytes, or no samples after the header.
        TruncatedError: the header promises more than the file holds.
        NotAudioError: nothing can decode it.
        MissingExtraError: the extra `media` could, but is not installed.

    """
    place = Path(path)
    size = _size(place)
    decoder: Decoder
    try:
        with place.open("rb") as file:
            head = file.read(HEAD_BYTES)
            kind = sniff(head)
            layout = check_whole(file, kind=kind.name, size=size, name=str(place)) if kind else None
        decoder = _choose(place, kind=kind, layout=layout)
    except OSError as error:
        raise MissingFileError(f"{place}: can't be read: {error.strerror or error}") from error
    try:
        yield decoder
    finally:
        decoder.close()


def _size(path: Path) -> int:
    """Return the bytes of a file that can hold a recording."""
    try:
        found = path.stat()
    except OSError as error:
        raise MissingFileError(f"{path}: {_reason(error)}") from error
    except ValueError as error:  # a null byte in the name
        raise MissingFileError(f"{str(path)!r}: is no possible name of a file") from error
    if stat.S_ISDIR(found.st_mode):
        raise MissingFileError(f"{path}: is a folder, not a recording; give the files in it")
    if not stat.S_ISREG(found.st_mode):
        raise MissingFileError(f"{path}: is no ordinary file; send pipes through standard input")
    if found.st_size == 0:
        raise EmptyAudioError(f"{path}: is empty (0 bytes); record or copy it again")
    return found.st_size


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the path"
    return f"can't be read: {error.strerror or error}"


def _choose(path: Path, *, kind: Kind | None, layout: Layout | None) -> Decoder:
    if kind is not None and kind.decoder == "ffmpeg":
        return _media(path, purpose=f"decoding {path.suffix or kind.name} files")
    try:
        return NativeDecoder(path, layout=layout, noisy=kind is None or kind.name == "mp3")
    except UnsupportedError:
        if kind is None:
            raise
        # A container that libsndfile knows, around a coding that it does not.
        return _media(path, purpose=f"decoding what is inside this {kind.name} file")


def _media(path: Path, *, purpose: str) -> Decoder:
    from emotone.audio.media import MediaDecoder

    return MediaDecoder(path, purpose=purpose)
