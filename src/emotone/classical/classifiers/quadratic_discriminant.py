"""Quadratic discriminant analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.classical.gaussian import density_scorer, equal_priors, scikit_learn
from emotone.errors import ConfigError

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors


@dataclass(frozen=True)
class QuadraticDiscriminant:
    """A Gaussian per label, with a covariance of its own; equal priors.

    Attributes:
        regularisation: r in (1 - r) S + r I, which replaces each covariance S and makes those of few clips invertible.

    Raises:
        ConfigError: a share out of range.

    """

    version: ClassVar[int] = 1

    regularisation: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.regularisation <= 1:
            raise ConfigError(f"quadratic-discriminant needs 0 < regularisation <= 1; given {self.regularisation:g}")

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """A single one without settings."""
        return ({},)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002 - no draws
        """Return a single scorer: logarithms of probabilities."""
        models = scikit_learn("discriminant_analysis", "quadratic discriminant analysis")
        model = models.QuadraticDiscriminantAnalysis(priors=equal_priors(truth), reg_param=self.regularisation)
        return [density_scorer(model.fit(vectors, truth).decision_function, truth, labels=labels)]


CLASSIFIER = QuadraticDiscriminant
