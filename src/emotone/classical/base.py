"""What a classifier of vectors is: a frozen spec with one or more candidate settings, and a fit that gives scores.

Conventions:
    vectors     float64 [clips, values], scaled already (see `emotone.classical.scaling`)
    truth       int64 [clips], indices of labels
    scores      float64 [clips, labels], larger is likelier; -inf for a label that training never saw
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
    """A classifier with everything but its data; several values of a setting are candidates to choose among."""

    version: ClassVar[int]
    """Counts changes that change a score: what was computed is not used again."""

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """The settings to choose among, the most cautious first; a single one is not chosen but taken."""
        ...

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> Sequence[Scorer]:
        """Return one scorer per candidate, in their order; work that they share is done once.

        Args:
            vectors: of the training part.
            truth: of the training part, with at least two different labels.
            labels: how many there are in all.
            seed: of every draw.

        """
        ...


@runtime_checkable
class Adapting(Classifier, Protocol):
    """A classifier that learns from other corpora first, and from the target's clips what is different there."""

    def learn_sources(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> Sequence[Any]:
        """Return what `adapt` takes: all that does not depend on the target's clips.

        Args:
            vectors: of the other corpora's clips.
            truth: of them, with at least two different labels.
            labels: how many there are in all.
            seed: of every draw.

        """
        ...

    def adapt(self, sources: Sequence[Any], vectors: Vectors, truth: Truth, *, labels: int) -> Sequence[Scorer]:
        """Return one scorer per candidate, in their order.

        Args:
            sources: from `learn_sources`.
            vectors: of the target's training clips; there may be none.
            truth: of them.
            labels: how many there are in all.

        """
        ...


CLASSIFIERS: Registry[type[Classifier]] = Registry("classifier", "emotone.classical.classifiers", "CLASSIFIER")


def at_all_labels(scores: Any, *, seen: Any, labels: int) -> NDArray[np.float64]:
    """Return `scores` [clips, seen labels] with a column for every label: -inf where training saw none."""
    found = np.asarray(scores, np.float64)
    complete = np.full((len(found), labels), -np.inf)
    complete[:, np.asarray(seen, np.int64)] = found
    return complete


def check_candidates(name: str, values: Sequence[float]) -> None:
    """Raise `ConfigError` unless the candidates of a setting are one or more different positive numbers, rising."""
    if not values or min(values) <= 0 or list(values) != sorted(set(values)):
        raise ConfigError(f"{name} must be one or more rising numbers above 0; given {list(values)}")
