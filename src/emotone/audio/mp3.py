"""The frames of an mp3, counted without decoding.

An mp3 has no header of its own. Most begin with a frame that counts the others (Xing, Info or VBRI); for the rest
libsndfile guesses the length from the bit rate of the first frame and stops there, which cuts a recording with a
variable bit rate short. Their frames are walked here instead: four bytes each, about 0.2 s for two hours.

Reference:
    ISO/IEC 11172-3 (MPEG-1) and 13818-3 (MPEG-2), frame header; the Xing tag as written by LAME.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from emotone.types import Hertz

# kbit/s by [MPEG-1 or 2][layer 1, 2, 3][index]; index 0 is "free", 15 is forbidden
BIT_RATES = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = (44_100, 48_000, 32_000)  # MPEG-1; halved for MPEG-2, quartered for 2.5
XING_WINDOW = 64  # bytes: the counting tag starts 13 to 36 bytes into its frame
TRAILERS = (b"TAG", b"APE", b"LYR", b"ID3", b"3DI")  # tags that may follow the last frame
PADDING = 1 << 16  # bytes of zeros that may follow it
COUNT_FORGIVEN = 4096  # bytes: two of the largest frames; encoders differ in what they count


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame header: bytes, samples per channel, rate, and what must be the same in every frame of a stream."""

    length: int
    samples: int
    rate: Hertz
    stream: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known about an mp3 before decoding.

    Attributes:
        start: byte of the first frame.
        counted: bytes from `start` that a counting tag promises, or None without one.
        frames: samples per channel, where every frame was walked.
        end: byte after the last whole frame, or None where a counting tag tells the decoder.
        cut: the file ends inside a frame.

    """

    start: int
    counted: int | None = None
    frames: int | None = None
    end: int | None = None
    cut: bool = False


def parse_frame(head: bytes) -> Frame | None:
    """Return what four bytes say as a frame header, or None where they are none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = (head[1] >> 3) & 3, 4 - ((head[1] >> 1) & 3)  # version: 3 is MPEG-1, 2 is MPEG-2, 0 is 2.5
    rate_index, bit_index = (head[2] >> 2) & 3, head[2] >> 4
    if version == 1 or layer == 4 or rate_index == 3 or bit_index in {0, 15}:
        return None
    rate = RATES[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    bits = BIT_RATES[1 if version == 3 else 2, layer][bit_index] * 1000
    padding = (head[2] >> 1) & 1
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    length = (12 * bits // rate + padding) * 4 if layer == 1 else samples // 8 * bits // rate + padding
    return Frame(length, samples, rate, (head[1] & 0xFE) << 8 | head[2] & 0x0C)


def survey(file: BinaryIO, size: int) -> Survey | None:
    """Return what the frames of an mp3 tell, or None where the first one is not where it should be."""
    start = _after_tags(file)
    file.seek(start)
    head = file.read(XING_WINDOW)
    if parse_frame(head) is None:
        return None
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at >= 0:
        fields = head[at + 7] if len(head) > at + 7 else 0
        place = at + (12 if fields & 1 else 8)  # the number of frames stands before the number of bytes
        if fields & 2 and len(head) >= place + 4:
            return Survey(start, counted=max(0, struct.unpack(">I", head[place : place + 4])[0] - COUNT_FORGIVEN))
        return Survey(start)
    if head.find(b"VBRI") >= 0:
        return Survey(start)
    return _walk(file, start=start, size=size)


def _after_tags(file: BinaryIO) -> int:
    """Return the byte after all ID3v2 tags: each tells its length in four times seven bits."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            return at
        at += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))


def _walk(file: BinaryIO, *, start: int, size: int) -> Survey:
    at, frames, stream = start, 0, None
    while at < size:
        file.seek(at)
        head = file.read(4)
        frame = parse_frame(head)
        if frame is None or (stream is not None and frame.stream != stream):
            if _is_trailer(file, at=at, head=head):
                break
            return Survey(start, end=size)  # damage, or a stream spliced from others: the decoder has to find its way
        if at + frame.length > size:
            return Survey(start, frames=frames, end=at, cut=True)
        stream = frame.stream
        frames += frame.samples
        at += frame.length
    return Survey(start, frames=frames, end=at)


def _is_trailer(file: BinaryIO, *, at: int, head: bytes) -> bool:
    """Say whether only a tag or zeros follow: zeros with frames after them are a hole, not the end."""
    if head.startswith(TRAILERS) or len(head) < 4:
        return True
    file.seek(at)
    rest = file.read(PADDING + 1)
    return len(rest) <= PADDING and not rest.strip(b"\x00")
