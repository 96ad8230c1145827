"""A worse recorder: white noise under the samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError

if TYPE_CHECKING:
    from emotone.types import Array


@dataclass(frozen=True)
class Grain:
    """Drawn noise: its deviation as a share of the largest amplitude, and itself [time, 1] with deviation 1."""

    share: float
    values: Array


@dataclass(frozen=True)
class WhiteNoise:
    """Adds Gaussian noise of mean 0 and deviation sigma, drawn uniformly from [0, share a], a = max |x|.

    Attributes:
        share: of the largest absolute amplitude of the piece; at most 1.

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

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Grain:
        """Return a level and the noise."""
        return Grain(float(rng.uniform(0, self.share)), rng.standard_normal(shape, np.float32))

    def apply(self, features: Array, drawn: Grain) -> Array:
        """Return samples [time, 1] with the noise added."""
        sigma = np.float32(drawn.share * np.abs(features).max())
        noisy: Array = features + sigma * drawn.values
        return noisy


AUGMENTATION = WhiteNoise
