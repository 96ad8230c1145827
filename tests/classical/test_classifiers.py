"""Classifiers: each against a slow or analytic solution, with its kernels and scaling."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn import discriminant_analysis, linear_model, naive_bayes
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emotone.bundles.head import softmax
from emotone.classical.base import at_all_labels, check_candidates, standardise_by_group, standardiser
from emotone.classical.classifiers.gaussian import (
    GaussianMixture,
    LinearDiscriminant,
    NaiveBayes,
    QuadraticDiscriminant,
)
from emotone.classical.classifiers.simple import LogisticRegression, Mlp, Prior
from emotone.classical.classifiers.svm import LinearSvm, RbfSvm, squared_distances
from emotone.errors import ConfigError, UnknownNameError

# ----------------------------------------------------------------------------------------------------------------------
# What all classifiers share: scores at every label's place, and candidates that are checked.


def test_scores_come_to_the_places_of_their_labels() -> None:
    found = at_all_labels([[1.0, 2.0], [3.0, 4.0]], seen=[3, 1], labels=4)
    nothing = -np.inf
    np.testing.assert_array_equal(found, [[nothing, 2.0, nothing, 1.0], [nothing, 4.0, nothing, 3.0]])
    assert found.dtype == np.float64


def test_no_vectors_have_no_scores() -> None:
    assert at_all_labels(np.zeros((0, 2)), seen=[0, 1], labels=3).shape == (0, 3)


@pytest.mark.parametrize("values", [(1.0,), (0.1, 1.0, 10.0)])
def test_rising_numbers_are_candidates(values: tuple[float, ...]) -> None:
    check_candidates("cost", values)


@pytest.mark.parametrize("values", [(), (0.0, 1.0), (-1.0,), (1.0, 0.1), (1.0, 1.0)])
def test_anything_else_is_rejected_with_what_was_given(values: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"cost must be one or more positive numbers in increasing order; given \["):
        check_candidates("cost", values)


# ----------------------------------------------------------------------------------------------------------------------
# Scaling equals scikit-learn's, over all vectors and per group.


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


# ----------------------------------------------------------------------------------------------------------------------
# Precomputed kernels give the scores of scikit-learn's own.


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


# ----------------------------------------------------------------------------------------------------------------------
# Classifiers by Gaussian densities: known densities, and scikit-learn's probabilities.


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


# ----------------------------------------------------------------------------------------------------------------------
# What can be had without listening: shares of the training part, or draws that nothing sways.

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


# ----------------------------------------------------------------------------------------------------------------------
# Logistic regression gives scikit-learn's probabilities, and finite scores where those underflow.


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


# ----------------------------------------------------------------------------------------------------------------------
# The perceptron is trained for the epochs that it is given, whatever the loss does, and does not complain.


@pytest.mark.parametrize("epochs", [1, 3, 40])
def test_it_is_trained_for_as_many_epochs_as_asked(rng: np.random.Generator, epochs: int) -> None:
    # Vectors that tell nothing, under a strong penalty: the loss stands still after a few epochs.
    vectors, truth = np.zeros((20, 2)), np.arange(20) % 2
    net = Mlp(hidden=2, epochs=epochs)._fitted(vectors, truth, penalty=1e-6, seed=1)
    assert net.n_iter_ == epochs


def test_the_strongest_penalty_comes_first(rng: np.random.Generator) -> None:
    spec = Mlp(hidden=8, penalty=(0.01, 1000.0), epochs=200)
    assert spec.candidates == ({"penalty": 1000.0}, {"penalty": 0.01})
    truth = np.arange(40) % 2
    vectors = rng.normal(size=(40, 3))
    vectors[:, 0] += 6 * truth
    strong, weak = (np.ptp(scorer(vectors)) for scorer in spec.fit(vectors, truth, labels=2, seed=1))
    assert strong < weak


def test_a_probability_of_0_has_a_finite_logarithm(rng: np.random.Generator) -> None:
    truth = np.arange(40) % 2
    vectors = rng.normal(size=(40, 3))
    vectors[:, 0] += 6 * truth
    scores = Mlp(hidden=8, penalty=(0.01,), epochs=60).fit(vectors, truth, labels=2, seed=1)[0](1e6 * vectors)
    assert np.isfinite(scores).all()
    assert scores.min() == pytest.approx(np.log(1e-12))


@pytest.mark.parametrize(("hidden", "epochs"), [(0, 60), (128, 0)])
def test_nothing_to_train_is_rejected(hidden: int, epochs: int) -> None:
    message = f"hidden and epochs must be at least 1; given {hidden} and {epochs}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        Mlp(hidden=hidden, epochs=epochs)
