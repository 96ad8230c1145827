"""Precomputed kernels give the scores of scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC

from emotone.classical.classifiers.linear_svm import LinearSvm
from emotone.classical.classifiers.rbf_svm import RbfSvm
from emotone.classical.kernels import squared_distances


def clips(rng: np.random.Generator, *, labels: int, values: int = 6) -> tuple[Any, Any, Any]:
    """Return overlapping training vectors, their labels in unequal numbers, and other vectors."""
    truth = np.sort(rng.integers(0, labels, 60)) if labels > 2 else np.repeat([0, 1], [45, 15])
    vectors = rng.normal(size=(60, values)) + 0.8 * np.eye(labels, values)[truth]
    return vectors, truth, rng.normal(size=(20, values))


def test_squared_distances_are_sums_of_squared_differences(rng: np.random.Generator) -> None:
    left, right = rng.normal(size=(5, 7)), rng.normal(size=(4, 7))
    slow = [[sum((one - two) ** 2 for one, two in zip(a, b, strict=True)) for b in right] for a in left]
    np.testing.assert_allclose(squared_distances(left, right), slow, rtol=1e-12)


def test_squared_distances_are_never_below_0(rng: np.random.Generator) -> None:
    far = 1e6 + rng.normal(size=(50, 300))
    assert squared_distances(far, far).min() >= 0


@pytest.mark.parametrize("labels", [2, 3, 5])
def test_the_linear_machine_is_scikit_learns(rng: np.random.Generator, labels: int) -> None:
    vectors, truth, others = clips(rng, labels=labels)
    costs = (1e-3, 1e-1, 1.0)
    scorers = LinearSvm(cost=costs).fit(vectors, truth, labels=labels, seed=0)
    for cost, scorer in zip(costs, scorers, strict=True):
        reference = SVC(kernel="linear", C=cost, class_weight="balanced").fit(vectors, truth)
        same_decisions(scorer(others), reference.decision_function(others))


@pytest.mark.parametrize("labels", [2, 3, 5])
def test_the_gaussian_machine_is_scikit_learns(rng: np.random.Generator, labels: int) -> None:
    vectors, truth, others = clips(rng, labels=labels)
    spec = RbfSvm(cost=(0.1, 1.0), gamma=(0.1, 1.0))
    scorers = spec.fit(vectors, truth, labels=labels, seed=0)
    for candidate, scorer in zip(spec.candidates, scorers, strict=True):
        gamma = candidate["gamma"] / vectors.shape[1]  # ours is per value
        reference = SVC(kernel="rbf", C=candidate["cost"], gamma=gamma, class_weight="balanced").fit(vectors, truth)
        same_decisions(scorer(others), reference.decision_function(others))


def same_decisions(found: Any, reference: Any) -> None:
    # The solver stops within 1e-3 of the optimum, and rounding takes it there by another way.
    if reference.ndim == 1:
        np.testing.assert_allclose(found, np.stack([-reference, reference], axis=1), atol=2e-3)
    else:
        np.testing.assert_allclose(found, reference, atol=2e-3)


def test_gammas_mean_the_same_whatever_the_number_of_values(rng: np.random.Generator) -> None:
    vectors, truth, others = clips(rng, labels=3)
    spec = RbfSvm(cost=(1.0,), gamma=(0.3,))
    (once,) = spec.fit(vectors, truth, labels=3, seed=0)
    (thrice,) = spec.fit(np.tile(vectors, 3), truth, labels=3, seed=0)
    np.testing.assert_allclose(thrice(np.tile(others, 3)), once(others), atol=2e-3)
