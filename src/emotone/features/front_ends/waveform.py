"""The signal itself, for networks on raw samples.

Why a row is one sample. Windows are on the grid of rows, and samples after the last row are dropped. With rows of n
samples, windows could start at every n-th sample only (0.6 s at 22,050 Hz is 13,230 samples, which no power of two
above 2 divides), and up to n - 1 samples at the end would be lost. With a row per sample every window starts and ends
exactly where the recipe puts it, at any rate; the last window ends with the last sample; and a signal in pieces of any
size gives the rows of the whole, bit for bit. It costs nothing: rows [time, 1] are the samples, and the network reads
them as one signal. Properties of a whole window, such as its level, are computed inside the network, so exported
networks include them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds


@dataclass(frozen=True)
class Waveform:
    """Unchanged samples, one row each.

    Attributes:
        rate: hertz; recordings with other rates are resampled first.

    Raises:
        ConfigError: a rate below 1.

    Example:
        >>> import numpy as np
        >>> Waveform().compute(np.zeros(16000, np.float32)).shape
        (16000, 1)

    """

    version: ClassVar[int] = 1
    window: ClassVar[int] = 1
    hop: ClassVar[int] = 1
    dimension: ClassVar[int] = 1

    rate: Hertz = 16000

    def __post_init__(self) -> None:
        if self.rate < 1:
            raise ConfigError(f"waveform needs a rate of at least 1 Hz; given {self.rate}")

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between samples."""
        return 1 / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: the samples, but at least one."""
        return max(1, samples)

    def compute(self, signal: Array) -> Array:
        """Return a copy [time, 1] of a signal [time]; an empty signal gives one sample of silence."""
        rows = np.zeros((self.frames(len(signal)), 1), np.float32)
        rows[: len(signal), 0] = signal
        return rows


FEATURE = Waveform
