"""Classifiers by Gaussian densities: known densities, and scikit-learn's probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import discriminant_analysis, naive_bayes

from emotone.classical.classifiers.gaussian_mixture import GaussianMixture
from emotone.classical.classifiers.linear_discriminant import LinearDiscriminant
from emotone.classical.classifiers.naive_bayes import NaiveBayes
from emotone.classical.classifiers.quadratic_discriminant import QuadraticDiscriminant
from emotone.errors import ConfigError


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (NaiveBayes(), naive_bayes.GaussianNB()),
        (LinearDiscriminant(), discriminant_analysis.LinearDiscriminantAnalysis()),
        (
            QuadraticDiscriminant(regularisation=0.1),
            discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
        ),
    ],
    ids=["naive Bayes", "linear", "quadratic"],
)
def test_scores_are_scikit_learns_with_equal_priors(
    rng: np.random.Generator, spec: NaiveBayes | LinearDiscriminant, reference: naive_bayes.GaussianNB, labels: int
) -> None:
    truth = np.concatenate([np.arange(labels)] * 10 + [np.zeros(15, np.int64)])
    vectors = rng.normal(size=(len(truth), 4)) + np.eye(labels, 4)[truth]
    others = rng.normal(size=(9, 4))
    (scorer,) = spec.fit(vectors, truth, labels=labels, seed=0)
    expected = reference.set_params(priors=np.full(labels, 1 / labels)).fit(vectors, truth).predict_log_proba(others)
    np.testing.assert_allclose(scorer(others), expected, atol=1e-8)


def test_a_mixture_finds_labels_with_two_places_each(rng: np.random.Generator) -> None:
    places = np.array([-3.0, 3.0, -1.0, 1.0])  # of the first label, twice, and of the second
    number = np.arange(200) % 4
    vectors = (places[number] + 0.1 * rng.normal(size=200))[:, None]
    (scorer,) = GaussianMixture(mixtures=2).fit(vectors, number // 2, labels=2, seed=0)
    assert scorer(places[:, None]).argmax(axis=1).tolist() == [0, 0, 1, 1]


def test_a_label_of_one_clip_has_one_gaussian_there() -> None:
    vectors, truth = np.array([[0.0], [0.1], [5.0]]), np.array([0, 0, 1])
    (scorer,) = GaussianMixture().fit(vectors, truth, labels=2, seed=0)
    assert scorer(np.array([[0.05], [4.9]])).argmax(axis=1).tolist() == [0, 1]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="mixtures >= 1; given 0"):
        GaussianMixture(mixtures=0)
    with pytest.raises(ConfigError, match="0 < regularisation <= 1; given 0"):
        QuadraticDiscriminant(regularisation=0)
