"""Alignment: each corpus by its own statistics, and to the covariance of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

from emotone.classical.adaptation import Adaptation, align, coral
from emotone.classical.scaling import standardiser

if TYPE_CHECKING:
    from emotone.classical.base import Vectors

CORPORA = np.array(["a"] * 30 + ["b"] * 20 + ["target"] * 25)
WAYS: tuple[Adaptation, ...] = ("none", "corpora", "coral")


def clips(rng: np.random.Generator, *, values: int = 4) -> Vectors:
    """Return vectors of three corpora, each with an origin and a scale of its own."""
    scales = {"a": 1.0, "b": 20.0, "target": 5.0}
    each = np.array([scales[corpus] for corpus in CORPORA])[:, None]
    vectors: Vectors = 10 * each + each * (rng.normal(size=(75, values)) @ rng.normal(size=(values, values)))
    return vectors


def brought(vectors: Vectors, how: Adaptation, *, standardise: bool = True) -> tuple[Vectors, Any]:
    return align(vectors, CORPORA, target="target", method=how, standardise=standardise)


def test_none_scales_all_by_the_statistics_of_all(rng: np.random.Generator) -> None:
    vectors = clips(rng)
    moved, scale = brought(vectors, "none")
    np.testing.assert_array_equal(moved, standardiser(vectors)(vectors))
    np.testing.assert_array_equal(scale(vectors[:3]), standardiser(vectors)(vectors[:3]))


@pytest.mark.parametrize("how", ["corpora", "coral"])
def test_the_target_is_scaled_by_its_own_training_clips(rng: np.random.Generator, how: Adaptation) -> None:
    vectors, others = clips(rng), rng.normal(size=(6, 4))
    of = CORPORA == "target"
    moved, scale = brought(vectors, how)
    np.testing.assert_array_equal(moved[of], standardiser(vectors[of])(vectors[of]))
    np.testing.assert_array_equal(scale(others), standardiser(vectors[of])(others))


def test_each_corpus_gets_mean_0_and_deviation_1(rng: np.random.Generator) -> None:
    moved, _ = brought(clips(rng), "corpora")
    for of in (slice(0, 30), slice(30, 50), slice(50, 75)):
        np.testing.assert_allclose(moved[of].mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(moved[of].std(axis=0), 1.0, rtol=1e-12)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("standardise", [True, False])
def test_what_is_brought_is_not_changed(rng: np.random.Generator, how: Adaptation, standardise: bool) -> None:
    vectors = clips(rng)
    vectors.flags.writeable = False
    moved, scale = brought(vectors, how, standardise=standardise)
    assert moved.shape == vectors.shape
    if not standardise:
        np.testing.assert_array_equal(scale(vectors), vectors)
        np.testing.assert_array_equal(moved[50:], vectors[50:])
        assert np.array_equal(moved, vectors) is (how != "coral")


def test_coral_is_its_formula(rng: np.random.Generator) -> None:
    moved, _ = brought(clips(rng), "coral")
    plain, _ = brought(clips(np.random.default_rng(20260101)), "corpora")
    np.testing.assert_allclose(moved[:50], coral(plain[:50], plain[50:]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("clips", "target_clips"), [(40, 60), (40, 3), (4, 30), (3, 2), (6, 6), (1, 1)])
def test_coral_is_what_whole_matrices_give(rng: np.random.Generator, clips: int, target_clips: int) -> None:
    source = rng.normal(3.0, 1.0, (clips, 6)) @ rng.normal(size=(6, 6))
    target = rng.normal(-2.0, 1.0, (target_clips, 6)) @ rng.normal(size=(6, 6))

    def covariance(vectors: Vectors) -> Any:
        return np.cov(vectors.T, bias=True) + np.eye(6)

    whitened = (source - source.mean(axis=0)) @ fractional_matrix_power(covariance(source), -0.5)
    slow = whitened @ fractional_matrix_power(covariance(target), 0.5) + target.mean(axis=0)
    np.testing.assert_allclose(coral(source, target), slow, rtol=1e-8, atol=1e-8)


def test_coral_gives_large_covariances_nearly(rng: np.random.Generator) -> None:
    source, target = (rng.normal(size=(300, 5)) @ rng.normal(0, 100, (5, 5)) for _ in range(2))
    moved = coral(source, target)
    wanted = np.cov(target.T, bias=True)
    assert np.abs(np.cov(moved.T, bias=True) - wanted).max() < 0.05 * np.abs(wanted).max()
    assert np.abs(np.cov(source.T, bias=True) - wanted).max() > 0.2 * np.abs(wanted).max()
    np.testing.assert_allclose(moved.mean(axis=0), target.mean(axis=0), atol=1e-6)


def test_coral_leaves_alone_what_is_alike_already(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(40, 5))
    np.testing.assert_allclose(coral(vectors, vectors), vectors, atol=1e-9)
    shuffled = rng.permutation(vectors)
    np.testing.assert_allclose(coral(vectors, shuffled), vectors, atol=1e-9)
