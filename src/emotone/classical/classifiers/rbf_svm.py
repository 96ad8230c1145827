"""The support vector machine with a Gaussian (RBF) kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.classical.base import check_candidates
from emotone.classical.kernels import fit_svm, squared_distances

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors


@dataclass(frozen=True)
class RbfSvm:
    """A one-vs-one support vector machine with the kernel exp(-gamma |x - y|^2 / values).

    The division by the number of values makes gamma independent of the size of the feature set: two independent
    standardised vectors have |x - y|^2 / values near 2.

    Attributes:
        cost: C, or several to select from.
        gamma: of the kernel, or several to select from; a small gamma gives a smooth boundary.

    """

    version: ClassVar[int] = 1

    cost: tuple[float, ...] = (0.1, 1.0, 10.0)
    gamma: tuple[float, ...] = (0.1, 0.3, 1.0)

    def __post_init__(self) -> None:
        check_candidates("cost", self.cost)
        check_candidates("gamma", self.gamma)

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per gamma and cost."""
        return tuple({"gamma": gamma, "cost": cost} for gamma, cost in product(self.gamma, self.cost))

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002 - no draws
        """Return one scorer per gamma and cost; distances are computed once, each gamma's kernel once."""
        distances = squared_distances(vectors, vectors)

        def kernel(others: Vectors, *, gamma: float) -> Vectors:
            return _gaussian(squared_distances(others, vectors), gamma=gamma)

        scorers: list[Scorer] = []
        for gamma in self.gamma:
            gram = _gaussian(distances, gamma=gamma / vectors.shape[1])
            with_gamma = partial(kernel, gamma=gamma / vectors.shape[1])
            scorers += [fit_svm(gram, truth, cost=cost, labels=labels, kernel=with_gamma) for cost in self.cost]
        return scorers


def _gaussian(distances: Vectors, *, gamma: float) -> Vectors:
    kernel: Vectors = np.exp(-gamma * distances)
    return kernel


CLASSIFIER = RbfSvm
