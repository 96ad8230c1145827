"""Whether a file holds what its header promises, without decoding: a cut file must not pass for a short one.

Decoders judge differently (libsndfile shortens a cut wav silently, and refuses a cut ogg as malformed), so the sizes in
the header are compared with the size of the file before any of them sees it. `check_whole` raises `TruncatedError`
with the seconds promised and held, or `EmptyAudioError` for a header that nothing follows. A size that a program
writing into a pipe could not know (0, or the largest number) promises nothing.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from emotone.audio.mp3 import survey
from emotone.errors import EmptyAudioError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNKNOWN_SIZE = (
    0x7FFF0000  # from here on a 32-bit size is what pipes write: sox 7FFFFFDB, arecord 80000000, ffmpeg FFFFFFFF
)
FORGIVEN_BYTES = 64  # writers that count their own 44-byte header in the size of the data are common
MOST_CHUNKS = 10_000  # a damaged file must not be walked for ever
OGG_TAIL = 1 << 17  # bytes: twice the largest page


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the samples lie, and how many of them the header promises.

    Attributes:
        offset: byte at which they start.
        promised: bytes, or None where the header does not know.
        bytes_per_second: 0 where the header does not tell.
        unknown_at: byte of a 32-bit data size that reads 0 although data follows; libsndfile must be shown the
            largest number there, or it would believe the 0.
        frames: samples per channel, where the header does not tell but they were counted.
        end: byte after the last frame of an mp3 without a counting tag; libsndfile must be shown a file that seems
            longer, and ends there, or it would believe its guess of the length.

    """

    offset: int
    promised: int | None
    bytes_per_second: float = 0.0
    unknown_at: int | None = None
    frames: int | None = None
    end: int | None = None


def check_whole(file: BinaryIO, *, kind: str, size: int, name: str) -> Layout | None:
    """Return the layout where the header tells one, after checking it against the size of the file.

    Args:
        file: rewound on the way; where it stands afterwards is not said.
        kind: name given by `formats.sniff`.
        size: bytes of the file.
        name: how messages name it.

    Raises:
        TruncatedError: the file holds less than its header promises.
        EmptyAudioError: nothing follows the header.

    """
    if kind == "ogg":
        _check_ogg(file, size=size, name=name)
        return None
    if kind == "mp4":
        _check_mp4(file, size=size, name=name)
        return None
    if kind == "mp3":
        return _check_mp3(file, size=size, name=name)
    reader = LAYOUTS.get(kind)
    file.seek(0)
    layout = reader(file, size) if reader else None
    if layout is None:
        return None
    held = size - layout.offset
    if held <= 0:
        raise EmptyAudioError(f"{name}: has a {kind} header, but no samples after it")
    if layout.promised is None or held >= layout.promised - FORGIVEN_BYTES:
        return layout
    raise TruncatedError(
        f"{name}: is cut short: its {kind} header promises {_amount(layout.promised, layout)}, "
        f"the file holds {_amount(held, layout)}; copy or download it again"
    )


def _amount(count: int, layout: Layout) -> str:
    return f"{count / layout.bytes_per_second:.2f} s" if layout.bytes_per_second else f"{count:,} bytes"


def _chunks(file: BinaryIO, *, start: int, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, size and offset of the content of every chunk of an IFF-like file."""
    at = start
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack(f"{order}4sI", head)
        yield name, length, at + 8
        at += 8 + length + length % 2
        if at >= size:
            return


def _wav(file: BinaryIO, size: int) -> Layout:
    order = ">" if file.read(4) == b"RIFX" else "<"
    bytes_per_second, long_size = 0.0, None
    for name, length, at in _chunks(file, start=12, size=size, order=order):
        if name == b"ds64":  # RF64: sizes over 4 GiB stand here
            sizes = file.read(16)
            long_size = struct.unpack("<QQ", sizes)[1] if len(sizes) == 16 else None
        elif name == b"fmt ":
            fields = file.read(16)
            if len(fields) == 16:
                code, _, rate, average, align, _ = struct.unpack(f"{order}HHIIHH", fields)
                bytes_per_second = float(rate * align if code in {1, 3, 6, 7, 0xFFFE} else average)
        elif name == b"data":
            held = size - at
            if length == 0 and held > 0 and not _is_chunk(file, at=at, held=held, order=order):
                return Layout(at, None, bytes_per_second, unknown_at=at - 4)
            if length == 0:
                return Layout(size, 0)
            if length == 0xFFFFFFFF and long_size:
                return Layout(at, long_size, bytes_per_second)
            return Layout(at, None if length >= UNKNOWN_SIZE and length > held else length, bytes_per_second)
    return Layout(size, 0)  # no data chunk


def _is_chunk(file: BinaryIO, *, at: int, held: int, order: str) -> bool:
    """Say whether what follows an empty data chunk is another chunk, and not samples of unknown number."""
    file.seek(at)
    head = file.read(8)
    if len(head) < 8:
        return False
    name, length = struct.unpack(f"{order}4sI", head)
    return bool(re.fullmatch(rb"[A-Za-z0-9 ]{4}", name)) and length <= held - 8


def _aiff(file: BinaryIO, size: int) -> Layout:
    seconds = 0.0
    for name, length, at in _chunks(file, start=12, size=size, order=">"):
        if name == b"COMM":
            fields = file.read(18)
            if len(fields) == 18:
                frames = struct.unpack(">I", fields[2:6])[0]
                exponent, mantissa = struct.unpack(">HQ", fields[8:18])  # the rate is an 80-bit float
                scale = (exponent & 0x7FFF) - 16383 - 63
                seconds = frames / (mantissa * 2.0**scale) if mantissa and -64 <= scale <= 0 else 0.0
        elif name == b"SSND":
            data = max(length - 8, 0)  # after the fields offset and block
            promised = None if length >= UNKNOWN_SIZE or length == 0 else data
            return Layout(at + 8, promised, data / seconds if seconds else 0.0)
    return Layout(size, 0)  # no sound chunk


def _sphere(file: BinaryIO, size: int) -> Layout | None:
    lines = file.read(1024).split(b"\n")
    if len(lines) < 3 or not lines[1].strip().isdigit():
        return None
    offset = int(lines[1])
    file.seek(0)
    text = file.read(min(offset, 1 << 16))
    fields = {key: int(value) for key, value in re.findall(rb"(\w+) -i (\d{1,18})\s", text)}
    coding = re.search(rb"sample_coding -s\d+ (\S+)", text)
    packed = coding is not None and b"," in coding[1]  # e.g. pcm,embedded-shorten-v2.00: size unknown
    width = fields.get(b"channel_count", 1) * fields.get(b"sample_n_bytes", 0)
    count = fields.get(b"sample_count")
    promised = None if packed or count is None or not width else count * width
    if promised == 0:
        return Layout(size, 0)
    return Layout(offset, promised, float(fields.get(b"sample_rate", 0) * width))


def _au(file: BinaryIO, size: int) -> Layout | None:
    head = file.read(24)
    if len(head) < 24:
        return Layout(size, 0)
    order = ">" if head[:4] == b".snd" else "<"
    offset, promised, coding, rate, channels = struct.unpack(f"{order}5I", head[4:24])
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(coding, 0)
    return Layout(offset, None if promised >= UNKNOWN_SIZE else promised, float(rate * channels * width))


LAYOUTS: dict[str, Callable[[BinaryIO, int], Layout | None]] = {
    "wav": _wav,
    "aiff": _aiff,
    "sphere": _sphere,
    "au": _au,
}


def _check_ogg(file: BinaryIO, *, size: int, name: str) -> None:
    """Check that the last page is whole and says that it is the last."""
    file.seek(max(0, size - OGG_TAIL))
    tail = file.read(OGG_TAIL)
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) > 26:
        lacing = page[27 : 27 + page[26]]  # one length per piece of the page's body
        whole = len(lacing) == page[26] and len(page) >= 27 + len(lacing) + sum(lacing)
        if whole and page[5] & 4:
            return
    raise TruncatedError(
        f"{name}: is cut short: the page that ends an ogg stream is missing after {size:,} bytes; "
        "copy or download it again"
    )


def _check_mp4(file: BinaryIO, *, size: int, name: str) -> None:
    """Walk the boxes at the top: each must end within the file."""
    at = 0
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        length = struct.unpack(">I", head[:4])[0]
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:16])[0]
        if length < 8:  # 0: to the end of the file; else no box
            return
        at += length
        if at > size:
            raise TruncatedError(
                f"{name}: is cut short: it promises {at:,} bytes, the file holds {size:,}; copy or download it again"
            )


def _check_mp3(file: BinaryIO, *, size: int, name: str) -> Layout | None:
    """Check that no frame is cut, nor fewer bytes there than the counting tag says."""
    found = survey(file, size)
    if found is None:
        return None
    if found.cut:
        raise TruncatedError(
            f"{name}: is cut short: its last mp3 frame is incomplete after {size:,} bytes; copy or download it again"
        )
    if found.counted is not None and size - found.start < found.counted:
        raise TruncatedError(
            f"{name}: is cut short: its first frame promises {found.counted:,} bytes, the file holds "
            f"{size - found.start:,}; copy or download it again"
        )
    return Layout(found.start, None, frames=found.frames, end=found.end)
