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
    """A support vector machine with the kernel exp(-gamma |x - y|^2 / values), one against one.

    Dividing by the number of values makes one gamma fit feature sets of any size: two standardised vectors that have
    nothing in common lie near |x - y|^2 / values = 2.

    Attributes:
        cost: C, or several to choose among.
        gamma: of the kernel, or several to choose among; small is smooth.

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
            of_gamma = partial(kernel, gamma=gamma / vectors.shape[1])
            scorers += [fit_svm(gram, truth, cost=cost, labels=labels, kernel=of_gamma) for cost in self.cost]
        return scorers


def _gaussian(distances: Vectors, *, gamma: float) -> Vectors:
    kernel: Vectors = np.exp(-gamma * distances)
    return kernel


CLASSIFIER = RbfSvm
