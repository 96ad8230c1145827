"""Scaling equals scikit-learn's, over all vectors and per group."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from emotone.classical.scaling import standardise_by_group, standardiser


def test_scaling_is_scikit_learns(rng: np.random.Generator) -> None:
    training = rng.normal(3.0, [0.1, 1.0, 1000.0], (40, 3))
    others = rng.normal(0.0, 10.0, (7, 3))
    reference = StandardScaler().fit(training)
    for vectors in (training, others):
        np.testing.assert_allclose(
            standardiser(training)(vectors), reference.transform(vectors), rtol=1e-10, atol=1e-12
        )


def test_the_training_vectors_get_mean_0_and_deviation_1(rng: np.random.Generator) -> None:
    training = rng.normal(5.0, 3.0, (50, 4))
    scaled = standardiser(training)(training)
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=1e-12)


@pytest.mark.parametrize("constant", [0.0, 5.0, 0.1, 1e-300, 12345.678])
@pytest.mark.parametrize("clips", [1, 7, 10, 300])
def test_a_value_that_never_changes_is_only_shifted(constant: float, clips: int) -> None:
    # Ten times 0.1 has a mean that is not 0.1, and so a deviation above 0: dividing by it would explode.
    scale = standardiser(np.full((clips, 1), constant))
    np.testing.assert_allclose(scale(np.array([[constant], [constant + 2.0]])), [[0.0], [2.0]], atol=1e-11)


def test_what_is_scaled_is_not_changed(rng: np.random.Generator) -> None:
    training = rng.normal(size=(5, 2))
    before = training.copy()
    standardiser(training)(training)
    standardise_by_group(training, np.array(["a", "a", "b", "b", "b"]))
    np.testing.assert_array_equal(training, before)


def test_each_group_is_scaled_by_its_own_clips(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(30, 3)) * rng.uniform(1, 9, (30, 3))
    groups = rng.choice(["s1", "s2", "s3"], 30)
    found = standardise_by_group(vectors, groups)
    for row, group in enumerate(groups):  # one clip at a time, the long way
        of = [vectors[other] for other in range(30) if groups[other] == group]
        mean = sum(of) / len(of)
        deviation = np.sqrt(sum((each - mean) ** 2 for each in of) / len(of))
        np.testing.assert_allclose(found[row], (vectors[row] - mean) / deviation, rtol=1e-10)


def test_a_group_of_one_clip_is_zero(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(3, 4))
    found = standardise_by_group(vectors, np.array(["a", "b", "a"]))
    np.testing.assert_array_equal(found[1], 0.0)
