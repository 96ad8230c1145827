"""Logarithms of mel-band magnitude as VGGish and YAMNet see sound: 64 bands every 10 ms at 16 kHz.

The nets' originals cut a recording into patches of 96 rows. Here rows are made over the whole recording and the nets
take what they need of a window (see `emotone.nets.architectures.vggish`): a row depends on its own 25 ms only, so that both give
the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError
from emotone.features.mel import band_rows, mel_triangles
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

FFT = 512  # the power of two above a window
LOW, HIGH = 125.0, 7500.0  # hertz: edges of the first and the last band


@dataclass(frozen=True)
class VggishLogMel:
    """ln(sum of |spectrum| under a band + offset), one row per hop: magnitudes, not their squares.

    Windows are periodic Hann windows of 25 ms, unscaled, of samples whose full scale is 1; bands are triangles on
    the HTK mel scale. Zeros stand behind the recording's end, so that every multiple of the hop that lies inside it
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
        """Return [frames, 64] float32 of a signal [time], with zeros behind its end."""
        needed = (self.frames(len(signal)) - 1) * self.hop + self.window
        padded = np.pad(signal, (0, max(0, needed - len(signal))))
        taper, triangles = _tables()
        rows = band_rows(padded[:needed], hop=self.hop, taper=taper, triangles=triangles, power=False)
        result: Array = np.log(rows + np.float32(self.offset))
        return result


@lru_cache(maxsize=1)
def _tables() -> tuple[Array, Array]:
    """Return the window [400] and the bands [257, 64], float32."""
    spec = VggishLogMel
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(spec.window) / spec.window)
    triangles = mel_triangles(rate=spec.rate, fft=FFT, bands=spec.dimension, low=LOW, high=HIGH)
    return taper.astype(np.float32), triangles.astype(np.float32)


FEATURE = VggishLogMel
