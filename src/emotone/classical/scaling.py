"""Standardisation of vectors, and their unsupervised alignment with those of a target corpus.

Statistics are those of the training part or of each group; the protocol states which. Alignment uses no labels and no
test clips:

    align           aligned vectors of a training part, and the scaling of the target's other vectors
    coral           other corpora's vectors with the covariance of the target's
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.classical.base import Scorer, Vectors

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
