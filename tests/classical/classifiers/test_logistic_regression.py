"""Logistic regression gives scikit-learn's probabilities, and finite scores where those underflow."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import linear_model

from emotone.classical.classifiers.logistic_regression import LogisticRegression


@pytest.mark.parametrize("labels", [2, 4])
def test_scores_are_the_logarithms_of_scikit_learns_probabilities(rng: np.random.Generator, labels: int) -> None:
    truth = rng.integers(0, labels, 80)
    vectors = rng.normal(size=(80, 5)) + np.eye(labels, 5)[truth]
    others = rng.normal(size=(9, 5))
    costs = (1e-2, 1.0)
    scorers = LogisticRegression(cost=costs).fit(vectors, truth, labels=labels, seed=0)
    for cost, scorer in zip(costs, scorers, strict=True):
        reference = linear_model.LogisticRegression(C=cost, class_weight="balanced", max_iter=2000).fit(vectors, truth)
        np.testing.assert_allclose(scorer(others), reference.predict_log_proba(others), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("labels", [2, 3])
def test_probabilities_that_are_rounded_to_0_are_no_impossible_labels(rng: np.random.Generator, labels: int) -> None:
    truth = np.arange(60) % labels
    vectors = rng.normal(size=(60, 3))
    vectors[:, 0] += 6 * truth
    (scorer,) = LogisticRegression(cost=(1.0,)).fit(vectors, truth, labels=labels, seed=0)
    far = scorer(1e5 * vectors)
    assert np.isfinite(far).all()
    assert far.min() < -1000
    np.testing.assert_allclose(np.exp(far).sum(axis=1), 1.0)
