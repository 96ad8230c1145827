"""Simple classifiers: label frequencies, logistic regression, and one hidden layer."""

from __future__ import annotations

import warnings
import zlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from emotone.classical.base import at_all_labels, check_candidates
from emotone.errors import ConfigError, missing_extra, unknown_name

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors

Strategy: TypeAlias = Literal["majority", "chance"]


@dataclass(frozen=True)
class Prior:
    """Predicts from label frequencies alone.

    Attributes:
        strategy: "majority" gives each label its share of the training part: the most frequent one is predicted;
            "chance" draws a label of the training part for every clip, all with equal probability.

    """

    version: ClassVar[int] = 2  # 2: chance draws differently in every fold, and only labels of the training part

    strategy: Strategy = "majority"

    def __post_init__(self) -> None:
        if self.strategy not in get_args(Strategy):
            raise unknown_name("strategy", self.strategy, get_args(Strategy))

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """A single one without settings."""
        return ({},)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:
        """Return a single scorer: logarithms of shares."""
        seen, counts = np.unique(truth, return_counts=True)
        shares = np.log(counts / counts.sum())
        # The training part is part of the seed: otherwise equal test sets would get equal predictions in every fold.
        rng = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(vectors).tobytes())])

        def score(others: Vectors) -> Vectors:
            if self.strategy == "majority":
                return at_all_labels(np.tile(shares, (len(others), 1)), seen=seen, labels=labels)
            drawn = rng.integers(0, len(seen), len(others))
            # Slightly above the others: the drawn label is predicted, and the probabilities stay nearly equal.
            scores = np.where(np.arange(len(seen)) == drawn[:, None], 1e-6, 0.0)
            return at_all_labels(scores, seen=seen, labels=labels)

        return [score]


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
        return [
            partial(_regression_score, _fitted_regression(vectors, truth, cost=cost), labels=labels)
            for cost in self.cost
        ]


def _fitted_regression(vectors: Vectors, truth: Truth, *, cost: float) -> Any:
    try:
        from sklearn import linear_model
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", "logistic regression") from error
    return linear_model.LogisticRegression(C=cost, class_weight="balanced", max_iter=ITERATIONS).fit(vectors, truth)


def _regression_score(model: Any, vectors: Vectors, *, labels: int) -> Vectors:
    margins = model.decision_function(vectors)
    if margins.ndim == 1:  # two labels: the log odds of the second
        margins = np.stack([np.zeros_like(margins), margins], axis=1)
    # Not the logarithm of probabilities, which underflow far from the training data.
    logs = margins - np.logaddexp.reduce(margins, axis=1, keepdims=True)
    return at_all_labels(logs, seen=model.classes_, labels=labels)


MIN_PROBABILITY = 1e-12  # keeps the logarithm of probabilities that underflow finite


@dataclass(frozen=True)
class Mlp:
    """A multilayer perceptron with one hidden layer of rectified linear units, trained with Adam.

    It is trained for a fixed number of epochs: early stopping would need speakers that tuning already uses.

    Attributes:
        hidden: number of hidden units.
        penalty: weight of the L2 penalty, or several to select from.
        epochs: passes over the training part.

    """

    version: ClassVar[int] = 2  # 2: all epochs, even if the loss is constant

    hidden: int = 128
    penalty: tuple[float, ...] = (0.1, 1.0, 10.0)
    epochs: int = 60

    def __post_init__(self) -> None:
        check_candidates("penalty", self.penalty)
        if self.hidden < 1 or self.epochs < 1:
            raise ConfigError(f"hidden and epochs must be at least 1; given {self.hidden} and {self.epochs}")

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per penalty, the strongest first."""
        return tuple({"penalty": penalty} for penalty in reversed(self.penalty))

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:
        """Return one scorer per penalty: logarithms of probabilities."""
        return [
            partial(_mlp_score, self._fitted(vectors, truth, penalty=penalty, seed=seed), labels=labels)
            for penalty in reversed(self.penalty)
        ]

    def _fitted(self, vectors: Vectors, truth: Truth, *, penalty: float, seed: int) -> Any:
        try:
            from sklearn.exceptions import ConvergenceWarning
            from sklearn.neural_network import MLPClassifier
        except ImportError as error:
            raise missing_extra("scikit-learn", "baselines", "the multilayer perceptron") from error
        net = MLPClassifier(
            (self.hidden,), alpha=penalty, max_iter=self.epochs, n_iter_no_change=self.epochs, random_state=seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is a setting
            return net.fit(vectors, truth)


def _mlp_score(model: Any, vectors: Vectors, *, labels: int) -> Vectors:
    probabilities = np.maximum(model.predict_proba(vectors), MIN_PROBABILITY)
    return at_all_labels(np.log(probabilities), seen=model.classes_, labels=labels)
