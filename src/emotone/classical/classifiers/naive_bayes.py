"""Gaussian naive Bayes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.classical.gaussian import density_scorer, equal_priors, scikit_learn

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors


@dataclass(frozen=True)
class NaiveBayes:
    """A Gaussian per label and value, values independent within a label; equal priors."""

    version: ClassVar[int] = 1

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """A single one without settings."""
        return ({},)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002 - no draws
        """Return a single scorer: logarithms of probabilities."""
        models = scikit_learn("naive_bayes", "naive Bayes")
        model = models.GaussianNB(priors=equal_priors(truth)).fit(vectors, truth)
        return [density_scorer(model.predict_joint_log_proba, truth, labels=labels)]


CLASSIFIER = NaiveBayes
