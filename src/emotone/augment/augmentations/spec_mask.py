"""Masks over time and bands, so that a network cannot rely on a single cue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np

    from emotone.types import Array


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


AUGMENTATION = SpecMask
