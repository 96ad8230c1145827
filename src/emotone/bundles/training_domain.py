"""What the embeddings of the training data look like, and how far those of a recording are from them.

A model is less accurate on recordings that differ from its training data: another language, room or microphone. The
embeddings show it, because the training corpora fill only a few directions around their means. The distance of an
embedding is what remains of it after the nearest mean and these directions are subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

ARRAYS = ("domain_centres", "domain_spread", "domain_directions", "domain_distances", "domain_slope")
RANGE = (0.4, 2.5)  # of the factor of the temperature: no single recording decides everything


@dataclass(frozen=True, eq=False)
class TrainingDomain:
    """The region of the training data among all embeddings.

    The distance of an embedding x is the mean square of  z - V'V z  with  z = (x - centre) / spread  and the nearest
    centre: 1 for recordings of a corpus whose variation the directions V don't contain at all, and less in the domain.

    Attributes:
        centres: means of the training corpora [corpora, values].
        spread: deviation within a corpus [values].
        directions: orthonormal main directions of the variation within corpora [directions, values].
        distances: quantiles, from 0 to 1 in equal steps, of the distances of recordings of the training corpora by
            speakers that were left out [quantiles]; empty if they were not measured.
        slope: exponent with which the temperature of the probabilities grows with the distance; 0 for none.

    Raises:
        UsageError: arrays that don't fit each other.

    References:
        Wang, Li, Feng, Zhang, ViM: out-of-distribution with virtual-logit matching, CVPR 2022 (the residual outside the
        main directions of the training data).
        Lee, Lee, Lee, Shin, A simple unified framework for detecting out-of-distribution samples, NeurIPS 2018 (the
        nearest mean; here of corpora, not of classes).

    """

    centres: NDArray[np.float32]
    spread: NDArray[np.float32]
    directions: NDArray[np.float16]
    distances: NDArray[np.float32]
    slope: float = 0.0

    def __post_init__(self) -> None:
        values = len(self.spread)
        for name, array in (("centres", self.centres), ("directions", self.directions)):
            if array.ndim != 2 or array.shape[1] != values or not len(array):
                shape = list(array.shape)
                raise UsageError(f"training domain: {name} have shape {shape}; needed: [1 or more, {values}]")
        parts = (self.centres, self.spread, self.directions, self.distances)
        if not all(np.isfinite(part).all() for part in parts) or not np.isfinite(self.slope):
            raise UsageError("training domain: its values are not all finite numbers")
        if not (self.spread > 0).all() or not (np.diff(self.distances) >= 0).all() or not (self.distances > 0).all():
            raise UsageError("training domain: spreads and distances must be above 0, and distances ascending")

    @cached_property
    def _directions(self) -> NDArray[np.float64]:
        return self.directions.astype(np.float64)

    def distance(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the distances [batch] of embeddings [batch, values] from the training data, 0 or above."""
        nearest = np.full(len(embeddings), np.inf)
        for centre in self.centres:
            z = (embeddings.astype(np.float64) - centre) / self.spread
            residual = z - (z @ self._directions.T) @ self._directions
            nearest = np.minimum(nearest, np.mean(residual**2, axis=1))
        return nearest

    def novelty(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return for embeddings [batch, values] the share [batch] of training recordings that are nearer, in [0, 1].

        The recordings are of speakers that were left out. 0.5 is usual in the training domain; most recordings of a
        corpus that sounds different are above 0.9.

        Raises:
            UsageError: the distances were not measured.

        """
        if not len(self.distances):
            raise UsageError("training domain: the distances of left-out recordings were not measured")
        shares = np.linspace(0.0, 1.0, len(self.distances))
        result: NDArray[np.float64] = np.interp(self.distance(embeddings), self.distances, shares)
        return result

    def temperature_factors(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return for embeddings [batch, values] the factor [batch] of the temperature: 1 at the usual distance."""
        if not len(self.distances) or self.slope == 0:
            return np.ones(len(embeddings))
        return temperature_factors(self.distance(embeddings), usual=self.usual, slope=self.slope)

    @property
    def usual(self) -> float:
        """The median of the distances of left-out training recordings."""
        return float(np.median(self.distances))

    def adapted(self, mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> TrainingDomain:
        """Return the domain around a user's recordings, by their statistics [values] each: one centre, their spread."""
        return replace(self, centres=mean[np.newaxis].astype(np.float32), spread=deviation.astype(np.float32))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays of a file, by name; see `from_arrays`."""
        values = (self.centres, self.spread, self.directions, self.distances, np.float32(self.slope))
        return {name: np.asarray(value) for name, value in zip(ARRAYS, values, strict=True)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> TrainingDomain | None:
        """Return the domain in the arrays of a file; None if they contain none.

        Raises:
            KeyError: an array is missing.
            UsageError: arrays that don't fit each other.

        """
        if ARRAYS[0] not in arrays:
            return None
        centres, spread, directions, distances, slope = (arrays[name] for name in ARRAYS)
        return cls(
            np.asarray(centres, np.float32),
            np.asarray(spread, np.float32),
            np.asarray(directions, np.float16),
            np.asarray(distances, np.float32),
            float(slope),
        )


def temperature_factors(distances: NDArray[np.float64], *, usual: float, slope: float) -> NDArray[np.float64]:
    """Return (distance / usual) ** slope [batch], within `RANGE`."""
    factors: NDArray[np.float64] = np.clip((distances / usual) ** slope, *RANGE)
    return factors
