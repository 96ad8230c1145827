"""Logarithms of mel-band power as the MobileNets of EfficientAT see sound: 128 bands every 10 ms at 32 kHz.

The original centres its windows on multiples of the hop and mirrors the recording at both ends for it. Here a row sees
its own samples only, as in every front end of the house, so that the first window begins with the recording: rows lie
400 samples, 12.5 ms, later than the original's, and there are two or three fewer. With `pads_end` there is one
wherever a hop begins inside the recording, and the last ones hear zeros behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.config import LATER
from emotone.features.mel import band_rows, mel_triangles
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

TAPER = 800  # samples of a window: 25 ms
FFT = 1024  # the power of two above
LOW, HIGH = 0.0, 15000.0  # hertz: edges of the first and the last band
EMPHASIS = 0.97
OFFSET = 1e-5  # added before the logarithm


@dataclass(frozen=True)
class MnLogMel:
    """ln(sum of |spectrum|^2 under a band + 1e-5) of the emphasised signal y[t] = x[t + 1] - 0.97 x[t], a row per hop.

    Windows are symmetric Hann windows of 25 ms, unscaled, of samples whose full scale is 1; bands are triangles on
    the mel scale as in Kaldi.

    Attributes:
        pads_end: whether zeros stand behind the recording's end, so that every multiple of the hop that lies inside it
            has a row (see `emotone.features.base.Feature`): one second has 100. Without, rows are of whole windows.

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
    window: ClassVar[int] = TAPER + 1  # the emphasis needs the next sample
    hop: ClassVar[int] = 320  # 10 ms
    dimension: ClassVar[int] = 128

    pads_end: bool = field(default=False, metadata=LATER)

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: of full windows, or of hops that begin inside; at least one."""
        if self.pads_end:
            return max(1, -(-samples // self.hop))
        return 1 + max(0, samples - self.window) // self.hop

    def compute(self, signal: Array) -> Array:
        """Return [frames, 128] float32 of a signal [time]; what its rows lack of it is zeros."""
        needed = (self.frames(len(signal)) - 1) * self.hop + self.window
        if len(signal) < needed:
            signal = np.pad(signal, (0, needed - len(signal)))
        return rows_of(signal[1:] - np.float32(EMPHASIS) * signal[:-1])


def rows_of(emphasised: Array) -> Array:
    """Return the rows of a signal that is emphasised already, at least 800 samples."""
    taper, triangles = tables()
    rows = band_rows(emphasised, hop=MnLogMel.hop, taper=taper, triangles=triangles, power=True)
    result: Array = np.log(rows + np.float32(OFFSET))
    return result


@lru_cache(maxsize=1)
def tables() -> tuple[Array, Array]:
    """Return the window [800] and the bands [513, 128], float32."""
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(TAPER) / (TAPER - 1))
    triangles = mel_triangles(rate=MnLogMel.rate, fft=FFT, bands=MnLogMel.dimension, low=LOW, high=HIGH)
    return taper.astype(np.float32), triangles.astype(np.float32)


FEATURE = MnLogMel
