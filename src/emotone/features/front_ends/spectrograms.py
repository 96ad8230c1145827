"""Spectrograms: one that recognisers of speech read, and one with two channels.

Spectrograms of 161 bins every 10 ms, the input of speech recognisers.

power-spectrogram        logarithms of the power density, for small recognisers of letters
recogniser-spectrogram   for recognisers such as Deep Speech 2

Spectrograms with two channels, 1 to 2000 Hz: frames of 40 ms resolve the pitch, frames of 5 ms its changes.

The paper resizes the 256 frames x 256 bins of 512 ms to 64 x 64. Both are multiples of four, so here a cell is the mean
of 4 frames x 4 bins, and a row has the cells of 8 ms: 64 rows are a chunk of the paper, and rows do not depend on where
a chunk starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError
from emotone.features.spectra import RowPerHop, hann, padded_for_rows
from emotone.types import Hertz  # noqa: TC001  (a class variable, as in the other front ends)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

RATE = 16000
WINDOW = 320  # samples: 20 ms
SMALLEST = 1e-14  # added to the power density, in 1/Hz
BLOCK = 128  # frames transformed at a time: they fit into the processor's cache


@dataclass(frozen=True)
class PowerSpectrogram:
    """ln(power density + 1e-14) of symmetric Hann windows of 20 ms: one row of 161 values per 10 ms.

    With the spectrum X of a frame times its window w, the density is |X|^2 / (rate sum w^2), twice that for all bins
    but the first and the last, because each occurs at two frequencies of opposite sign.

    Example:
        >>> import numpy as np
        >>> PowerSpectrogram().compute(np.zeros(16000, np.float32)).shape
        (99, 161)

    Reference: Amodei et al., Deep Speech 2, arXiv:1512.02595, 2015; the logarithm is that of a published implementation
    (`ba-dls-deepspeech`, Apache-2.0), which the networks were trained with.

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = RATE
    window: ClassVar[int] = WINDOW
    hop: ClassVar[int] = 160
    dimension: ClassVar[int] = WINDOW // 2 + 1

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: of complete windows, but at least one."""
        return max(1, (samples - self.window) // self.hop + 1)

    def compute(self, signal: Array) -> Array:
        """Return [frames, 161] float32 of a signal [time]; one shorter than a window is padded with zeros."""
        count = self.frames(len(signal))
        if len(signal) < self.window:
            signal = np.pad(signal, (0, self.window - len(signal)))
        frames = np.lib.stride_tricks.sliding_window_view(signal, self.window)[:: self.hop][:count]
        taper = hann(self.window, periodic=False)
        scale = np.full(self.dimension, 2 / (self.rate * np.sum(taper**2)))
        scale[[0, -1]] /= 2
        rows = np.empty((count, self.dimension), np.float32)
        for first in range(0, count, BLOCK):
            part = slice(first, first + BLOCK)
            rows[part] = np.log(np.abs(np.fft.rfft(frames[part] * taper, axis=1)) ** 2 * scale + SMALLEST)
        return rows


@dataclass(frozen=True)
class RecogniserSpectrogram(RowPerHop):
    """ln(1 + |spectrum|) of periodic Hamming windows of 20 ms: one row of 161 values per 10 ms.

    Zeros follow the end of the signal, so that every multiple of the hop inside it has a row: one second has 100.

    Example:
        >>> import numpy as np
        >>> RecogniserSpectrogram().compute(np.zeros(16000, np.float32)).shape
        (100, 161)

    Reference: Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017,
    section 3.1.1. The logarithm is that of `deepspeech.pytorch`; its windows are centred, these start with the signal.

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = 16000
    window: ClassVar[int] = WINDOW
    hop: ClassVar[int] = 160
    dimension: ClassVar[int] = WINDOW // 2 + 1

    def compute(self, signal: Array) -> Array:
        """Return [frames, 161] float32 of a signal [time], with zeros after its end."""
        count = self.frames(len(signal))
        padded = padded_for_rows(signal, rows=count, hop=self.hop, window=self.window)
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.window)[:: self.hop][:count]
        hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(self.window) / self.window)
        rows = np.empty((count, self.dimension), np.float32)
        for first in range(0, count, BLOCK):
            part = slice(first, first + BLOCK)
            rows[part] = np.log1p(np.abs(np.fft.rfft(frames[part] * hamming, axis=1)))
        return rows


CHANNELS = (640, 80)  # samples of a frame: 40 ms and 5 ms
STEP = 32  # samples between frames: 2 ms
FFT = 2048
BINS = 256  # 7.8 to 2000 Hz: bin 0, the constant part, is not among them
POOLED = 4  # frames, and bins, of a cell
PART = 128  # bins of a matrix product: with the frames of one row, too small for BLAS to use threads
ROWS_AT_A_TIME = 16  # rows transformed at a time: they fit into the processor's cache


@dataclass(frozen=True)
class TwoChannelSpectrogram(RowPerHop):
    """ln(|spectrum| + offset), averaged over cells of 8 ms and 31.25 Hz, in two channels; one row per 8 ms.

    Windows are symmetric Hamming windows, scaled so that a sine of full scale has a magnitude of 1 in both channels.
    The short frame is in the middle of the long one, so that both channels of a row describe the same instant. A row
    holds the 64 bands of the channel of 40 ms, then those of 5 ms. Zeros follow the recording's end, so that every
    multiple of 8 ms inside it has a row: 512 ms have 64.

    Attributes:
        offset: added before the logarithm; 1e-5 is 100 dB below full scale.

    Raises:
        ConfigError: an offset of 0 or below.

    Example:
        >>> import numpy as np
        >>> TwoChannelSpectrogram().compute(np.zeros(8192, np.float32)).shape
        (64, 128)

    Reference: the paper on spectrogram CNNs and LSTMs, section 2, "Data
    preprocessing".

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = 16000
    window: ClassVar[int] = CHANNELS[0] + (POOLED - 1) * STEP  # 46 ms
    hop: ClassVar[int] = POOLED * STEP  # 8 ms
    dimension: ClassVar[int] = len(CHANNELS) * BINS // POOLED

    offset: float = 1e-5

    def __post_init__(self) -> None:
        if not self.offset > 0:
            raise ConfigError(f"two-channel-spectrogram needs offset > 0; given {self.offset}")

    def compute(self, signal: Array) -> Array:
        """Return [frames, 128] float32 of a signal [time], with zeros after its end.

        Key idea: a quarter of the bins of a transform are needed, and a window is symmetric about its middle. The sums
        and differences of samples at equal distances from the middle give the real and the imaginary part, up to a
        phase, as small matrix products. Those of a row do not depend on the other rows.
        """
        count = self.frames(len(signal))
        needed = padded_for_rows(signal, rows=count, hop=self.hop, window=self.window)
        padded = np.ascontiguousarray(needed, np.float32)
        rows = np.empty((count, len(CHANNELS), BINS // POOLED), np.float32)
        for channel, (cosines, sines) in enumerate(_transforms()):
            size = 2 * cosines.shape[1]
            margin = (CHANNELS[0] - size) // 2
            frames = np.lib.stride_tricks.sliding_window_view(padded[margin:], size)[::STEP][: POOLED * count]
            for first in range(0, count, ROWS_AT_A_TIME):
                pieces = frames[POOLED * first : POOLED * (first + ROWS_AT_A_TIME)].reshape(-1, 1, POOLED, size)
                before, after = pieces[..., : size // 2], pieces[..., : size // 2 - 1 : -1]
                levels = np.matmul(before + after, cosines)
                others = np.matmul(before - after, sines)
                levels *= levels
                others *= others
                levels += others
                np.sqrt(levels, out=levels)
                levels += np.float32(self.offset)
                np.log(levels, out=levels)
                rows[first : first + ROWS_AT_A_TIME, channel] = _cells(levels)
        return rows.reshape(count, self.dimension)


def _cells(levels: Array) -> Array:
    """Return the means of cells [rows, bins / 4] of levels [rows, parts, 4, bins of a part]."""
    sums = levels[:, :, 0] + levels[:, :, 1] + levels[:, :, 2] + levels[:, :, 3]
    bins = sums.reshape(len(levels), BINS // POOLED, POOLED)
    means: Array = (bins[..., 0] + bins[..., 1] + bins[..., 2] + bins[..., 3]) / np.float32(POOLED**2)
    return means


@lru_cache(maxsize=1)
def _transforms() -> tuple[tuple[Array, Array], ...]:
    """Return the windowed cosines and sines [parts, samples / 2, bins of a part] of each channel, float32.

    They are for the first half of a frame; time 0 of their angles is the frame's middle.
    """
    made = []
    for samples in CHANNELS:
        window = np.hamming(samples)
        window /= np.sum(window) / 2
        times = np.arange(samples // 2) - (samples - 1) / 2
        angles = 2 * np.pi * times[:, None] * np.arange(1, BINS + 1) / FFT
        half = window[: samples // 2, None]
        both = (half * np.cos(angles), half * np.sin(angles))
        cosines, sines = (matrix.reshape(-1, BINS // PART, PART).transpose(1, 0, 2) for matrix in both)
        made.append((np.ascontiguousarray(cosines, np.float32), np.ascontiguousarray(sines, np.float32)))
    return tuple(made)
