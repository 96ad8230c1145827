"""Logarithms of mel-band magnitude, the input of VGGish and YAMNet: 64 bands every 10 ms at 16 kHz.

The original networks cut a recording into patches of 96 rows. Here rows are computed over the whole recording and the
networks take the rows of a window that they need (see `emotone.nets.architectures.vggish`): a row depends on its own
25 ms only, so both give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError
from emotone.features.spectra import band_spectra, hann, mel_filterbank, padded_for_rows
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

FFT = 512  # the next power of two after a window
LOW, HIGH = 125.0, 7500.0  # hertz: edges of the first and the last band


@dataclass(frozen=True)
class VggishLogMel:
    """ln(sum of |spectrum| under a band + offset), one row per hop: magnitudes, not their squares.

    Windows are periodic Hann windows of 25 ms, unscaled, of samples with a full scale of 1; bands are triangles on the
    mel scale with sides straight in mel. Zeros follow the recording's end, so that every multiple of the hop inside it
    has a row: one second has 100.

    Attributes:
        offset: added before the logarithm: 0.01 for VGGish, 0.001 for YAMNet.

    Raises:
        ConfigError: an offset of 0 or below.

    Example:
        >>> import numpy as np
        >>> VggishLogMel().compute(np.zeros(16000, np.float32)).shape
        (100, 64)

    References: Hershey et al., CNN architectures for large-scale audio classification, ICASSP 2017; the settings are
    those of the published VGGish (Apache-2.0).

    """

    version: ClassVar[int] = 1
    pads_end: ClassVar[bool] = True
    rate: ClassVar[Hertz] = 16000
    window: ClassVar[int] = 400  # 25 ms
    hop: ClassVar[int] = 160  # 10 ms
    dimension: ClassVar[int] = 64

    offset: float = 0.01

    def __post_init__(self) -> None:
        if not self.offset > 0:
            raise ConfigError(f"vggish-log-mel needs offset > 0; given {self.offset}")

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: one for each hop that starts inside the signal, but at least one."""
        return max(1, -(-samples // self.hop))

    def compute(self, signal: Array) -> Array:
        """Return [frames, 64] float32 of a signal [time], with zeros after its end."""
        padded = padded_for_rows(signal, rows=self.frames(len(signal)), hop=self.hop, window=self.window)
        window, filterbank = _tables()
        sums = band_spectra(padded, hop=self.hop, window=window, filterbank=filterbank, power=False)
        rows: Array = np.log(sums + np.float32(self.offset))
        return rows


@lru_cache(maxsize=1)
def _tables() -> tuple[Array, Array]:
    """Return the window [400] and the filterbank [257, 64], float32."""
    spec = VggishLogMel
    filterbank = mel_filterbank(rate=spec.rate, fft=FFT, bands=spec.dimension, low=LOW, high=HIGH, kind="kaldi")
    return hann(spec.window).astype(np.float32), filterbank.astype(np.float32)


FEATURE = VggishLogMel
