"""Background noise: steady noise of a random spectral tilt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.augment.base import DECIBEL

if TYPE_CHECKING:
    from emotone.types import Array


@dataclass(frozen=True)
class NoiseFloorParameters:
    """Parameters: level per band relative to the mean power, and fluctuation [time, bands], as natural logarithms."""

    level: Array
    fluctuation: Array


@dataclass(frozen=True)
class NoiseFloor:
    """Adds noise power to each cell; in a band it is roughly exponentially distributed around its mean.

    Attributes:
        snr_low: minimum signal-to-noise ratio, in decibels.
        snr_high: maximum; the ratio is uniformly distributed between them.
        tilt: standard deviation of the noise's slope over all bands, in decibels.
        probability: share of examples with noise.

    """

    title: ClassVar[str] = "steady noise at a random signal-to-noise ratio"
    front_ends: ClassVar[tuple[str, ...]] = ("log-mel",)
    reach: ClassVar[float] = 1.0

    snr_low: float = 5.0
    snr_high: float = 40.0
    tilt: float = 10.0
    probability: float = 0.7

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> NoiseFloorParameters | None:
        """Return the parameters, or None for no noise."""
        if rng.random() >= self.probability:
            return None
        snr = rng.uniform(self.snr_low, self.snr_high)
        slope = rng.normal(0, self.tilt)
        level = (-snr + slope * np.linspace(-0.5, 0.5, shape[1])) * DECIBEL
        # A mel band averages several bins: a gamma distribution of shape 2 is between one bin and a wide band.
        fluctuation = np.log(rng.gamma(2.0, 0.5, shape) + 1e-3)
        return NoiseFloorParameters(level.astype(np.float32), fluctuation.astype(np.float32))

    def apply(self, features: Array, drawn: NoiseFloorParameters | None) -> Array:
        """Return features with added noise power."""
        if drawn is None:
            return features.copy()
        mean_power = np.log(np.exp(features).mean())
        noisy: Array = np.logaddexp(features, mean_power + drawn.level + drawn.fluctuation)
        return noisy


AUGMENTATION = NoiseFloor
