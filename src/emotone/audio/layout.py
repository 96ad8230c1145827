"""What the header of a file promises, how decoders are to be shown its bytes, and where one file has several.

Whole files follow each other in one file where `cat a.wav b.wav > c.wav` wrote it. Decoders read the first one and
ignore the rest. Containers that store their size end where the next one starts; in the others, and where the size is
stored as unknown, the next one is found by its signature. MP3 and Ogg files have walkers of their own, and FFmpeg reads
on in the remaining containers.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from emotone.errors import EmptyAudioError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import Callable

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


MAX_PARTS = 10_000
PADDING = 4096  # bytes of zeros that may be between two files
WINDOW = 1 << 20  # bytes searched at a time
OVERLAP = 32  # bytes: more than the longest signature

SIGNATURES: dict[str, re.Pattern[bytes]] = {
    "wav": re.compile(rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE(?:fmt |ds64|bext|JUNK|LIST)", re.DOTALL),
    "avi": re.compile(rb"RIFF.{4}AVI LIST", re.DOTALL),
    "aiff": re.compile(rb"FORM.{4}AIF[FC](?:COMM|COMT|FVER|NAME|MARK|ANNO)", re.DOTALL),
    "flac": re.compile(rb"fLaC[\x00\x80]\x00\x00\x22"),
    "au": re.compile(rb"\.snd\x00\x00.{2}.{4}\x00\x00\x00.", re.DOTALL),
    "caf": re.compile(rb"caff\x00\x01\x00\x00desc"),
    "w64": re.compile(rb"riff\x2e\x91\xcf\x11"),
    "sphere": re.compile(rb"NIST_1A\n"),
    "tta": re.compile(rb"TTA1[\x01\x02]\x00[\x01-\x08]\x00"),
    "flv": re.compile(rb"FLV\x01[\x01\x04\x05]\x00\x00\x00\x09"),
    "mp4": re.compile(rb"\x00\x00.{2}ftyp", re.DOTALL),
}


def part_starts(file: BinaryIO, *, kind: str, size: int) -> list[int]:
    """Return the bytes at which whole files of one kind start: at least 0.

    Args:
        file: an open file.
        kind: name returned by `formats.sniff`.
        size: bytes of the file.

    """
    signature = SIGNATURES.get(kind)
    starts = [0]
    while signature is not None and len(starts) < MAX_PARTS:
        end = ENDS[kind](file, starts[-1], size) if kind in ENDS else None
        following = (
            _search(file, starts[-1] + OVERLAP, signature) if end is None else _after_padding(file, end, signature)
        )
        if following is None or following >= size:
            break
        starts.append(following)
    return starts


def _after_padding(file: BinaryIO, at: int, signature: re.Pattern[bytes]) -> int | None:
    """Return the byte at which a signature follows, perhaps after zeros."""
    file.seek(at)
    content = file.read(PADDING + OVERLAP)
    # A signature may itself begin with zeros.
    zeros = len(content) - len(content.lstrip(b"\x00"))
    found = next((place for place in range(max(0, zeros - 4), zeros + 1) if signature.match(content, place)), None)
    return None if found is None else at + found


def _search(file: BinaryIO, at: int, signature: re.Pattern[bytes]) -> int | None:
    """Return the byte of the next signature from `at` on."""
    file.seek(at)
    content = b""
    while added := file.read(WINDOW):
        content += added
        found = signature.search(content)
        if found is not None:
            return at + found.start()
        at += max(0, len(content) - OVERLAP)
        content = content[-OVERLAP:]
    return None


def _riff(file: BinaryIO, at: int, size: int) -> int | None:
    file.seek(at)
    head = file.read(28)
    if len(head) < 12:
        return size
    order = ">" if head[:4] in {b"RIFX", b"FORM"} else "<"
    length = int(struct.unpack(f"{order}I", head[4:8])[0])
    if head[12:16] == b"ds64" and length == 0xFFFFFFFF and len(head) == 28:
        length = int(struct.unpack("<Q", head[20:28])[0])
    elif length >= PIPE_SIZE:
        return None
    end = at + 8 + length + length % 2
    return None if length < 36 or (end > size + 1) else end


def _aiff(file: BinaryIO, at: int, size: int) -> int | None:
    end = _riff(file, at, size)
    return None if end is not None and end - at >= 0x7F000000 else end


def _au(file: BinaryIO, at: int, size: int) -> int | None:
    file.seek(at)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b".snd":
        return size
    offset, length = struct.unpack(">II", head[4:])
    return None if length >= PIPE_SIZE else at + int(offset) + int(length)


def _w64(file: BinaryIO, at: int, size: int) -> int | None:
    file.seek(at + 16)
    head = file.read(8)
    length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
    return None if not 40 <= length <= size else at + (int(length) + 7) // 8 * 8


def _mp4(file: BinaryIO, at: int, size: int) -> int | None:
    """Return the byte of the next `ftyp` box at the top level that follows media, or the end of the file."""
    media = False
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        if head[4:8] == b"ftyp" and media:
            return at
        media |= head[4:8] in {b"mdat", b"moov"}
        length = int(struct.unpack(">I", head[:4])[0])
        if length == 1 and len(head) == 16:
            length = int(struct.unpack(">Q", head[8:16])[0])
        if length < 8:  # padding, or a box up to the end of the file
            return at
        at += length
    return size


ENDS: dict[str, Callable[[BinaryIO, int, int], int | None]] = {
    "wav": _riff,
    "avi": _riff,
    "aiff": _aiff,
    "au": _au,
    "w64": _w64,
    "mp4": _mp4,
}
"""Functions that return the end of the file that starts at a byte, or None where its size is unknown."""
