"""The linear support vector machine, the usual classifier of openSMILE features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.classical.base import check_candidates
from emotone.classical.kernels import fit_svm

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors


@dataclass(frozen=True)
class LinearSvm:
    """A linear one-vs-one support vector machine with balanced label weights.

    Attributes:
        cost: C, or several to select from; a small C gives a wide margin.

    """

    version: ClassVar[int] = 1

    cost: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1)

    def __post_init__(self) -> None:
        check_candidates("cost", self.cost)

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per cost."""
        return tuple({"cost": cost} for cost in self.cost)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002 - no draws
        """Return one scorer per cost, all from one Gram matrix."""

        def kernel(others: Vectors) -> Vectors:
            products: Vectors = others @ vectors.T
            return products

        gram = kernel(vectors)
        return [fit_svm(gram, truth, cost=cost, labels=labels, kernel=kernel) for cost in self.cost]


CLASSIFIER = LinearSvm
