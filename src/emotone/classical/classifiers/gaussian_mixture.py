"""A mixture of Gaussians per label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.classical.gaussian import density_scorer, scikit_learn
from emotone.errors import ConfigError

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors

ITERATIONS = 500
VARIANCE = 1e-2  # added to each variance of standardised vectors: no component narrows to a single clip


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


CLASSIFIER = GaussianMixture
