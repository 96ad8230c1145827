"""What can be had without listening: the most frequent label, or all labels alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors


@dataclass(frozen=True)
class Prior:
    """The same answer to everything.

    Attributes:
        strategy: "majority" gives each label its share of the training part, so that the most frequent one wins;
            "chance" draws a label anew for every clip, all with equal probability.

    """

    version: ClassVar[int] = 1

    strategy: Literal["majority", "chance"] = "majority"

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """There is nothing to choose."""
        return ({},)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002 - nobody listens
        """Return the one scorer: logarithms of shares."""
        counts = np.bincount(truth, minlength=labels)
        with np.errstate(divide="ignore"):  # a label that training never saw: -inf
            shares = np.log(counts / counts.sum())
        rng = np.random.default_rng(seed)

        def score(others: Vectors) -> Vectors:
            if self.strategy == "majority":
                return np.tile(shares, (len(others), 1))
            drawn = rng.integers(0, labels, len(others))
            # A hair above the others: the drawn label is the answer, the probabilities stay alike.
            return np.where(np.arange(labels) == drawn[:, None], 1e-6, 0.0)

        return [score]


CLASSIFIER = Prior
