"""Test clips that are nearly equal to a training clip: the same recording, cut, changed in level or coded again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

BLOCK = 1024  # rows of a product, which then needs 4 MiB of float32 for any size of corpus
UNIT_TOLERANCE = 1e-3  # of a fingerprint's length; float16 on disk rounds to half of that


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A test clip, the nearest training clip, and the cosine between their fingerprints."""

    test: str
    train: str
    cosine: float

    def __str__(self) -> str:
        """Return e.g. `toy/b ~ toy/a (0.998)`."""
        return f"{self.test} ~ {self.train} ({self.cosine:.3f})"


def near_pairs(
    parts: Iterable[tuple[Sequence[str], Sequence[str]]],
    fingerprints: Mapping[str, NDArray[np.floating]],
    *,
    threshold: float,
    block: int = BLOCK,
) -> tuple[bool, tuple[NearDuplicate, ...]]:
    """Return whether any clips could be compared, and the nearest training clip of each test clip, if near enough.

    Args:
        parts: keys of the training and of the test clips of each fold; only these are compared.
        fingerprints: vectors of length 1 and of one dimension, by key; a clip without one is not compared.
        threshold: cosine from which two clips are near-duplicates.
        block: rows and columns of the matrices that are multiplied at a time; it does not change the result.

    """
    known = False
    nearest: dict[str, NearDuplicate] = {}
    for train, test in parts:
        trained = [key for key in train if key in fingerprints]
        tested = [key for key in test if key in fingerprints]
        known = known or bool(trained and tested)
        for pair in _nearest(trained, tested, fingerprints, block=block):
            best = nearest.get(pair.test)
            if pair.cosine >= threshold and (best is None or pair.cosine > best.cosine):
                nearest[pair.test] = pair
    return known, tuple(nearest[key] for key in sorted(nearest))


def _nearest(
    trained: Sequence[str],
    tested: Sequence[str],
    fingerprints: Mapping[str, NDArray[np.floating]],
    *,
    block: int,
) -> Iterable[NearDuplicate]:
    """Yield the nearest training clip of each test clip within each block of training clips."""
    for column in range(0, len(trained), block):
        names = trained[column : column + block]
        against = _matrix(names, fingerprints)
        for row in range(0, len(tested), block):
            keys = tested[row : row + block]
            cosines = _matrix(keys, fingerprints) @ against.T
            best = cosines.argmax(axis=1)
            for place, (key, winner) in enumerate(zip(keys, best, strict=True)):
                yield NearDuplicate(key, names[winner], float(cosines[place, winner]))


def _matrix(names: Sequence[str], fingerprints: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float32]:
    """Return fingerprints [clip, dimension], after checking that their lengths are 1."""
    vectors = [fingerprints[name] for name in names]
    shapes = {vector.shape for vector in vectors}
    if len(shapes) > 1 or len(vectors[0].shape) != 1:
        raise RunError(f"fingerprints must be vectors of one length; given shapes: {sorted(shapes)}")
    matrix = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(matrix, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1.0) <= UNIT_TOLERANCE))  # NaN is wrong too
    if len(wrong):
        raise RunError(f"the fingerprint of {names[wrong[0]]} has length {lengths[wrong[0]]:.4g}; it must be 1")
    return matrix
