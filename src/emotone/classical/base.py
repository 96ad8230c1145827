"""The interface of classifiers of vectors: a frozen spec with candidate settings, and a fit; and scaling.

Conventions:
    vectors     float64 [clips, values], scaled already (see below)
    truth       int64 [clips], indices of labels
    scores      float64 [clips, labels], higher is more probable; -inf for a label without training clips

Statistics of the scaling are those of the training part or of each group; the protocol states which. Alignment uses no
labels and no test clips:

    align           aligned vectors of a training part, and the scaling of the target's other vectors
    coral           other corpora's vectors with the covariance of the target's
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

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


Adaptation: TypeAlias = Literal["none", "corpora", "coral"]
RIDGE = 1.0  # added to the variances, as in the paper: with fewer clips than values some directions have no variance


def standardiser(training: Vectors) -> Scorer:
    """Return a function that subtracts the training vectors' mean and divides by their deviation, value by value.

    A constant value is only shifted. The deviation is that of the population (divided by n).
    """
    mean = training.mean(axis=0)
    changes = training.max(axis=0) > training.min(axis=0)  # the deviation of equal values may be rounded to more than 0
    scale = np.where(changes, training.std(axis=0), 1.0)

    def standardise(vectors: Vectors) -> Vectors:
        scaled: Vectors = (vectors - mean) / scale
        return scaled

    return standardise


def standardise_by_group(vectors: Vectors, groups: NDArray[np.str_]) -> Vectors:
    """Return vectors standardised within each group, e.g. per speaker, with the statistics of all its clips.

    This uses the test speakers' clips, though not their labels: it applies only to systems that have many clips of a
    speaker before the first prediction.

    Args:
        vectors: [clips, values].
        groups: [clips], e.g. speakers.

    """
    result = np.empty_like(vectors)
    for group in np.unique(groups):
        rows = groups == group
        result[rows] = standardiser(vectors[rows])(vectors[rows])
    return result


def align(
    vectors: Vectors, corpora: NDArray[np.str_], *, target: str, method: Adaptation, standardise: bool
) -> tuple[Vectors, Scorer]:
    """Return the aligned vectors of a training part, and a function that scales other vectors of the target.

    Args:
        vectors: of a training part, unscaled.
        corpora: of the vectors [clips]; at least one clip belongs to the target, and one does not.
        target: the corpus of the test clips.
        method: "none" scales all clips by the statistics of all; "corpora" scales the clips of each corpus by its own
            statistics, and other clips of the target by those of its training clips; "coral" then gives the pooled
            clips of the other corpora the covariance of the target's.
        standardise: whether to scale at all; vectors that are scaled already (per speaker) are only aligned.

    """
    if method == "none":
        scale = standardiser(vectors) if standardise else _identity
        return scale(vectors), scale
    aligned, scale = vectors.copy(), _identity
    if standardise:
        for corpus in np.unique(corpora):
            rows = corpora == corpus
            aligned[rows] = standardiser(vectors[rows])(vectors[rows])
        scale = standardiser(vectors[corpora == target])
    if method == "coral":
        rows = corpora == target
        aligned[~rows] = coral(aligned[~rows], aligned[rows])
    return aligned, scale


def coral(source: Vectors, target: Vectors) -> Vectors:
    """Return the source's vectors with the mean and (nearly) the covariance of the target's.

    Correlation alignment: (source - mean) (Cs + I)^-1/2 (Ct + I)^1/2 + the target's mean, with Cs and Ct the
    covariances of both. I regularises directions without variance, so the covariance is reached approximately.

    Reference: Sun, Feng, Saenko, Return of frustratingly easy domain adaptation, AAAI 2016.
    """
    centre = target.mean(axis=0)
    moved = source - source.mean(axis=0)
    result: Vectors = _spread(_spread(moved, moved, power=-0.5), target - centre, power=0.5) + centre
    return result


def _spread(vectors: Vectors, centred: Vectors, *, power: float) -> Vectors:
    """Return vectors (C + r I)^power, with C the covariance of `centred` and r the ridge.

    With C's eigenvectors V and values v, (C + r I)^p = r^p I + V ((v + r)^p - r^p) V': directions in which `centred`
    has no variance need no eigenvector, so that at most as many are needed as there are clips.
    """
    clips, values = centred.shape
    if clips >= values:
        variances, directions = np.linalg.eigh(centred.T @ centred / clips)
    else:
        _, lengths, rows = np.linalg.svd(centred, full_matrices=False)
        variances, directions = lengths**2 / clips, rows.T
    stretch = (np.maximum(variances, 0.0) + RIDGE) ** power - RIDGE**power
    result: Vectors = RIDGE**power * vectors + (vectors @ directions * stretch) @ directions.T
    return result


def _identity(vectors: Vectors) -> Vectors:
    return vectors
