"""Support vector machines on precomputed kernels, which candidates of the settings share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.classical.base import at_all_labels
from emotone.errors import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.classical.base import Scorer, Truth, Vectors

CACHE_MB = 200


def squared_distances(left: Vectors, right: Vectors) -> Vectors:
    """Return |l - r|^2 [left, right] from |l|^2 + |r|^2 - 2 l.r: a matrix product instead of differences."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * left @ right.T
    distances: Vectors = np.maximum(squares, 0.0)  # rounding can go below
    return distances


def fit_svm(gram: Vectors, truth: Truth, *, cost: float, labels: int, kernel: Callable[[Vectors], Vectors]) -> Scorer:
    """Return the scorer of a one-vs-one support vector machine with balanced label weights.

    Args:
        gram: kernel of the training vectors with themselves [clips, clips].
        truth: [clips].
        cost: C, the penalty of a margin violation.
        labels: number of labels in total.
        kernel: maps vectors to their kernel with the training vectors [vectors, clips].

    Returns:
        Scores are scikit-learn's one-vs-rest form of the pairwise decisions: votes, ties broken by the margins.

    """
    svm = svc()(kernel="precomputed", C=cost, class_weight="balanced", cache_size=CACHE_MB).fit(gram, truth)

    def score(vectors: Vectors) -> Vectors:
        scores = svm.decision_function(kernel(vectors))
        if scores.ndim == 1:  # two labels: the margin of the second
            scores = np.stack([-scores, scores], axis=1)
        return at_all_labels(scores, seen=svm.classes_, labels=labels)

    return score


def svc() -> Any:
    """Return scikit-learn's machine, or raise `MissingExtraError`."""
    try:
        from sklearn.svm import SVC
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", "support vector machines") from error
    return SVC
