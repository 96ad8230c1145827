"""Logarithms of the power density in 161 bins every 10 ms, the input of small recognisers of letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.features.spectra import hann
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


FEATURE = PowerSpectrogram
