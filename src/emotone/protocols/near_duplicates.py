"""Clips of a test part that sound nearly like a clip of the train or dev part: the same take, cut or coded anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

BLOCK = 1024  # rows of a product: 4 MiB of float32 at a time, however large the corpus is
UNIT_TOLERANCE = 1e-3  # of a fingerprint's length; float16 on disk rounds to half of that


@dataclass(frozen=True, slots=True)
class Pair:
    """A tested clip, the learned one that is nearest to it, and the cosine between them."""

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
) -> tuple[bool, tuple[Pair, ...]]:
    """Return whether anything could be compared, and every tested clip's nearest learned one, if near enough.

    Args:
        parts: keys of what was learned from and of what is tested, fold by fold; only these are compared.
        fingerprints: by key, vectors of length 1 and of one dimension; a clip without one is not compared.
        threshold: cosine from which two clips are near duplicates.

    """
    known = False
    nearest: dict[str, Pair] = {}
    for train, test in parts:
        learned = [key for key in train if key in fingerprints]
        tested = [key for key in test if key in fingerprints]
        known = known or bool(learned and tested)
        for pair in _fold(learned, tested, fingerprints):
            best = nearest.get(pair.test)
            if pair.cosine >= threshold and (best is None or pair.cosine > best.cosine):
                nearest[pair.test] = pair
    return known, tuple(nearest[key] for key in sorted(nearest))


def _fold(
    learned: Sequence[str], tested: Sequence[str], fingerprints: Mapping[str, NDArray[np.floating]]
) -> Iterable[Pair]:
    """Yield each tested clip's nearest learned one within each block of the learned ones."""
    for column in range(0, len(learned), BLOCK):
        names = learned[column : column + BLOCK]
        against = _matrix(names, fingerprints)
        for row in range(0, len(tested), BLOCK):
            asked = tested[row : row + BLOCK]
            cosines = _matrix(asked, fingerprints) @ against.T
            best = cosines.argmax(axis=1)
            for place, (key, winner) in enumerate(zip(asked, best, strict=True)):
                yield Pair(key, names[winner], float(cosines[place, winner]))


def _matrix(names: Sequence[str], fingerprints: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float32]:
    """Return fingerprints [clip, dimension], after checking that a product of two is a cosine."""
    vectors = [fingerprints[name] for name in names]
    shapes = {vector.shape for vector in vectors}
    if len(shapes) > 1 or len(vectors[0].shape) != 1:
        raise RunError(f"fingerprints must be vectors of one length; given shapes: {sorted(shapes)}")
    matrix = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(matrix, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1.0) <= UNIT_TOLERANCE))  # so NaN is wrong too
    if len(wrong):
        raise RunError(f"the fingerprint of {names[wrong[0]]} has length {lengths[wrong[0]]:.4g}; it must be 1")
    return matrix
