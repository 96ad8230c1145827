"""The level of a recording, which depends on the microphone's distance and gain as much as on the voice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.features.spectra import decibels, frames

if TYPE_CHECKING:
    from emotone.types import Array, Hertz

WINDOW, HOP = 320, 160  # 20 ms every 10 ms at 16 kHz
ACTIVE = 30.0  # dB below the 95th percentile of frames: quieter frames are pauses


@dataclass(frozen=True)
class Loudness:
    """Levels of a whole recording in dB below full scale (a mean square of 1), -100 at the lowest.

    level           of the whole
    active level    of the frames (20 ms) less than 30 dB below the 95th percentile of frames
    peak            of the largest sample
    active spread   standard deviation of the active frames' levels, dB
    range           from the 5th to the 95th percentile of all frames' levels, dB
    """

    version: ClassVar[int] = 1

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        return 16000

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value."""
        return ("level", "active level", "peak", "active spread", "range")

    def compute(self, signal: Array) -> Array:
        """Return the vector [5] float32 of a signal [time]."""
        samples = signal.astype(np.float64) if len(signal) else np.zeros(1)
        powers = (frames(signal, window=WINDOW, hop=HOP) ** 2).mean(axis=1)
        levels = decibels(powers)
        low, high = np.percentile(levels, (5, 95))
        active = levels >= high - ACTIVE
        values = [
            *decibels(np.array([(samples**2).mean(), powers[active].mean(), (samples**2).max()])),
            levels[active].std(),
            high - low,
        ]
        return np.array(values, np.float32)


FUNCTIONALS = Loudness
