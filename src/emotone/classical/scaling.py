"""Standardisation of vectors, by training statistics or per group; the protocol states which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.classical.base import Scorer, Vectors


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
