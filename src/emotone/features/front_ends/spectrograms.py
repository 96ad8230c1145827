"""Spectrograms of 161 bins every 10 ms, the input of speech recognisers.

power-spectrogram        logarithms of the power density, for small recognisers of letters
recogniser-spectrogram   for recognisers such as Deep Speech 2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.features.spectra import hann, padded_for_rows
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
class RecogniserSpectrogram:
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
    pads_end: ClassVar[bool] = True
    rate: ClassVar[Hertz] = 16000
    window: ClassVar[int] = WINDOW
    hop: ClassVar[int] = 160
    dimension: ClassVar[int] = WINDOW // 2 + 1

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: one for each hop that starts inside the signal, but at least one."""
        return max(1, -(-samples // self.hop))

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
