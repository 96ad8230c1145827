"""Speaker variation in log-mel rows: tempo and vocal tract length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array


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


AUGMENTATION = Warp
