"""Logarithms of mel-band power, the input of EfficientAT's MobileNets: 128 bands every 10 ms at 32 kHz.

The original centres its windows on multiples of the hop and mirrors the recording at both ends. Here a row depends on
its own samples only, as in every front end of this package, so the first window starts with the recording: rows are 400
samples, 12.5 ms, later than the original's, and there are two or three fewer. With `pads_end` there is a row wherever a
hop starts inside the recording, and the last rows include zeros after its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.features.spectra import band_spectra, hann, mel_filterbank, padded_for_rows
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

WINDOW = 800  # samples: 25 ms
FFT = 1024  # the next power of two
LOW, HIGH = 0.0, 15000.0  # hertz: edges of the first and the last band
EMPHASIS = 0.97
OFFSET = 1e-5  # added before the logarithm


@dataclass(frozen=True)
class MnLogMel:
    """ln(sum of |spectrum|^2 under a band + 1e-5) of the emphasised signal y[t] = x[t + 1] - 0.97 x[t], a row per hop.

    Windows are symmetric Hann windows of 25 ms, unscaled, of samples with a full scale of 1; bands are triangles on the
    mel scale as in Kaldi.

    Attributes:
        pads_end: whether zeros follow the recording's end, so that every multiple of the hop inside it has a row (see
            `emotone.features.base.Feature`): one second has 100. Otherwise all rows are of complete windows.

    Example:
        >>> import numpy as np
        >>> MnLogMel().compute(np.zeros(32000, np.float32)).shape
        (98, 128)
        >>> MnLogMel(pads_end=True).compute(np.zeros(32000, np.float32)).shape
        (100, 128)

    Reference: Schmid, Koutini, Widmer, Efficient large-scale audio tagging via transformer-to-CNN knowledge
    distillation, ICASSP 2023; the settings are those of the published networks (MIT).

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = 32000
    window: ClassVar[int] = WINDOW + 1  # the emphasis needs the next sample
    hop: ClassVar[int] = 320  # 10 ms
    dimension: ClassVar[int] = 128

    pads_end: bool = False

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: of complete windows, or of hops that start inside; at least one."""
        if self.pads_end:
            return max(1, -(-samples // self.hop))
        return 1 + max(0, samples - self.window) // self.hop

    def compute(self, signal: Array) -> Array:
        """Return [frames, 128] float32 of a signal [time]; missing samples are zeros."""
        signal = padded_for_rows(signal, rows=self.frames(len(signal)), hop=self.hop, window=self.window)
        return rows_of_emphasised(signal[1:] - np.float32(EMPHASIS) * signal[:-1])


def rows_of_emphasised(signal: Array) -> Array:
    """Return the rows [frames, 128] of an emphasised signal of at least 800 samples."""
    window, filterbank = tables()
    sums = band_spectra(signal, hop=MnLogMel.hop, window=window, filterbank=filterbank, power=True)
    rows: Array = np.log(sums + np.float32(OFFSET))
    return rows


@lru_cache(maxsize=1)
def tables() -> tuple[Array, Array]:
    """Return the window [800] and the filterbank [513, 128], float32."""
    filterbank = mel_filterbank(rate=MnLogMel.rate, fft=FFT, bands=MnLogMel.dimension, low=LOW, high=HIGH, kind="kaldi")
    return hann(WINDOW, periodic=False).astype(np.float32), filterbank.astype(np.float32)


FEATURE = MnLogMel
