"""What can be had without listening: shares of the training part, or draws that nothing sways."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.classical.classifiers.prior import Prior
from emotone.errors import UnknownNameError
from emotone.metrics.softmax import softmax

TRUTH = np.array([0, 0, 0, 1, 3, 3])


def test_the_majority_has_the_shares_of_the_training_part(rng: np.random.Generator) -> None:
    (scorer,) = Prior().fit(rng.normal(size=(6, 2)), TRUTH, labels=4, seed=1)
    scores = scorer(rng.normal(size=(5, 2)))
    np.testing.assert_allclose(softmax(scores), np.tile([1 / 2, 1 / 6, 0.0, 1 / 3], (5, 1)))


def test_chance_draws_every_label_of_the_training_part_alike(rng: np.random.Generator) -> None:
    (scorer,) = Prior("chance").fit(rng.normal(size=(6, 2)), TRUTH, labels=4, seed=1)
    scores = scorer(np.zeros((30_000, 2)))
    counts = np.bincount(scores.argmax(axis=1), minlength=4)
    # A share of 1/3 in 30,000 draws has a deviation of 82 clips.
    np.testing.assert_allclose(counts, [10_000, 10_000, 0, 10_000], atol=400)
    np.testing.assert_allclose(softmax(scores)[:, [0, 1, 3]], 1 / 3, rtol=1e-5)


def test_chance_draws_otherwise_in_every_fold_and_with_every_seed(rng: np.random.Generator) -> None:
    # Speakers of acted corpora say the same list: the same draws for each would make one draw of all of them.
    first, second = rng.normal(size=(2, 6, 2))

    def answers(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float64]], *, seed: int) -> list[int]:
        (scorer,) = Prior("chance").fit(vectors, TRUTH, labels=4, seed=seed)
        return [int(label) for label in scorer(np.zeros((50, 2))).argmax(axis=1)]

    assert answers(first, seed=1) == answers(first, seed=1)
    assert answers(first, seed=1) != answers(second, seed=1)
    assert answers(first, seed=1) != answers(first, seed=2)


def test_another_strategy_is_rejected_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown strategy 'majorty'; did you mean 'majority'"):
        Prior("majorty")  # type: ignore[arg-type]
