"""Frames of a raw AAC stream (ADTS), counted without decoding: it has no header that contains its length.

Reference:
    ISO/IEC 13818-7, section 6.2: adts_frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from emotone.audio.layout import LogicalStream

if TYPE_CHECKING:
    from emotone.types import Hertz

RATES: tuple[Hertz, ...] = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
    11_025,
    8_000,
    7_350,
)
SAMPLES = 1024  # of one raw data block, at the rate of the header
HEADER = 7  # bytes


def frame_length(head: bytes) -> int | None:
    """Return the bytes of the frame that begins with these 7 bytes, or None where they are no frame header."""
    if len(head) < HEADER or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 >= len(RATES):
        return None
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length >= HEADER else None


def walk(file: BinaryIO, size: int, _: str, offset: int) -> tuple[LogicalStream, ...]:
    """Return the stream from its first frame to its last complete one (see `headers.logical_streams`)."""
    at, notes = offset, []
    while at < size:
        file.seek(at)
        length = frame_length(file.read(HEADER))
        if length is None:  # a tag, damage, or another stream: FFmpeg finds the next frame
            return (LogicalStream((range(offset, size),), notes=_junk(file, at=at, size=size)),)
        if at + length > size:
            notes.append("the last coded frame is incomplete and was left out")
            break
        at += length
    return (LogicalStream((range(offset, at),), notes=tuple(notes)),)


def _junk(file: BinaryIO, *, at: int, size: int) -> tuple[str, ...]:
    file.seek(at)
    if size - at < HEADER or file.read(3) in {b"TAG", b"ID3", b"APE"}:
        return ()
    return (f"byte {at:,} is not the start of a frame; damaged frames may be missing",)
