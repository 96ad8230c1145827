"""Adaptation to a target corpus: moments of the values, and machines of other corpora."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import fractional_matrix_power
from scipy.optimize import LinearConstraint, minimize
from sklearn.svm import SVC, LinearSVC

from emotone.classical.base import Adaptation, AdaptiveClassifier, Truth, Vectors, align, coral, standardiser
from emotone.classical.classifiers import svm
from emotone.classical.classifiers.svm import TOLERANCE, AdaptiveSvm, solve_dual
from emotone.errors import RunError

# ----------------------------------------------------------------------------------------------------------------------
# Alignment: each corpus by its own statistics, and to the covariance of the target.

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


# ----------------------------------------------------------------------------------------------------------------------
# The adaptive machine solves the problem that it states, and without target clips it is the source's machine.

NONE: tuple[Vectors, Truth] = (np.zeros((0, 4)), np.zeros(0, np.int64))


def labelled_clips(rng: np.random.Generator, truth: list[int], *, shift: float = 0.0) -> tuple[Vectors, Truth]:
    """Return vectors of four values that tell three labels from each other, moved along their fourth."""
    codes = np.array(truth, np.int64)
    vectors = rng.normal(size=(len(truth), 4)) + 2.0 * np.eye(3, 4)[codes]
    vectors[:, 3] += shift
    return vectors, codes


def adapted(spec: AdaptiveSvm, source: tuple[Vectors, Truth], target: tuple[Vectors, Truth], *, labels: int = 3) -> Any:
    """Return the one scorer of a machine with one candidate."""
    (scorer,) = spec.adapt(spec.fit_sources(*source, labels=labels, seed=1), *target, labels=labels)
    return scorer


def of(source_cost: float = 1.0, cost: float = 1.0) -> AdaptiveSvm:
    return AdaptiveSvm(source_cost=(source_cost,), cost=(cost,))


def problem(seed: int, clips: int, values: int) -> tuple[Vectors, Vectors, Vectors]:
    """Return a small problem: signed vectors y_i x_i, source margins y_i f_s(x_i), and caps."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(clips, values)), rng.normal(0.0, 1.5, clips), rng.uniform(0.05, 3.0, clips)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 5))
def test_the_dual_is_what_a_general_quadratic_solver_finds(seed: int, clips: int, values: int) -> None:
    signed, margins, caps = problem(seed, clips, values)
    gram, linear = signed @ signed.T, 1 - margins

    def loss(weights: Vectors) -> float:
        return float(weights @ gram @ weights / 2 - linear @ weights)

    slow = minimize(
        loss,
        caps / 2,
        jac=lambda weights: gram @ weights - linear,
        bounds=[(0.0, float(cap)) for cap in caps],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 2000},
    )
    found = solve_dual(gram.dot, linear, caps)
    assert (found >= 0).all()
    assert (found <= caps).all()
    # Convex: the loss is at most slope.(found - best) from the least, and each clip's share of that at most so much.
    slope = caps * (gram @ found - linear) / caps.mean()
    assert loss(found) <= slow.fun + caps.mean() * TOLERANCE * np.maximum(np.abs(slope), 1.0).sum()
    np.testing.assert_allclose(found @ signed, slow.x @ signed, atol=0.03)  # of w, which is unique where a is not


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 7), st.integers(1, 4))
def test_the_dual_is_worth_what_the_stated_problem_is(seed: int, clips: int, values: int) -> None:
    """Strong duality: the least 1/2 |w|^2 + sum C xi under the margins, sought over w and xi themselves."""
    signed, margins, caps = problem(seed, clips, values)

    def stated(both: Vectors) -> float:
        return float(both[:values] @ both[:values] / 2 + caps @ both[values:])

    reach = LinearConstraint(np.hstack([signed, np.eye(clips)]), 1 - margins, np.inf)
    start = np.concatenate([np.zeros(values), np.maximum(1 - margins, 0.0)])
    bounds = [(None, None)] * values + [(0.0, None)] * clips
    options = {"ftol": 1e-14, "maxiter": 2000}
    slow = minimize(stated, start, bounds=bounds, constraints=[reach], method="SLSQP", options=options)
    weights = solve_dual((signed @ signed.T).dot, 1 - margins, caps)
    directions = weights @ signed
    assert (1 - margins) @ weights - directions @ directions / 2 == pytest.approx(slow.fun, abs=2e-3 * caps.sum())
    # And w, put into what was stated, costs as little.
    lacking = np.maximum(1 - margins - signed @ directions, 0.0)
    assert stated(np.concatenate([directions, lacking])) <= slow.fun + 2 * TOLERANCE * caps.sum() + 1e-9


def test_what_is_found_lacks_no_margin_that_a_clip_could_give(rng: np.random.Generator) -> None:
    signed, caps = rng.normal(size=(200, 30)), rng.uniform(0.001, 10.0, 200)
    linear = rng.normal(1.0, 1.0, 200)
    weights = solve_dual((signed @ signed.T).dot, linear, caps)
    lacking = linear - signed @ (weights @ signed)
    inside = (weights > 1e-2 * caps) & (weights < 0.99 * caps)
    slack = 2 * TOLERANCE * caps.mean() / caps
    assert inside.any()
    assert (np.abs(lacking)[inside] < slack[inside]).all()
    assert (lacking[weights == 0] < slack[weights == 0]).all()
    assert (lacking[weights == caps] > -slack[weights == caps]).all()


def test_a_problem_that_is_not_solved_is_an_error(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svm, "ITERATIONS", 1)
    monkeypatch.setattr(svm, "STARTS", 1)
    signed = rng.normal(size=(30, 5))
    message = "the adaptive support vector machine did not converge in 1 steps: the margins lack .* tolerance is 0.001"
    with pytest.raises(RunError, match=message):
        solve_dual((signed @ signed.T).dot, np.ones(30), np.full(30, 10.0))


def test_values_that_are_no_numbers_are_errors() -> None:
    with pytest.raises(RunError, match="margins lack nan, the tolerance"):
        solve_dual(np.full((2, 2), np.nan).dot, np.ones(2), np.ones(2))


# Without a target.


@pytest.mark.parametrize("labels", [2, 3])
def test_without_target_clips_it_is_the_sources_machine(rng: np.random.Generator, labels: int) -> None:
    vectors, truth = labelled_clips(rng, [label for label in range(labels) for _ in range(15 + 10 * label)])
    others, _ = labelled_clips(rng, [0, 1] * 5)
    costs = (0.04, 4.0)
    spec = AdaptiveSvm(source_cost=costs, cost=(0.5, 5.0))
    scorers = spec.fit(vectors, truth, labels=labels, seed=1)
    for candidate, scorer in zip(spec.candidates, scorers, strict=True):
        for label in range(labels):
            # Ours is per value, and scikit-learn's sums: four values.
            reference = SVC(kernel="linear", C=candidate["source_cost"] / 4, class_weight="balanced")
            margins = reference.fit(vectors, truth == label).decision_function(others)
            np.testing.assert_allclose(scorer(others)[:, label], margins, atol=2e-3)


def test_nothing_to_adapt_to_is_nothing_of_the_target_whatever_its_cost(rng: np.random.Generator) -> None:
    source, (others, _) = labelled_clips(rng, [0, 1, 2] * 12), labelled_clips(rng, [0, 1, 2])
    near, far = (adapted(of(cost=cost), source, NONE)(others) for cost in (1e-3, 1e3))
    np.testing.assert_array_equal(near, far)


# With one.


def test_without_a_source_it_is_a_machine_without_offset(rng: np.random.Generator) -> None:
    target, (others, _) = (
        labelled_clips(rng, [0] * 30 + [1] * 10 + [2] * 15),
        labelled_clips(rng, [0, 1, 2] * 3),
    )
    one_label = (target[0], np.zeros(55, np.int64))  # nothing can be learned from it
    found = adapted(of(cost=2.0), one_label, target)(others)
    for label in range(3):
        reference = LinearSVC(
            loss="hinge", fit_intercept=False, C=2.0 / 4, class_weight="balanced", tol=1e-8, max_iter=100_000
        )
        margins = reference.fit(target[0], target[1] == label).decision_function(others)
        np.testing.assert_allclose(found[:, label], margins, atol=5e-3)


def test_the_smaller_the_cost_the_nearer_it_stays_to_the_source(rng: np.random.Generator) -> None:
    source, target = labelled_clips(rng, [0, 1, 2] * 20), labelled_clips(rng, [0, 1, 2] * 6, shift=3.0)
    others, _ = labelled_clips(rng, [0, 1, 2] * 10)
    before = adapted(of(), source, NONE)(others)
    away = [
        float(np.abs(adapted(of(cost=cost), source, target)(others) - before).max())
        for cost in (1e-6, 1e-3, 1e-2, 0.1, 1.0)
    ]
    assert away[0] < 1e-4
    assert all(one < two for one, two in pairwise(away))


def test_clips_that_the_source_tells_well_change_nothing(rng: np.random.Generator) -> None:
    source = labelled_clips(rng, [0, 1, 2] * 20)
    target = (100 * np.eye(3, 4), np.arange(3))
    before = adapted(of(), source, NONE)(target[0])
    signs = 2 * np.eye(3) - 1
    assert (signs * before > 1).all()
    others, _ = labelled_clips(rng, [0, 1, 2] * 5)
    np.testing.assert_array_equal(adapted(of(cost=100.0), source, target)(others), adapted(of(), source, NONE)(others))


def test_what_means_something_else_in_the_target_is_solved_again(rng: np.random.Generator) -> None:
    source, (vectors, truth) = labelled_clips(rng, [0, 1, 2] * 30), labelled_clips(rng, [0, 1, 2] * 20)
    others, asked = labelled_clips(rng, [0, 1, 2] * 30)

    def turned(codes: Truth) -> Truth:
        return (codes + 1) % 3  # what sounds like 0 is called 1 there

    assert np.mean(adapted(of(), source, NONE)(others).argmax(axis=1) == turned(asked)) < 0.2
    found = adapted(of(cost=10.0), source, (vectors, turned(truth)))(others)
    assert np.mean(found.argmax(axis=1) == turned(asked)) > 0.8


def test_a_few_clips_of_the_target_go_further_with_a_source_that_fits(rng: np.random.Generator) -> None:
    source, target = labelled_clips(rng, [0, 1, 2] * 60), labelled_clips(rng, [0, 1, 2])
    others, asked = labelled_clips(rng, [0, 1, 2] * 100)
    alone = (target[0], np.zeros(3, np.int64))
    with_source, without = (
        np.mean(adapted(of(cost=0.1), each, target)(others).argmax(axis=1) == asked) for each in (source, alone)
    )
    assert with_source > without


@pytest.mark.parametrize("seen", [[0, 2], [1]])
def test_labels_that_the_target_lacks_are_not_answered(rng: np.random.Generator, seen: list[int]) -> None:
    source, target = labelled_clips(rng, [0, 1, 2] * 12), labelled_clips(rng, seen * 6)
    scores = adapted(of(), source, target)(target[0])
    unseen = sorted(set(range(3)) - set(seen))
    np.testing.assert_array_equal(scores[:, unseen], -np.inf)
    assert np.isfinite(scores[:, seen]).all()


def test_a_label_that_the_source_lacks_is_solved_from_the_target(rng: np.random.Generator) -> None:
    source, target = labelled_clips(rng, [0, 1] * 30), labelled_clips(rng, [0, 1, 2] * 20)
    others, asked = labelled_clips(rng, [0, 1, 2] * 30)
    found = adapted(of(), source, target)(others).argmax(axis=1)
    assert np.mean(found[asked == 2] == 2) > 0.5  # guessing hits a third
    without = adapted(of(), (target[0], np.zeros(60, np.int64)), target)(others)
    scores = adapted(of(), source, target)(others)
    np.testing.assert_allclose(scores[:, 2], without[:, 2], atol=5e-3)  # as without any source


def test_rare_labels_weigh_as_in_scikit_learn() -> None:
    weights = svm._balance(np.array([[1.0, -1.0, -1.0, -1.0], [1.0, 1.0, -1.0, -1.0]]).T)
    np.testing.assert_allclose(weights.T, [[2.0, 2 / 3, 2 / 3, 2 / 3], [1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(svm._balance(np.ones((3, 1))), 0.5)


def test_one_cost_means_the_same_whatever_the_number_of_values(rng: np.random.Generator) -> None:
    source, target = labelled_clips(rng, [0, 1, 2] * 12), labelled_clips(rng, [0, 1, 2] * 6, shift=1.0)
    others, _ = labelled_clips(rng, [0, 1, 2])
    once = adapted(of(), source, target)(others)
    thrice = adapted(of(), *((np.tile(vectors, 3), truth) for vectors, truth in (source, target)))(np.tile(others, 3))
    np.testing.assert_allclose(thrice, once, atol=5e-3)


def test_problems_that_are_solved_together_are_solved_as_alone(rng: np.random.Generator) -> None:
    signed, caps = rng.normal(size=(40, 8)), rng.uniform(0.1, 2.0, (40, 3))
    linear = rng.normal(1.0, 1.0, (40, 3))
    gram = signed @ signed.T
    together = solve_dual(gram.dot, linear, caps)
    for column in range(3):
        alone = solve_dual(gram.dot, linear[:, column], caps[:, column])
        np.testing.assert_allclose(together[:, column] @ signed, alone @ signed, atol=5e-3)


@pytest.mark.parametrize("clips", [1, 5, 9, 10, 30])
def test_few_and_many_clips_have_the_same_products(rng: np.random.Generator, clips: int) -> None:
    vectors, weights = rng.normal(size=(clips, 5)), rng.normal(size=clips)
    slow = [sum(one @ two / 5 * weight for two, weight in zip(vectors, weights, strict=True)) for one in vectors]
    np.testing.assert_allclose(svm._products(vectors)(weights), slow, rtol=1e-9, atol=1e-12)


def test_its_arguments_are_not_changed(rng: np.random.Generator) -> None:
    spec = of()
    source, target = labelled_clips(rng, [0, 1, 2] * 6), labelled_clips(rng, [0, 1, 2] * 4)
    learned = spec.fit_sources(*source, labels=3, seed=1)
    before = learned[0].directions.copy()
    for array in (*source, *target, learned[0].directions, learned[0].offsets):
        array.flags.writeable = False
    spec.adapt(learned, *target, labels=3)
    np.testing.assert_array_equal(learned[0].directions, before)


def test_candidates_are_in_the_order_of_the_scorers(rng: np.random.Generator) -> None:
    spec = AdaptiveSvm(source_cost=(0.01, 1.0), cost=(0.1, 10.0))
    source, target = labelled_clips(rng, [0, 1, 2] * 12), labelled_clips(rng, [0, 1, 2] * 4)
    assert isinstance(spec, AdaptiveClassifier)
    scorers = spec.adapt(spec.fit_sources(*source, labels=3, seed=1), *target, labels=3)
    for candidate, scorer in zip(spec.candidates, scorers, strict=True):
        alone = adapted(of(**candidate), source, target)
        np.testing.assert_array_equal(alone(target[0]), scorer(target[0]))
