"""Another room: steady noise of a random colour under the voice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.augment.base import DECIBEL

if TYPE_CHECKING:
    from emotone.types import Array


@dataclass(frozen=True)
class Floor:
    """Drawn noise: its level below the features' mean power per band, and its grain [time, bands]."""

    level: Array
    grain: Array


@dataclass(frozen=True)
class NoiseFloor:
    """Adds noise power to each cell. Powers of noise in a band are about exponentially distributed around their mean.

    Attributes:
        snr_low: least signal-to-noise ratio, decibels.
        snr_high: greatest; drawn uniformly between.
        tilt: standard deviation of the noise's slope over all bands, decibels.
        probability: how often noise is added at all.

    """

    title: ClassVar[str] = "steady noise at a random signal-to-noise ratio"
    front_ends: ClassVar[tuple[str, ...]] = ("log-mel",)
    reach: ClassVar[float] = 1.0

    snr_low: float = 5.0
    snr_high: float = 40.0
    tilt: float = 10.0
    probability: float = 0.7

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Floor | None:
        """Return the noise, or None where none is added."""
        if rng.random() >= self.probability:
            return None
        snr = rng.uniform(self.snr_low, self.snr_high)
        slope = rng.normal(0, self.tilt)
        level = (-snr + slope * np.linspace(-0.5, 0.5, shape[1])) * DECIBEL
        # A mel band averages several bins: gamma with shape 2 lies between one bin and a wide band.
        grain = np.log(rng.gamma(2.0, 0.5, shape) + 1e-3)
        return Floor(level.astype(np.float32), grain.astype(np.float32))

    def apply(self, features: Array, drawn: Floor | None) -> Array:
        """Return features with the noise's power added."""
        if drawn is None:
            return features.copy()
        mean_power = np.log(np.exp(features).mean())
        noisy: Array = np.logaddexp(features, mean_power + drawn.level + drawn.grain)
        return noisy


AUGMENTATION = NoiseFloor
