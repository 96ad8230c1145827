"""A small neural network on vectors: one hidden layer."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emotone.classical.base import at_all_labels, check_candidates
from emotone.errors import ConfigError, missing_extra

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors

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
            partial(_score, self._fitted(vectors, truth, penalty=penalty, seed=seed), labels=labels)
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


def _score(model: Any, vectors: Vectors, *, labels: int) -> Vectors:
    probabilities = np.maximum(model.predict_proba(vectors), MIN_PROBABILITY)
    return at_all_labels(np.log(probabilities), seen=model.classes_, labels=labels)


CLASSIFIER = Mlp
