"""Variation of log-mel rows: microphone, background noise, speaker, and masks over time and bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.augment.base import DECIBEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array


@dataclass(frozen=True)
class Equaliser:
    """Random gains at equally spaced points of the mel scale, interpolated linearly.

    Attributes:
        points: number of points with a gain of their own.
        decibels: standard deviation of each gain.

    """

    title: ClassVar[str] = "smooth random gain over bands"
    front_ends: ClassVar[tuple[str, ...]] = ("log-mel",)
    reach: ClassVar[float] = 1.0

    points: int = 5
    decibels: float = 4.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Return one gain per band, as a natural logarithm of power."""
        gains = rng.normal(0, self.decibels * DECIBEL, self.points)
        where = np.linspace(0, self.points - 1, shape[1])
        return np.interp(where, np.arange(self.points), gains).astype(np.float32)

    def apply(self, features: Array, drawn: Array) -> Array:
        """Return features with the gains added."""
        return features + drawn


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


@dataclass(frozen=True)
class WarpParameters:
    """Tempo factor (above 1 is faster), and shift of the spectrum in bands (positive is up)."""

    tempo: float
    shift: float


@dataclass(frozen=True)
class Warp:
    """Resamples time by a factor and shifts the bands, both by linear interpolation, and keeps the shape.

    On the mel scale, a change of the vocal tract length is approximately a shift.

    Attributes:
        tempo: maximum relative change of tempo; the factor is uniformly distributed from 1 - tempo to 1 + tempo.
        bands: maximum shift in bands, uniformly distributed in both directions.

    Reference: Jaitly and Hinton, Vocal tract length perturbation improves speech recognition, 2013.

    """

    title: ClassVar[str] = "tempo and vocal tract length"
    front_ends: ClassVar[tuple[str, ...]] = ("log-mel",)
    reach: ClassVar[float] = 1.0

    tempo: float = 0.1
    bands: float = 3.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> WarpParameters:  # noqa: ARG002 - one protocol
        """Return the parameters."""
        return WarpParameters(
            tempo=float(rng.uniform(1 - self.tempo, 1 + self.tempo)),
            shift=float(rng.uniform(-self.bands, self.bands)),
        )

    def apply(self, features: Array, drawn: WarpParameters) -> Array:
        """Return the warped copy; edge values are repeated beyond the edges."""
        time, bands = features.shape
        centre = (time - 1) / 2
        when = centre + (np.arange(time) - centre) * drawn.tempo
        return _interpolate(_interpolate(features, when).T, np.arange(bands) - drawn.shift).T


def _interpolate(features: Array, where: NDArray[np.floating]) -> Array:
    """Return rows of `features` at fractional positions."""
    where = np.clip(where, 0, features.shape[0] - 1)
    below = np.minimum(where.astype(np.int64), max(features.shape[0] - 2, 0))
    above = np.minimum(below + 1, features.shape[0] - 1)
    share = (where - below).astype(np.float32)[:, None]
    rows: Array = features[below] * (1 - share) + features[above] * share
    return rows


@dataclass(frozen=True)
class MaskRanges:
    """Masked ranges: (first, end) of frames, and of bands."""

    times: tuple[tuple[int, int], ...]
    bands: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class SpecMask:
    """Masked cells get the mean of the features, so no edge is louder than the input.

    Attributes:
        times: number of masks over time.
        time_share: maximum length of a mask, as a share of the frames.
        bands: number of masks over bands.
        band_share: maximum width of a mask, as a share of the bands.

    Reference: Park et al., SpecAugment, Interspeech 2019 (without time warping).

    """

    title: ClassVar[str] = "masks over time and bands"
    front_ends: ClassVar[tuple[str, ...]] = ("log-mel",)
    reach: ClassVar[float] = 1.0

    times: int = 2
    time_share: float = 0.15
    bands: int = 2
    band_share: float = 0.15

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> MaskRanges:
        """Return ranges with lengths uniformly distributed from 0 to the maximum."""
        return MaskRanges(
            _ranges(rng, shape[0], self.times, self.time_share),
            _ranges(rng, shape[1], self.bands, self.band_share),
        )

    def apply(self, features: Array, drawn: MaskRanges) -> Array:
        """Return the masked copy."""
        masked = features.copy()
        mean = features.mean()
        for first, end in drawn.times:
            masked[first:end] = mean
        for first, end in drawn.bands:
            masked[:, first:end] = mean
        return masked


def _ranges(rng: np.random.Generator, size: int, count: int, share: float) -> tuple[tuple[int, int], ...]:
    lengths = rng.integers(0, int(share * size) + 1, count)
    firsts = rng.integers(0, size - lengths + 1)
    return tuple((int(first), int(first + length)) for first, length in zip(firsts, lengths, strict=True))
