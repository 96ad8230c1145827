"""Recording noise: white noise added to raw samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError

if TYPE_CHECKING:
    from emotone.types import Array


@dataclass(frozen=True)
class WhiteNoiseParameters:
    """Standard deviation as a share of the peak amplitude, and noise [time, 1] of standard deviation 1."""

    share: float
    values: Array


@dataclass(frozen=True)
class WhiteNoise:
    """Adds Gaussian noise with standard deviation sigma, uniformly distributed in [0, share a] with a = max |x|.

    Attributes:
        share: of the largest absolute amplitude; at most 1.

    Raises:
        ConfigError: a share out of range.

    Reference: ElShaer, Wisdom, Mishra, Transfer learning from sound representations for anger detection in speech,
    2019 (share 0.005, which is 46 dB below the peak).

    """

    title: ClassVar[str] = "Gaussian noise at a random level below the peak"
    front_ends: ClassVar[tuple[str, ...]] = ("waveform",)
    reach: ClassVar[float] = 1.0

    share: float = 0.005

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigError(f"white-noise needs a share from 0 to 1; given {self.share:g}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> WhiteNoiseParameters:
        """Return the parameters."""
        return WhiteNoiseParameters(float(rng.uniform(0, self.share)), rng.standard_normal(shape, np.float32))

    def apply(self, features: Array, drawn: WhiteNoiseParameters) -> Array:
        """Return samples [time, 1] with added noise."""
        sigma = np.float32(drawn.share * np.abs(features).max())
        noisy: Array = features + sigma * drawn.values
        return noisy


AUGMENTATION = WhiteNoise
