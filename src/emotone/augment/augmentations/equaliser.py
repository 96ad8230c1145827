"""Microphone variation: a smooth random gain curve over the bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.augment.base import DECIBEL

if TYPE_CHECKING:
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


AUGMENTATION = Equaliser
