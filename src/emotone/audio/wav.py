"""WAV files: the chunks of RIFF, RF64 and RIFX, how many samples the header promises, and PCM that others misread.

libsndfile and FFmpeg refuse or misread some PCM codings: integers in wider containers, and 64-bit integers. A header
contains the bits of a sample and the bytes of a block (one sample of every channel). Where a block is larger than the
samples need, each sample is stored in a wider container, and the header does not define whether it is aligned to the
low or to the high end. It is found from the data: samples aligned to the low end never exceed their range.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from emotone.audio.layout import PIPE_SIZE, DataChunk, PcmCoding
from emotone.audio.source import ByteView
from emotone.errors import EmptyAudioError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from emotone.audio.layout import LogicalStream
    from emotone.audio.source import Source
    from emotone.types import Array

MAX_CHUNKS = 10_000  # a damaged file must not keep the reader in a loop
CHUNK_ID = re.compile(rb"[A-Za-z0-9_\- ]{4}")
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE  # format codes

BLOCK = 1 << 15  # frames decoded at a time


@dataclass(frozen=True, slots=True)
class Format:
    """The fields of a `fmt ` chunk; `code` is that of the subformat where the chunk is extensible."""

    code: int
    channels: int
    rate: int
    average: int
    align: int
    bits: int
    content: bytes

    @property
    def bytes_per_second(self) -> float:
        """Bytes of samples per second; the average for compressed codings."""
        return float(self.rate * self.align if self.code in {PCM, FLOAT, 6, 7} else self.average)

    def unusual(self, *, big_endian: bool) -> PcmCoding | None:
        """Return the coding where it is integer PCM that libsndfile refuses or misreads."""
        if self.code != PCM or not self.channels or self.align % self.channels or not self.bits:
            return None
        container = self.align // self.channels
        usual = container == (self.bits + 7) // 8 and container <= 4
        if usual or not 8 < self.bits <= 8 * container <= 64:
            return None
        if not self.rate or self.average != self.rate * self.align:  # one field is wrong, and it may be the block size
            return None
        return PcmCoding(self.rate, self.channels, self.bits, container, big_endian=big_endian)


def read_wav(file: BinaryIO, *, size: int, name: str) -> DataChunk:
    """Return the data chunk of a WAV file.

    Raises:
        EmptyAudioError: it has no data chunk.

    """
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    found: Format | None = None
    long_size, damaged = None, False
    for chunk, length, at, moved in chunks(file, start=12, size=size, order=order):
        damaged |= moved
        if chunk == b"ds64":  # RF64: sizes over 4 GiB
            sizes = file.read(16)
            long_size = struct.unpack("<QQ", sizes)[1] if len(sizes) == 16 else None
        elif chunk == b"fmt ":
            found = _format(file.read(min(length, 64)), order=order)
        elif chunk == b"data":
            data = _data(file, at=at, length=length, size=size, order=order, long_size=long_size)
            return _described(data, found, order=order, damaged=damaged)
    raise EmptyAudioError(f"{name}: has a wav header, but no samples after it (no data chunk found); export it again")


def _format(content: bytes, *, order: str) -> Format | None:
    if len(content) < 16:
        return None
    code, channels, rate, average, align, bits = struct.unpack(f"{order}HHIIHH", content[:16])
    if code == EXTENSIBLE and len(content) >= 26:
        code = struct.unpack(f"{order}H", content[24:26])[0]
    return Format(code, channels, rate, average, align, bits, content)


def _data(file: BinaryIO, *, at: int, length: int, size: int, order: str, long_size: int | None) -> DataChunk:
    held = size - at
    if length == 0 and held > 0 and not _is_chunk(file, at=at, held=held, order=order):
        # Written into a pipe. libsndfile trusts a 0, and reads to the end for the largest number.
        return DataChunk(at, None, size_field=(range(at - 4, at), b"\xff" * 4))
    if length == 0:
        return DataChunk(size, 0)
    if length == 0xFFFFFFFF and long_size:
        return DataChunk(at, None if long_size >= 1 << 62 else long_size)
    return DataChunk(at, None if length >= PIPE_SIZE and length > held else length)


def _described(data: DataChunk, found: Format | None, *, order: str, damaged: bool) -> DataChunk:
    """Return the data chunk with what the format chunk contains."""
    if found is None:
        return data
    pcm = found.unusual(big_endian=order == ">")
    rewritten = None
    if damaged or pcm is not None:
        # A canonical header: the chunks of the file's own one mislead libsndfile.
        head = b"RIFF" if order == "<" else b"RIFX"
        fmt = struct.pack(f"{order}4sI", b"fmt ", len(found.content)) + found.content
        unknown = b"\xff" * 4
        rewritten = head + unknown + b"WAVE" + fmt + bytes(len(fmt) % 2) + b"data" + unknown
    return DataChunk(
        data.offset,
        data.promised,
        found.bytes_per_second,
        max(1, found.align),
        data.size_field,
        pcm,
        rewritten,
    )


def chunks(file: BinaryIO, *, start: int, size: int, order: str) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yield name, length and offset of the content of every chunk, and whether it was not where it should be.

    Chunks of odd length are padded by one byte; some writers forget it.
    """
    at, moved = start, False
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack(f"{order}4sI", head)
        yield name, length, at + 8, moved
        end = at + 8 + length
        at, moved = end + length % 2, False
        if length % 2 and end < size:
            file.seek(end)
            around = file.read(5)
            unpadded = CHUNK_ID.fullmatch(around[:4]) and not CHUNK_ID.fullmatch(around[1:])
            if unpadded or around[:4] in {b"data", b"fmt ", b"LIST"}:
                at, moved = end, True
        if at >= size:
            return


def _is_chunk(file: BinaryIO, *, at: int, held: int, order: str) -> bool:
    """Return whether an empty data chunk is followed by another chunk, and not by samples of unknown number."""
    file.seek(at)
    head = file.read(8)
    if len(head) < 8:
        return False
    name, length = struct.unpack(f"{order}4sI", head)
    return bool(re.fullmatch(rb"[A-Za-z0-9 ]{4}", name)) and length <= held - 8


class PcmDecoder:
    """Samples of a `PcmCoding` (see `decoder.Decoder`).

    Args:
        source: the recording.
        coding: of the samples.
        stream: its pieces contain nothing but samples.

    Raises:
        OSError: the source can't be opened.

    """

    def __init__(self, source: Source, *, coding: PcmCoding, stream: LogicalStream) -> None:
        self._name = source.name
        self._coding = coding
        self._view = ByteView(source, stream.pieces)
        self.rate = coding.rate
        self.channels = coding.channels
        self.tracks = 1
        width = coding.channels * coding.container
        self.frames = self._view.size // width
        self.format = f"wav/pcm_{coding.bits}_in_{8 * coding.container}"
        self.notes = list(stream.notes)
        self._scale = 2.0 ** (1 - self._full_bits())

    def _full_bits(self) -> int:
        """Return the number of bits of full scale: those of a sample, or of its container."""
        coding, held = self._coding, 8 * self._coding.container
        if coding.bits == held:
            return held
        limit = 1 << (coding.bits - 1)
        for samples in self._integers(0):
            if samples.size and (samples.max() >= limit or samples.min() < -limit):
                return held
        return coding.bits

    def _integers(self, start: int) -> Generator[Any, None, None]:
        """Yield int64 samples [frames, channels] from the frame `start` on."""
        width, container = self.channels * self._coding.container, self._coding.container
        self._view.seek(start * width)
        while content := self._view.read(BLOCK * width):
            whole = len(content) // width * width
            octets = np.frombuffer(content, np.uint8, count=whole).reshape(-1, self.channels, container)
            if not self._coding.big_endian:
                octets = octets[:, :, ::-1]
            wide = np.zeros((*octets.shape[:2], 8), np.uint8)
            wide[:, :, :container] = octets
            yield wide.view(">i8")[:, :, 0].astype(np.int64) >> (64 - 8 * container)

    def blocks(self, start: int) -> Generator[Array, None, None]:
        """Yield [frames, channels] from the frame `start` on."""
        at = start
        for samples in self._integers(start):
            at += len(samples)
            yield (samples * self._scale).astype(np.float32)
        if self._view.failure is not None:
            raise TruncatedError(
                f"{self._name}: reading stops after {at / self.rate:.2f} s ({self._view.failure}); copy it again"
            )

    def close(self) -> None:
        """Close the file."""
        self._view.close()
