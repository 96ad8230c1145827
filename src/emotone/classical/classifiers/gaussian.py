"""Classifiers by Gaussian densities of each label, with equal priors.

Naive Bayes, linear and quadratic discriminant analysis, and a mixture of Gaussians per label. Scores are logarithms of
probabilities: of the log densities l_k of the labels, l_k - ln sum_j exp l_j.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emotone.classical.base import at_all_labels
from emotone.errors import ConfigError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.classical.base import Scorer, Truth, Vectors

ITERATIONS = 500
VARIANCE = 1e-2  # added to each variance of standardised vectors: no component narrows to a single clip


def scikit_learn(module: str, purpose: str) -> Any:
    """Return a module of scikit-learn, or raise `MissingExtraError` with the purpose."""
    try:
        return import_module(f"sklearn.{module}")
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", purpose) from error


def equal_priors(truth: Truth) -> Vectors:
    """Return the probabilities of the labels in `truth`: all the same."""
    seen = np.unique(truth)
    return np.full(len(seen), 1 / len(seen))


def density_scorer(densities: Callable[[Vectors], Any], truth: Truth, *, labels: int) -> Scorer:
    """Return a scorer from a function of vectors to log densities [vectors, labels that are in `truth`].

    The function may return the difference of two labels' [vectors] instead, that of the second label minus the first.
    """
    return partial(_score, densities=densities, seen=np.unique(truth), labels=labels)


def _score(vectors: Vectors, *, densities: Callable[[Vectors], Any], seen: Truth, labels: int) -> Vectors:
    logs = np.asarray(densities(vectors), np.float64)
    if logs.ndim == 1:
        logs = np.stack([np.zeros_like(logs), logs], axis=1)
    return at_all_labels(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True), seen=seen, labels=labels)


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


@dataclass(frozen=True)
class GaussianMixture:
    """A mixture of Gaussians per label, with diagonal covariances; equal priors.

    Attributes:
        mixtures: Gaussians of a label; a label with fewer clips than twice as many has half as many as clips.

    Raises:
        ConfigError: no Gaussian.

    """

    version: ClassVar[int] = 1

    mixtures: int = 7

    def __post_init__(self) -> None:
        if self.mixtures < 1:
            raise ConfigError(f"gaussian-mixture needs mixtures >= 1; given {self.mixtures}")

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """A single one without settings."""
        return ({},)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:
        """Return a single scorer: logarithms of probabilities."""
        models = scikit_learn("mixture", "mixtures of Gaussians")
        fitted = []
        for label in np.unique(truth):
            clips = vectors[truth == label]
            count = max(1, min(self.mixtures, len(clips) // 2))
            model = models.GaussianMixture(
                count, covariance_type="diag", reg_covar=VARIANCE, max_iter=ITERATIONS, random_state=seed
            )
            # A single clip is its own mean; scikit-learn refuses to fit to it.
            fitted.append(model.fit(clips if len(clips) > 1 else np.repeat(clips, 2, axis=0)))

        def densities(others: Vectors) -> Vectors:
            return np.stack([model.score_samples(others) for model in fitted], axis=1)

        return [density_scorer(densities, truth, labels=labels)]
