"""Frames of a raw AAC stream (ADTS), counted without decoding: it has no header that contains its length.

Reference:
    ISO/IEC 13818-7, section 6.2: adts_frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from emotone.audio.layout import LogicalStream
from emotone.audio.mp3 import CONFIRMED, SEARCHED, Bytes, tag_length

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
TAG_HEAD = 32  # bytes that contain the length of a tag


def frame_length(head: bytes) -> int | None:
    """Return the bytes of the frame that begins with these 7 bytes, or None where they are no frame header."""
    if len(head) < HEADER or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 >= len(RATES):
        return None
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length >= HEADER else None


def find_frames(content: Bytes, at: int) -> int | None:
    """Return the first byte from `at` on, within 64 KiB, at which frames follow each other, or None."""
    window = content.peek(at, SEARCHED + HEADER)
    inside = window.find(b"\xff")
    while 0 <= inside < SEARCHED:
        if _confirmed(content, at + inside):
            return at + inside
        inside = window.find(b"\xff", inside + 1)
    return None


def _confirmed(content: Bytes, at: int) -> bool:
    """Return whether several frames start here."""
    for _ in range(CONFIRMED):
        length = frame_length(content.peek(at, HEADER))
        if length is None:
            return False
        at += length
    return True


def walk(file: BinaryIO, size: int, _: str, offset: int) -> tuple[LogicalStream, ...]:
    """Return the stream from its first frame to its last complete one (see `headers.logical_streams`)."""
    notes = []
    found = find_frames(Bytes(file, size), offset) or offset
    if found > offset:
        notes.append(f"the first {found - offset} bytes are not a complete AAC frame and were left out")
    at = start = found
    ranges: list[range] = []
    while at < size:
        file.seek(at)
        head = file.read(TAG_HEAD)
        length = frame_length(head)
        tag = 0 if length else tag_length(head)
        if tag:  # segments of HTTP live streams begin with one
            ranges.append(range(start, at))
            at = start = min(at + tag, size)
        elif length is None:  # damage, or another format: FFmpeg searches for the next frame
            if size - at >= HEADER:
                notes.append(f"byte {at:,} is not the start of a frame; damaged frames may be missing")
                at = size
            break
        elif at + length > size:
            notes.append("the last coded frame is incomplete and was left out")
            break
        else:
            at += length
    ranges.append(range(start, at))
    return (LogicalStream(tuple(one for one in ranges if len(one)), notes=tuple(notes)),)
