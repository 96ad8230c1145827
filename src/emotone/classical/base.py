"""The interface of classifiers of vectors: a frozen spec with candidate settings, and a fit that returns scorers.

Conventions:
    vectors     float64 [clips, values], scaled already (see `emotone.classical.scaling`)
    truth       int64 [clips], indices of labels
    scores      float64 [clips, labels], higher is more probable; -inf for a label without training clips
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np

from emotone.errors import ConfigError
from emotone.registry import Registry

if TYPE_CHECKING:
    from numpy.typing import NDArray

Vectors: TypeAlias = "NDArray[np.float64]"
Truth: TypeAlias = "NDArray[np.int64]"
Scorer: TypeAlias = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]
"""From vectors to scores."""


@runtime_checkable
class Classifier(Protocol):
    """A classifier without its data; several values of a setting are candidates to select from."""

    version: ClassVar[int]
    """Incremented when a change to the code changes a score, which invalidates cached results."""

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """The settings to select from, the most regularised first; a single one needs no selection."""
        ...

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> Sequence[Scorer]:
        """Return one scorer per candidate, in order; shared computations are done once.

        Args:
            vectors: of the training part.
            truth: of the training part, with at least two different labels.
            labels: number of labels in total.
            seed: of every random draw.

        """
        ...


@runtime_checkable
class AdaptiveClassifier(Classifier, Protocol):
    """A classifier that is fitted to other corpora first, and then adapted to the target's clips."""

    def fit_sources(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> Sequence[Any]:
        """Return the input of `adapt`: everything that does not depend on the target's clips.

        Args:
            vectors: of the other corpora's clips.
            truth: of these clips, with at least two different labels.
            labels: number of labels in total.
            seed: of every random draw.

        """
        ...

    def adapt(self, sources: Sequence[Any], vectors: Vectors, truth: Truth, *, labels: int) -> Sequence[Scorer]:
        """Return one scorer per candidate, in order.

        Args:
            sources: from `fit_sources`.
            vectors: of the target's training clips; there may be none.
            truth: of these clips.
            labels: number of labels in total.

        """
        ...


CLASSIFIERS: Registry[type[Classifier]] = Registry("classifier", "emotone.classical.classifiers", "CLASSIFIER")


def at_all_labels(scores: Any, *, seen: Any, labels: int) -> NDArray[np.float64]:
    """Return `scores` [clips, seen labels] with a column for every label: -inf for labels without training clips."""
    given = np.asarray(scores, np.float64)
    complete = np.full((len(given), labels), -np.inf)
    complete[:, np.asarray(seen, np.int64)] = given
    return complete


def check_candidates(name: str, values: Sequence[float]) -> None:
    """Raise `ConfigError` unless the candidates of a setting are one or more positive numbers in increasing order."""
    if not values or min(values) <= 0 or list(values) != sorted(set(values)):
        raise ConfigError(f"{name} must be one or more positive numbers in increasing order; given {list(values)}")
