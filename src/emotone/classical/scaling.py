"""Putting values on one scale, without or with a look at the tested speakers; the protocol's name says which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.classical.base import Scorer, Vectors


def standardiser(training: Vectors) -> Scorer:
    """Return a function that subtracts the training vectors' mean and divides by their deviation, value by value.

    A value that never changes is only shifted. The deviation is that of the population (divided by n).
    """
    mean = training.mean(axis=0)
    changes = training.max(axis=0) > training.min(axis=0)  # the deviation of equal values can be rounded above 0
    scale = np.where(changes, training.std(axis=0), 1.0)

    def standardise(vectors: Vectors) -> Vectors:
        scaled: Vectors = (vectors - mean) / scale
        return scaled

    return standardise


def standardised_by_group(vectors: Vectors, groups: NDArray[np.str_]) -> Vectors:
    """Return vectors that are standardised within each group, e.g. each speaker, from all of its clips, unlabelled.

    This looks at tested speakers' clips (though not at their labels): only a system that will hear many clips of a
    speaker before it must answer can do the same.

    Args:
        vectors: [clips, values].
        groups: [clips], e.g. speakers.

    """
    result = np.empty_like(vectors)
    for group in np.unique(groups):
        of = groups == group
        result[of] = standardiser(vectors[of])(vectors[of])
    return result
