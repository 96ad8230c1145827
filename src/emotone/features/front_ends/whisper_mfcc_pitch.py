"""The rows of `whisper-log-mel` and of `mfcc-pitch` side by side, for networks with a branch for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.features.base import FEATURES
from emotone.types import Hertz  # noqa: TC001  (a class variable, as in the other front ends)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

PARTS = ("whisper-log-mel", "mfcc-pitch")


@dataclass(frozen=True)
class WhisperMfccPitch:
    """80 bands of Whisper's front end, then 13 cepstra and the pitch: one row of 94 values per 10 ms.

    Example:
        >>> import numpy as np
        >>> WhisperMfccPitch().compute(np.zeros(16000, np.float32)).shape
        (100, 94)

    """

    version: ClassVar[int] = 1
    pads_end: ClassVar[bool] = True
    rate: ClassVar[Hertz] = 16000
    window: ClassVar[int] = 640  # of the pitch; the bands are those of its first 25 ms
    hop: ClassVar[int] = 160
    dimension: ClassVar[int] = 94

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: one for each hop that starts inside the signal, but at least one."""
        return max(1, -(-samples // self.hop))

    def compute(self, signal: Array) -> Array:
        """Return [frames, 94] float32 of a signal [time], with zeros after its end."""
        rows: Array = np.concatenate([FEATURES.get(name)().compute(signal) for name in PARTS], axis=1)
        return rows


FEATURE = WhisperMfccPitch
