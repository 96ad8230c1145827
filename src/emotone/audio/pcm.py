"""PCM codings of WAV files that libsndfile and FFmpeg refuse or misread: integers in wider containers, 64-bit integers.

A WAV header contains the bits of a sample and the bytes of a block (one sample of every channel). Where a block is
larger than the samples need, each sample is stored in a wider container, and the header does not define whether it is
aligned to the low or to the high end. It is found from the data: samples aligned to the low end never exceed their
range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.audio.source import ByteView
from emotone.errors import TruncatedError

if TYPE_CHECKING:
    from collections.abc import Generator

    from emotone.audio.layout import LogicalStream, PcmCoding
    from emotone.audio.source import Source
    from emotone.types import Array

BLOCK = 1 << 15  # frames decoded at a time


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
