"""Multinomial logistic regression with a quadratic penalty."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emotone.classical.base import at_all_labels, check_candidates
from emotone.errors import missing_extra

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors

ITERATIONS = 2000  # many more than standardised vectors need


@dataclass(frozen=True)
class LogisticRegression:
    """Multinomial logistic regression with balanced label weights.

    Attributes:
        cost: inverse of the penalty's weight, or several to select from; a small value keeps weights near 0.

    """

    version: ClassVar[int] = 1

    cost: tuple[float, ...] = (1e-3, 1e-2, 1e-1)

    def __post_init__(self) -> None:
        check_candidates("cost", self.cost)

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per cost."""
        return tuple({"cost": cost} for cost in self.cost)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002 - no draws
        """Return one scorer per cost: logarithms of probabilities."""
        return [partial(_score, _fitted(vectors, truth, cost=cost), labels=labels) for cost in self.cost]


def _fitted(vectors: Vectors, truth: Truth, *, cost: float) -> Any:
    try:
        from sklearn import linear_model
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", "logistic regression") from error
    return linear_model.LogisticRegression(C=cost, class_weight="balanced", max_iter=ITERATIONS).fit(vectors, truth)


def _score(model: Any, vectors: Vectors, *, labels: int) -> Vectors:
    margins = model.decision_function(vectors)
    if margins.ndim == 1:  # two labels: the log odds of the second
        margins = np.stack([np.zeros_like(margins), margins], axis=1)
    # Not the logarithm of probabilities, which underflow far from the training data.
    logs = margins - np.logaddexp.reduce(margins, axis=1, keepdims=True)
    return at_all_labels(logs, seen=model.classes_, labels=labels)


CLASSIFIER = LogisticRegression
