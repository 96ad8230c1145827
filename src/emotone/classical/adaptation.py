"""Bringing other corpora's vectors to where the target's are: no label is looked at, and no tested clip.

What is here:
    adapted         the vectors of a training part, brought together in a named way, and the way for the target's others
    coral           other corpora's vectors, with the covariance of the target's
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from emotone.classical.scaling import standardiser

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.classical.base import Scorer, Vectors

Adaptation: TypeAlias = Literal["none", "corpora", "coral"]
RIDGE = 1.0  # added to the variances, as its authors have it: fewer clips than values leave some directions empty


def adapted(
    vectors: Vectors, corpora: NDArray[np.str_], *, target: str, how: Adaptation, standardise: bool
) -> tuple[Vectors, Scorer]:
    """Return a training part's vectors, brought together, and a function that does the same to the target's others.

    Args:
        vectors: of a training part, as they are.
        corpora: of them [clips]; at least one clip is of the target, and one is not.
        target: the corpus that will be asked about.
        how: "none" scales all clips by the statistics of all; "corpora" each corpus's clips by its own, the target's
            others by those of its training clips; "coral" does that, and gives the other corpora's clips, together, the
            covariance of the target's.
        standardise: whether to scale at all; vectors that are scaled already (per speaker) are only aligned.

    """
    if how == "none":
        scale = standardiser(vectors) if standardise else _as_it_is
        return scale(vectors), scale
    moved, scale = vectors.copy(), _as_it_is
    if standardise:
        for corpus in np.unique(corpora):
            of = corpora == corpus
            moved[of] = standardiser(vectors[of])(vectors[of])
        scale = standardiser(vectors[corpora == target])
    if how == "coral":
        of = corpora == target
        moved[~of] = coral(moved[~of], moved[of])
    return moved, scale


def coral(source: Vectors, target: Vectors) -> Vectors:
    """Return the source's vectors with the mean and (nearly) the covariance of the target's.

    (source - mean) (Cs + I)^-1/2 (Ct + I)^1/2 + the target's mean, with Cs and Ct the covariances of both: correlation
    alignment. I keeps directions in which clips don't differ from being blown up, and is why it is nearly.

    Reference: Sun, Feng, Saenko, Return of frustratingly easy domain adaptation, AAAI 2016.
    """
    centre = target.mean(axis=0)
    moved = source - source.mean(axis=0)
    result: Vectors = _spread(_spread(moved, moved, power=-0.5), target - centre, power=0.5) + centre
    return result


def _spread(vectors: Vectors, centred: Vectors, *, power: float) -> Vectors:
    """Return vectors (C + r I)^power, with C the covariance of `centred` and r the ridge.

    With C's eigenvectors V and values v, (C + r I)^p = r^p I + V ((v + r)^p - r^p) V': directions in which `centred`
    does not extend need no eigenvector, so that few clips need no more of them than there are clips.
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


def _as_it_is(vectors: Vectors) -> Vectors:
    return vectors
