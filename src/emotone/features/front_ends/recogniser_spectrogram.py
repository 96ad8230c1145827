"""Spectrograms of 161 bins every 10 ms, the input of recognisers such as Deep Speech 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.features.spectra import padded_for_rows
from emotone.types import Hertz  # noqa: TC001  (a class variable, as in the other front ends)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

WINDOW = 320  # samples: 20 ms
BLOCK = 128  # frames transformed at a time: they fit into the processor's cache


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


FEATURE = RecogniserSpectrogram
