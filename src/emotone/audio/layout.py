"""What the header of a file promises, and how decoders are to be shown its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import EmptyAudioError, TruncatedError

if TYPE_CHECKING:
    from emotone.audio.source import Piece
    from emotone.types import Hertz

PIPE_SIZE = 0x7FFF0000
"""32-bit sizes from here on are what programs write into a pipe: sox 7FFFF000, arecord 80000000, FFmpeg FFFFFFFF."""
UNLIMITED = frozenset({"w64", "sphere", "au"})  # libsndfile reads what follows the samples of these as samples
HEADER_ALLOWANCE = 64  # bytes: writers that count their own 44-byte header in the size of the data are common


@dataclass(frozen=True, slots=True)
class PcmCoding:
    """Integer samples in containers of whole bytes.

    Attributes:
        rate: hertz.
        channels: number of channels.
        bits: significant bits of a sample, up to those of its container.
        container: bytes per sample, 1 to 8.
        big_endian: byte order.

    """

    rate: Hertz
    channels: int
    bits: int
    container: int
    big_endian: bool = False


@dataclass(frozen=True, slots=True)
class LogicalStream:
    """One independent stream of a file; most files consist of one.

    Attributes:
        pieces: the bytes that the decoder is shown, or None for the whole file.
        frames: samples per channel where they were counted without decoding; replaces the decoder's number.
        stretch: factor by which the view must seem longer (see `ByteView`); 1 for none.
        coded_frame: samples per channel of one coded frame, where the header contains it; else 0.
        pcm: coding that libsndfile would decode wrongly, decoded by `PcmDecoder`.
        shortfall: bytes that are missing at the end, at most one coded frame.
        notes: what callers should know.
        native: False where libsndfile can't decode it correctly.
        stored: False where the header marks its length as unknown, so that a decoder's number is an estimate.

    """

    pieces: tuple[Piece, ...] | None = None
    frames: int | None = None
    stretch: int = 1
    coded_frame: int = 0
    pcm: PcmCoding | None = None
    shortfall: int = 0
    notes: tuple[str, ...] = ()
    native: bool = True
    stored: bool = True


WHOLE_FILE = LogicalStream()
"""A file of one stream about which nothing is known."""


@dataclass(frozen=True, slots=True)
class DataChunk:
    """Where the samples of an uncompressed or block-coded file are.

    Attributes:
        offset: byte of the first sample.
        promised: bytes of samples according to the header, or None where the size is stored as unknown.
        bytes_per_second: 0 where the header does not contain it.
        block: bytes of one coded frame.
        size_field: range of the bytes of a size field that libsndfile would misread, and what it is shown instead.
        pcm: see `LogicalStream.pcm`.
        rewritten: a header that replaces the file's own.

    """

    offset: int
    promised: int | None
    bytes_per_second: float = 0.0
    block: int = 1
    size_field: tuple[range, bytes] | None = None
    pcm: PcmCoding | None = None
    rewritten: bytes | None = None


def check_data(chunk: DataChunk, *, kind: str, size: int, name: str) -> LogicalStream:
    """Return the stream of a data chunk after comparing it with the size of the file.

    Raises:
        TruncatedError: more than one coded frame is missing.
        EmptyAudioError: nothing follows the header.

    """
    held = size - chunk.offset
    if held <= 0:
        raise EmptyAudioError(f"{name}: has a {kind} header, but no samples after it")
    missing = 0 if chunk.promised is None else max(0, chunk.promised - held)
    if missing > max(HEADER_ALLOWANCE, chunk.block):
        raise TruncatedError(
            f"{name}: is truncated: its {kind} header promises {_amount(chunk.promised or 0, chunk)}, "
            f"the file contains {_amount(held, chunk)}; copy or download it again"
        )
    notes: tuple[str, ...] = ()
    if missing:
        notes = (f"the file ends {missing} bytes before the end that its {kind} header promises",)
    pieces: tuple[Piece, ...] | None = None
    end = size if chunk.promised is None else min(size, chunk.offset + chunk.promised)
    if chunk.pcm is not None:
        pieces = (range(chunk.offset, end),)
    elif chunk.rewritten is not None:
        pieces = (chunk.rewritten, range(chunk.offset, end))
    elif kind in UNLIMITED and end < size:
        pieces = (range(end),)
    elif chunk.size_field is not None:
        field, shown = chunk.size_field
        pieces = (range(field.start), shown, range(field.stop, size))
    return LogicalStream(pieces, pcm=chunk.pcm, shortfall=missing, notes=notes)


def _amount(count: int, chunk: DataChunk) -> str:
    return f"{count / chunk.bytes_per_second:.2f} s" if chunk.bytes_per_second else f"{count:,} bytes"
