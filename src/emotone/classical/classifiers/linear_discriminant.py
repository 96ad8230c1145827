"""Linear discriminant analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.classical.gaussian import density_scorer, equal_priors, scikit_learn

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors


@dataclass(frozen=True)
class LinearDiscriminant:
    """A Gaussian per label, with one covariance for all of them; equal priors."""

    version: ClassVar[int] = 1

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """A single one without settings."""
        return ({},)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002 - no draws
        """Return a single scorer: logarithms of probabilities."""
        models = scikit_learn("discriminant_analysis", "linear discriminant analysis")
        model = models.LinearDiscriminantAnalysis(priors=equal_priors(truth)).fit(vectors, truth)
        return [density_scorer(model.decision_function, truth, labels=labels)]


CLASSIFIER = LinearDiscriminant
