"""Frames of MP3 files and of raw AAC streams (ADTS), counted without decoding: neither has a header of its own.

Most MP3 files begin with a frame that contains the number of the others (Xing, Info or VBRI). For the rest libsndfile
estimates the length from the bit rate of the first frame and stops there, which truncates a recording with a variable
bit rate; and of concatenated files it reads only what the first frame counts. All frames are therefore walked: every
part between two counting frames is one logical stream.

Reference:
    ISO/IEC 11172-3 (MPEG-1) and 13818-3 (MPEG-2), frame header; the Xing tag as written by LAME; ISO/IEC 13818-7,
    section 6.2: adts_frame.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from emotone.audio.layout import LogicalStream
from emotone.errors import TruncatedError

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
MP3_RATES = (44_100, 48_000, 32_000)  # MPEG-1; halved for MPEG-2, quartered for 2.5
WINDOW = 1 << 20  # bytes read at a time
MIN_TAG = 120  # bytes from the start of the tag to the end of its frame
PEEK = 64  # bytes: a counting tag starts 13 to 36 bytes into its frame
TRAILERS = (b"TAG", b"APE", b"LYR", b"ID3", b"3DI")  # tags that may follow the last frame
PADDING = 1 << 16  # bytes of zeros that may follow it
MAX_DAMAGE = 2 * 1441  # bytes between two frames: two of the largest frames at 44.1 kHz
SEARCHED = 1 << 16  # bytes in which the first frame must be found
CONFIRMED = 3  # frames that must follow each other where one is searched for
STRETCH = 64  # the largest ratio of two bit rates is 45

AAC_RATES: tuple[Hertz, ...] = (
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
AAC_SAMPLES = 1024  # of one raw data block, at the rate of the header
AAC_HEADER = 7  # bytes
AAC_TAG_HEAD = 32  # bytes that contain the length of a tag


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame header: bytes, samples per channel, rate, and what must be the same in every frame of a stream."""

    length: int
    samples: int
    rate: Hertz
    stream: int


@dataclass(slots=True)
class Part:
    """Frames that belong to one logical stream.

    Attributes:
        stream: `Frame.stream` of all of them.
        samples: per channel and frame.
        ranges: bytes of the frames, in order.
        frames: how many there are, without the counting one.
        tag: bytes of the counting frame, 0 for none.
        counted: frames that it promises, or None.
        gaps: places where bytes that are no frames were left out.
        incomplete: bytes of the last frame that are missing.

    """

    stream: int
    samples: int
    ranges: list[range] = field(default_factory=list)
    frames: int = 0
    tag: int = 0
    counted: int | None = None
    gaps: list[int] = field(default_factory=list)
    incomplete: int = 0

    def add(self, at: int, length: int) -> None:
        """Append the bytes of one frame."""
        if self.ranges and self.ranges[-1].stop == at:
            self.ranges[-1] = range(self.ranges[-1].start, at + length)
        else:
            self.ranges.append(range(at, at + length))


class Bytes:
    """Random access to a file through one large buffer."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._start, self._content = 0, b""
        self.size = size

    def peek(self, at: int, count: int = PEEK) -> bytes:
        """Return up to `count` bytes at a position."""
        inside = at - self._start
        if not 0 <= inside <= len(self._content) - count:
            self._file.seek(at)
            self._start, self._content, inside = at, self._file.read(WINDOW), 0
        return self._content[inside : inside + count]


@functools.lru_cache(maxsize=256)
def _parse(head: bytes) -> Frame | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = (head[1] >> 3) & 3, 4 - ((head[1] >> 1) & 3)  # version: 3 is MPEG-1, 2 is MPEG-2, 0 is 2.5
    rate_index, bit_index = (head[2] >> 2) & 3, head[2] >> 4
    if version == 1 or layer == 4 or rate_index == 3 or bit_index in {0, 15}:
        return None
    rate = MP3_RATES[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    bits = BIT_RATES[1 if version == 3 else 2, layer][bit_index] * 1000
    padding = (head[2] >> 1) & 1
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    length = (12 * bits // rate + padding) * 4 if layer == 1 else samples // 8 * bits // rate + padding
    mono = head[3] >> 6 == 3
    return Frame(length, samples, rate, (head[1] & 0xFE) << 16 | (head[2] & 0x0C) << 8 | mono)


def parse_frame(head: bytes) -> Frame | None:
    """Return what four bytes contain as a frame header, or None where they are none."""
    return _parse(bytes(head[:4]))


def find_mp3_frames(content: Bytes, at: int, *, searched: int = SEARCHED) -> int | None:
    """Return the first byte from `at` on at which frames of one stream follow each other, or None."""
    window = content.peek(at, searched + PEEK)
    inside = window.find(b"\xff")
    while 0 <= inside < searched:
        if _confirmed(content, at + inside):
            return at + inside
        inside = window.find(b"\xff", inside + 1)
    return None


def _confirmed(content: Bytes, at: int) -> bool:
    """Return whether several frames of one stream start here, or all that fit into the file."""
    stream = None
    for count in range(CONFIRMED):
        frame = parse_frame(content.peek(at, 4))
        if frame is None or frame.stream != (stream or frame.stream):
            return False
        stream = frame.stream
        at += frame.length
        if at >= content.size:
            return count > 0 and at == content.size
    return True


def walk_mp3(file: BinaryIO, size: int, name: str, offset: int) -> tuple[LogicalStream, ...]:
    """Return the logical streams of an MP3 file (see `headers.logical_streams`)."""
    content = Bytes(file, size)
    start = _after_tags(content, offset)
    whole = (LogicalStream((range(start, size),)),)
    notes: tuple[str, ...] = ()
    if parse_frame(content.peek(start)) is None:
        found = find_mp3_frames(content, start)
        if found is None:
            return whole
        notes = (f"the first {found - start} bytes are not a complete MP3 frame and were left out",)
        start = found
    parts = [part for part in _parts(content, start, name=name) if part.ranges]
    return tuple(_stream(part, name=name, notes=() if index else notes) for index, part in enumerate(parts)) or whole


def _parts(content: Bytes, at: int, *, name: str) -> list[Part]:
    parts: list[Part] = []
    while at < content.size:
        head = content.peek(at)
        frame = parse_frame(head)
        known = bool(parts) and frame is not None and frame.stream == parts[-1].stream
        if frame is None or (parts and not known and not _confirmed(content, at)):
            following = _following(content, at, name=name)
            if following is None:
                break
            if following.damage and parts:
                parts[-1].gaps.append(at)
            at = following.at
            continue
        tagged, counted = _tag(head, frame)
        if tagged or not known:
            parts.append(Part(frame.stream, frame.samples))
        part = parts[-1]
        missing = at + frame.length - content.size
        if missing > 0:
            part.incomplete = missing
            break
        part.add(at, frame.length)
        if tagged:
            part.tag, part.counted = frame.length, counted
        else:
            part.frames += 1
        at += frame.length
    return parts


def _tag(head: bytes, frame: Frame) -> tuple[bool, int | None]:
    """Return whether a frame contains a counting tag, and the number of frames that it promises.

    The conditions are those of libmpg123: only zeros before the tag, and a frame that is long enough.
    """
    if head.startswith(b"VBRI", 36):
        return True, struct.unpack(">I", head[50:54])[0] if len(head) >= 54 else None
    at = max(head.find(b"Xing", 4, 46), head.find(b"Info", 4, 46))
    if at < 0 or head[4:at].strip(b"\x00") or frame.length < at + MIN_TAG:
        return False, None
    counts = len(head) >= at + 12 and head[at + 7] & 1
    return True, struct.unpack(">I", head[at + 8 : at + 12])[0] if counts else None


@dataclass(frozen=True, slots=True)
class _Following:
    """Where frames continue, and whether what is between is damage or a known tag."""

    at: int
    damage: bool


def _following(content: Bytes, at: int, *, name: str) -> _Following | None:
    """Return where frames continue after bytes that are no frame, or None where there are no more.

    Raises:
        TruncatedError: more is damaged than two frames.

    """
    tag = tag_length(content.peek(at, 160))
    if tag:
        found = find_mp3_frames(content, at + tag)
        return None if found is None else _Following(found, damage=False)
    found = find_mp3_frames(content, at, searched=PADDING)
    if content.peek(at).startswith(TRAILERS):
        return None if found is None else _Following(found, damage=False)
    if found is not None and found - at <= MAX_DAMAGE:
        return _Following(found, damage=True)
    rest = content.peek(at, PADDING + 1)
    if found is None and (len(rest) <= MAX_DAMAGE or (len(rest) <= PADDING and not rest.strip(b"\x00"))):
        return None
    until = content.size if found is None else found
    raise TruncatedError(
        f"{name}: is damaged: {until - at:,} bytes from byte {at:,} on are not MP3 frames; copy or download it again"
    )


def tag_length(head: bytes) -> int:
    """Return the bytes of an ID3 or APE tag, or 0 where there is none of known length."""
    if head[:3] == b"ID3" and len(head) >= 10:
        return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX" and len(head) >= 32:
        length, _, flags = struct.unpack("<III", head[12:24])
        return int(length) + (32 if flags & 1 << 29 else 0)
    return 0


def _after_tags(content: Bytes, at: int) -> int:
    """Return the byte after all ID3v2 tags."""
    while content.peek(at, 3) == b"ID3" and (length := tag_length(content.peek(at, 10))):
        at += length
    return at


def _stream(part: Part, *, name: str, notes: tuple[str, ...]) -> LogicalStream:
    if part.counted is not None:
        missing = part.counted - part.frames - len(part.gaps)
        if missing > 1:
            raise TruncatedError(
                f"{name}: is truncated: its first frame promises {part.counted:,} MP3 frames, the file contains "
                f"{part.frames:,}; copy or download it again"
            )
    if part.incomplete:
        notes += ("the last MP3 frame is incomplete and was left out",)
    notes += tuple(f"byte {at:,} is not an MP3 frame; the damaged part was left out" for at in part.gaps)
    if part.tag and part.counted is not None and 0 <= part.counted - part.frames <= 1:
        return LogicalStream(tuple(part.ranges), shortfall=part.incomplete, notes=notes)
    # Without its counting frame, or with one that is wrong: all frames that were walked.
    first, *others = part.ranges
    ranges = tuple(one for one in (range(first.start + part.tag, first.stop), *others) if len(one))
    return LogicalStream(
        ranges,
        frames=part.frames * part.samples,
        stretch=STRETCH,
        shortfall=part.incomplete or len(part.gaps),
        notes=notes,
    )


def aac_frame_length(head: bytes) -> int | None:
    """Return the bytes of the frame that begins with these 7 bytes, or None where they are no frame header."""
    if len(head) < AAC_HEADER or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 >= len(AAC_RATES):
        return None
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length >= AAC_HEADER else None


def find_aac_frames(content: Bytes, at: int) -> int | None:
    """Return the first byte from `at` on, within 64 KiB, at which frames follow each other, or None."""
    window = content.peek(at, SEARCHED + AAC_HEADER)
    inside = window.find(b"\xff")
    while 0 <= inside < SEARCHED:
        if _aac_confirmed(content, at + inside):
            return at + inside
        inside = window.find(b"\xff", inside + 1)
    return None


def _aac_confirmed(content: Bytes, at: int) -> bool:
    """Return whether several frames start here."""
    for _ in range(CONFIRMED):
        length = aac_frame_length(content.peek(at, AAC_HEADER))
        if length is None:
            return False
        at += length
    return True


def walk_aac(file: BinaryIO, size: int, _: str, offset: int) -> tuple[LogicalStream, ...]:
    """Return the stream from its first frame to its last complete one (see `headers.logical_streams`)."""
    notes = []
    found = find_aac_frames(Bytes(file, size), offset) or offset
    if found > offset:
        notes.append(f"the first {found - offset} bytes are not a complete AAC frame and were left out")
    at = start = found
    ranges: list[range] = []
    while at < size:
        file.seek(at)
        head = file.read(AAC_TAG_HEAD)
        length = aac_frame_length(head)
        tag = 0 if length else tag_length(head)
        if tag:  # segments of HTTP live streams begin with one
            ranges.append(range(start, at))
            at = start = min(at + tag, size)
        elif length is None:  # damage, or another format: FFmpeg searches for the next frame
            if size - at >= AAC_HEADER:
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
