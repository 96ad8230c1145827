"""The logical streams of a file, and whether it contains what its header promises, found without decoding.

Decoders differ (libsndfile silently shortens a truncated WAV file, and refuses a truncated Ogg file as malformed), so
the sizes in the header are compared with the size of the file before any decoder opens it. A size that a program
writing into a pipe could not know promises nothing; every container has its own value for it:

    WAV 0, 7FFF0000 and above · AIFF 0, 7F000000 and above · AU 7FFF0000 and above · CAF -1 · W64, RF64 2**62 and above
    FLAC 0 samples · Matroska all ones · MP4 0

Reference:
    RFC 8794 (EBML), section 4: variable-size integers; RFC 9559 (Matroska).
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, BinaryIO

from emotone.audio import mpeg, ogg
from emotone.audio.layout import PIPE_SIZE, WHOLE_FILE, DataChunk, LogicalStream, check_data
from emotone.audio.wav import CHUNK_ID, MAX_CHUNKS, chunks, read_wav
from emotone.errors import TruncatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.audio.source import Source

EBML_ID, SEGMENT_ID, VOID_ID = 0x1A45DFA3, 0x18538067, 0xEC

AIFF_PIPE_SIZE = 0x7F000000  # sox writes 7F000008
W64_PIPE_SIZE = 1 << 62
BOX_NAME = re.compile(rb"[\x20-\x7e\xa9]{4}")
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
MAX_CODED_FRAME_BYTES = 8192  # of AAC with several channels; Opus and Vorbis packets are smaller


def logical_streams(source: Source, *, kind: str, offset: int = 0) -> tuple[LogicalStream, ...]:
    """Return the streams of a recording in the order in which they are played, at least one.

    Args:
        source: the bytes.
        kind: name returned by `formats.sniff`.
        offset: byte at which the recording starts, after tags.

    Raises:
        TruncatedError: the file contains less than its header promises, by more than one coded frame.
        EmptyAudioError: nothing follows the header.
        OSError: the source can't be read.

    """
    with source.open_buffered() as file:
        if kind in WALKERS:
            return WALKERS[kind](file, source.size, source.name, offset)
        reader = DATA_CHUNKS.get(kind)
        file.seek(0)
        chunk = reader(file, source.size, source.name) if reader and not offset else None
    if chunk is None:
        whole = None if not offset else (range(offset, source.size),)
        return (LogicalStream(whole),)
    return (check_data(chunk, kind=kind, size=source.size, name=source.name),)


def _wav(file: BinaryIO, size: int, name: str) -> DataChunk:
    return read_wav(file, size=size, name=name)


def _aiff(file: BinaryIO, size: int, _: str) -> DataChunk:
    seconds, block = 0.0, 1
    for chunk, length, at, _moved in chunks(file, start=12, size=size, order=">"):
        if chunk == b"COMM":
            fields = file.read(18)
            if len(fields) == 18:
                channels, frames, bits = struct.unpack(">HIH", fields[:8])
                exponent, mantissa = struct.unpack(">HQ", fields[8:18])  # the rate is an 80-bit float
                scale = (exponent & 0x7FFF) - 16383 - 63
                seconds = frames / (mantissa * 2.0**scale) if mantissa and -64 <= scale <= 0 else 0.0
                block = max(1, channels * ((bits + 7) // 8))
        elif chunk == b"SSND":
            data = max(length - 8, 0)  # after the fields offset and block
            promised = None if length >= AIFF_PIPE_SIZE or length == 0 else data
            return DataChunk(at + 8, promised, data / seconds if seconds else 0.0, block)
    return DataChunk(size, 0)  # no sound chunk


def _sphere(file: BinaryIO, size: int, _: str) -> DataChunk | None:
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
        return DataChunk(size, 0)
    return DataChunk(offset, promised, float(fields.get(b"sample_rate", 0) * width), max(1, width))


def _au(file: BinaryIO, size: int, _: str) -> DataChunk:
    head = file.read(24)
    if len(head) < 24:
        return DataChunk(size, 0)
    order = ">" if head[:4] == b".snd" else "<"
    offset, promised, coding, rate, channels = struct.unpack(f"{order}5I", head[4:24])
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(coding, 0) * channels
    return DataChunk(offset, None if promised >= PIPE_SIZE else promised, float(rate * width), max(1, width))


def _caf(file: BinaryIO, size: int, _: str) -> DataChunk | None:
    at, per_second, block = 8, 0.0, 1
    for _count in range(MAX_CHUNKS):
        if at > size:  # a damaged length, perhaps above what a file can be positioned at
            break
        file.seek(at)
        head = file.read(12)
        if len(head) < 12:
            break
        chunk, length = struct.unpack(">4sq", head)
        if chunk == b"desc":
            fields = file.read(32)
            if len(fields) == 32:
                rate, _name, _flags, packet, frames = struct.unpack(">d4sIII", fields[:24])
                per_second = rate * packet / frames if packet and frames and 0 < rate < 1e6 else 0.0
                block = max(1, packet)
        elif chunk == b"data":
            data = at + 12 + 4  # after the field "edit count"
            if length == -1:
                known = struct.pack(">q", size - at - 12)
                return DataChunk(data, None, per_second, block, (range(at + 4, at + 12), known))
            return DataChunk(data, max(0, length - 4), per_second, block)
        if length < 0:
            break
        at += 12 + length
    return DataChunk(size, 0)  # no data chunk


def _w64(file: BinaryIO, size: int, _: str) -> DataChunk | None:
    at = 40  # after "riff", its size, and "wave"
    for _count in range(MAX_CHUNKS):
        if at > size:  # a damaged length, perhaps above what a file can be positioned at
            break
        file.seek(at)
        head = file.read(24)  # a GUID that begins with four letters, and a size that includes this header
        if len(head) < 24:
            break
        length = struct.unpack("<Q", head[16:])[0]
        if head[:4] == b"data":
            return DataChunk(at + 24, None if length >= W64_PIPE_SIZE or length == 0 else max(0, length - 24))
        if length < 24:
            break
        at += (length + 7) // 8 * 8
    return DataChunk(size, 0)


DATA_CHUNKS: dict[str, Callable[[BinaryIO, int, str], DataChunk | None]] = {
    "wav": _wav,
    "aiff": _aiff,
    "sphere": _sphere,
    "au": _au,
    "caf": _caf,
    "w64": _w64,
}


def _flac(file: BinaryIO, size: int, _: str, offset: int) -> tuple[LogicalStream, ...]:
    """Return the stream with the samples of its largest block, which its first metadata block contains."""
    file.seek(offset)
    head = file.read(26)
    if len(head) < 26 or head[4] & 0x7F != 0:
        return (WHOLE_FILE,)
    largest = struct.unpack(">H", head[10:12])[0]
    return (LogicalStream((range(offset, size),), coded_frame=largest),)


def _mp4(file: BinaryIO, size: int, name: str, offset: int) -> tuple[LogicalStream, ...]:
    """Check that every box at the top level ends within the file; a media box may lack its last coded frame."""
    at = offset
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        length = struct.unpack(">I", head[:4])[0]
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:16])[0]
        if length < 8:  # 0: to the end of the file; else no box
            if not BOX_NAME.fullmatch(head[4:8]) and not _is_zero(file, at):
                raise TruncatedError(f"{name}: is damaged: there is no box at byte {at:,}; copy or download it again")
            break
        at += length
        missing = at - size
        if missing > 0:
            if head[4:8] == b"mdat" and missing <= MAX_CODED_FRAME_BYTES:
                return (LogicalStream(shortfall=missing),)
            raise _promise(at, size=size, name=name)
    return (WHOLE_FILE,)


def _is_zero(file: BinaryIO, at: int) -> bool:
    """Return whether the rest of the file is padding."""
    file.seek(at)
    return all(not content.strip(b"\x00") for content in iter(lambda: file.read(1 << 20), b""))


def _avi(file: BinaryIO, size: int, name: str, offset: int) -> tuple[LogicalStream, ...]:
    """Check that every RIFF chunk at the top level ends within the file; long files have several."""
    for chunk, _length, found, _moved in chunks(file, start=offset + 12, size=size, order="<"):
        if not CHUNK_ID.fullmatch(chunk):
            raise TruncatedError(
                f"{name}: is damaged: there is no chunk at byte {found - 8:,}; copy or download it again"
            )
        if chunk == b"LIST" and file.read(4) == b"movi":
            break
    at = offset
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        length = struct.unpack("<I", head[4:])[0] if len(head) == 8 and head[:4] == b"RIFF" else 0
        if not length or length >= PIPE_SIZE:
            break
        at += 8 + length
        if at > size:
            if at - size > MAX_CODED_FRAME_BYTES:
                raise _promise(at, size=size, name=name)
            return (LogicalStream(shortfall=at - size),)
        at += length % 2
    return (WHOLE_FILE,)


def _asf(file: BinaryIO, size: int, name: str, offset: int) -> tuple[LogicalStream, ...]:
    """Compare the size of the file with that in its file properties, which live streams mark as unknown."""
    file.seek(offset)
    head = file.read(1 << 16)
    at = head.find(ASF_FILE_PROPERTIES)
    if at < 0 or len(head) < at + 92:
        return (WHOLE_FILE,)
    promised = struct.unpack("<Q", head[at + 40 : at + 48])[0]
    if head[at + 88] & 1:  # a live stream
        return (LogicalStream(stored=False),)
    if promised > size:
        if promised - size > MAX_CODED_FRAME_BYTES:
            raise _promise(promised, size=size, name=name)
        return (LogicalStream(shortfall=promised - size),)
    return (WHOLE_FILE,)


def _matroska(file: BinaryIO, size: int, name: str, offset: int) -> tuple[LogicalStream, ...]:
    """Check that the segment ends within the file."""
    end = segment_end(file, offset)
    if end is None or end <= size:
        return (WHOLE_FILE,)
    if end - size > MAX_CODED_FRAME_BYTES:
        raise _promise(end, size=size, name=name)
    return (LogicalStream(shortfall=end - size),)


def _promise(promised: int, *, size: int, name: str) -> TruncatedError:
    return TruncatedError(
        f"{name}: is truncated: its header promises {promised:,} bytes, the file contains {size:,}; "
        "copy or download it again"
    )


def segment_end(file: BinaryIO, start: int = 0) -> int | None:
    """Return the byte after the segment, which contains all sound, or None where its size is stored as unknown."""
    file.seek(start)
    for _ in range(8):  # the EBML header, perhaps padding, and the segment
        name = _integer(file, keep_marker=True)
        length = _integer(file, keep_marker=False)
        if name is None or length is None or name not in {EBML_ID, SEGMENT_ID, VOID_ID}:
            return None
        if name == SEGMENT_ID:
            return file.tell() + length
        file.seek(length, 1)
    return None


def _integer(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """Return the next variable-size integer, or None for one of only ones (unknown), or at the end."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        return None
    value = int.from_bytes(first + rest, "big")
    if keep_marker:
        return value
    bits = 7 * width
    value &= (1 << bits) - 1
    return None if value == (1 << bits) - 1 else value


WALKERS: dict[str, Callable[[BinaryIO, int, str, int], tuple[LogicalStream, ...]]] = {
    "ogg": ogg.walk,
    "mp3": mpeg.walk_mp3,
    "aac": mpeg.walk_aac,
    "flac": _flac,
    "mp4": _mp4,
    "avi": _avi,
    "asf": _asf,
    "matroska or webm": _matroska,
}
