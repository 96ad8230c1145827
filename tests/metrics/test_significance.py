"""Tests over entries and folds against enumeration, against SciPy, and for how often they raise a false alarm."""

from __future__ import annotations

import builtins
from itertools import product
from math import comb
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.errors import MissingExtraError, RunError, UsageError
from emotone.metrics.significance import corrected_t, holm, mcnemar, paired_t, wilcoxon

FIRST = (0.61, 0.55, 0.70, 0.48, 0.66, 0.59)
SECOND = (0.64, 0.61, 0.69, 0.57, 0.71, 0.66)
OVER_FOLDS = [paired_t, wilcoxon, lambda first, second: corrected_t(first, second, test_to_train=0.25)]


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (3, 3), (1, 5), (9, 2), (40, 70)])
def test_mcnemar_counts_coins(only_first: int, only_second: int) -> None:
    truth = ["joy"] * (only_first + only_second + 10)
    first = ["joy"] * only_first + ["fear"] * only_second + ["joy"] * 5 + ["fear"] * 5
    second = ["fear"] * only_first + ["joy"] * only_second + ["joy"] * 5 + ["fear"] * 5
    found = mcnemar(truth, first, second)
    coins = only_first + only_second
    tail = sum(comb(coins, heads) for heads in range(min(only_first, only_second) + 1)) / 2**coins
    assert found.p == pytest.approx(min(1.0, 2 * tail))
    assert (found.statistic, found.n, found.name) == (only_second - only_first, coins + 10, "McNemar")
    assert found.note == f"only first correct: {only_first}, only second: {only_second}"


def test_paired_t_is_scipys() -> None:
    reference = scipy.stats.ttest_rel(SECOND, FIRST)
    found = paired_t(FIRST, SECOND)
    assert (found.statistic, found.p) == pytest.approx((reference.statistic, reference.pvalue))
    assert (found.n, found.name, found.note) == (6, "paired t", "")


def test_corrected_t_has_a_slow_twin() -> None:
    folds, ratio = len(FIRST), 0.25
    differences = [other - one for one, other in zip(FIRST, SECOND, strict=True)]
    mean = sum(differences) / folds
    variance = sum((difference - mean) ** 2 for difference in differences) / (folds - 1)
    t = mean / ((1 / folds + ratio) * variance) ** 0.5
    found = corrected_t(FIRST, SECOND, test_to_train=ratio)
    assert found.statistic == pytest.approx(t)
    assert found.p == pytest.approx(2 * scipy.stats.t.cdf(-abs(t), folds - 1))
    assert (found.n, found.name, found.note) == (6, "corrected t", "n_test / n_train = 0.25")
    plain = paired_t(FIRST, SECOND)
    assert found.p > plain.p  # type: ignore[operator]


def slow_wilcoxon(differences: list[float]) -> float:
    """Count the sign patterns that are at least as extreme."""
    sizes = [abs(difference) for difference in differences if difference]
    ranks = [np.mean([i + 1 for i, size in enumerate(sorted(sizes)) if size == own]) for own in sizes]
    seen = abs(sum(rank * np.sign(d) for rank, d in zip(ranks, filter(None, differences), strict=True)))
    patterns = list(product([-1, 1], repeat=len(sizes)))
    extreme = sum(abs(np.dot(pattern, ranks)) >= seen - 1e-9 for pattern in patterns)
    return float(extreme / len(patterns))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=7).filter(any))
def test_wilcoxon_counts_sign_patterns_also_with_ties_and_zeros(steps: list[int]) -> None:
    differences = [step / 10 for step in steps]
    second = [0.3 + difference for difference in differences]  # with the rounding errors of real scores
    found = wilcoxon([0.3] * len(steps), second)
    assert found.p == pytest.approx(slow_wilcoxon(differences))
    assert found.note.startswith("exact")
    zeros = steps.count(0)
    assert (f"{zeros} differences of 0 dropped" in found.note) is (zeros > 0)


@pytest.mark.parametrize("folds", [12, 60])
def test_wilcoxon_without_ties_is_scipys(folds: int, rng: np.random.Generator) -> None:
    first, second = rng.random(folds), rng.random(folds)
    reference = scipy.stats.wilcoxon(second - first, correction=True)
    found = wilcoxon(first, second)
    assert found.p == pytest.approx(reference.pvalue)
    assert found.note == ("exact" if folds == 12 else "approximate")
    assert found.statistic is not None
    assert folds * (folds + 1) / 2 - abs(found.statistic) == pytest.approx(2 * reference.statistic)


def test_wilcoxon_with_ties_is_scipys_count_of_permutations() -> None:
    steps = np.array([1, 1, 2, 2, -2, 3, 4, -1, 5, 5, 6])
    reference = scipy.stats.wilcoxon(steps, method=scipy.stats.PermutationMethod())
    assert wilcoxon(np.zeros(11), steps / 10).p == pytest.approx(reference.pvalue)


def test_wilcoxon_of_many_folds_is_an_approximation_that_knows_of_ties(rng: np.random.Generator) -> None:
    second = rng.integers(1, 5, 60) / 10
    found = wilcoxon(np.zeros(60), second)
    assert (found.note, found.statistic) == ("approximate", 1830.0)
    assert found.p == pytest.approx(scipy.stats.wilcoxon(second, correction=True, method="asymptotic").pvalue)


@pytest.mark.parametrize("test", OVER_FOLDS)
def test_turning_the_systems_round_turns_the_sign(test: Any) -> None:
    one, other = test(FIRST, SECOND), test(SECOND, FIRST)
    assert one.statistic > 0
    assert (one.statistic, one.p) == pytest.approx((-other.statistic, other.p))


@pytest.mark.parametrize("test", OVER_FOLDS)
def test_no_difference_gives_no_p(test: Any) -> None:
    found = test(FIRST, FIRST)
    assert (found.statistic, found.p, found.n) == (None, None, 6)
    assert found.note.startswith("no p: ")


@pytest.mark.parametrize("test", [OVER_FOLDS[0], OVER_FOLDS[2]])
def test_what_the_t_tests_cannot_tell(test: Any) -> None:
    found = test([0.1, 0.2], [0.2, 0.3])
    assert (found.p, found.note) == (None, "no p: the difference is 0.1 in every fold")
    found = test([0.1], [0.2])
    assert (found.p, found.note) == (None, "no p: there is only one fold")


@pytest.mark.parametrize("test", OVER_FOLDS)
@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([0.1, 0.2], [0.1], r"both systems need the scores of the same folds; the shapes are \(2,\) and \(1,\)"),
        ([], [], "scores of the same folds"),
        ([0.1, 0.2], [0.1, float("nan")], "a fold's score is not finite"),
    ],
)
def test_folds_that_are_no_pairs_are_refused(test: Any, first: Any, second: Any, words: str) -> None:
    with pytest.raises(RunError, match=words):
        test(first, second)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_ratio_is_refused(ratio: float) -> None:
    with pytest.raises(UsageError, match="test_to_train is"):
        corrected_t(FIRST, SECOND, test_to_train=ratio)


@pytest.mark.parametrize("lengths", [(0, 0, 0), (2, 2, 1), (1, 2, 2)])
def test_mcnemar_wants_pairs(lengths: tuple[int, int, int]) -> None:
    with pytest.raises(RunError, match="truth and both predictions must have the same length"):
        mcnemar(*(["joy"] * length for length in lengths))


def slow_holm(values: list[float]) -> list[float]:
    """Return, for each test, the smallest level at which the step-down procedure rejects it."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    adjusted = [0.0] * len(values)
    for step, index in enumerate(order):
        adjusted[index] = max(min(1.0, (len(values) - j) * values[order[j]]) for j in range(step + 1))
    return adjusted


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_has_a_slow_twin(values: list[float]) -> None:
    assert list(holm(values)) == pytest.approx(slow_holm(values))
    assert holm([None, *values, None])[1:-1] == holm(values)


def test_holm_of_a_published_example() -> None:
    # Holm's step-down on .01, .04, .03, .005 (R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")).
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p(p: float) -> None:
    with pytest.raises(UsageError, match="it must lie between 0 and 1"):
        holm([0.5, p])


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return ordinary(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"significance needs the package 'scipy'; .* 'emotone\[train\]'"):
        paired_t(FIRST, SECOND)


def test_the_p_of_no_difference_is_uniform(rng: np.random.Generator) -> None:
    found = [paired_t(*rng.normal(size=(2, 10))).p for _ in range(400)]
    assert np.mean([p is not None and p < 0.05 for p in found]) == pytest.approx(0.05, abs=0.03)


def test_voices_that_differ_fool_a_test_over_clips_and_not_one_over_speakers(rng: np.random.Generator) -> None:
    # Two systems of equal skill, each with its own luck with each of 12 voices, 20 clips of each.
    alarms = {"McNemar": 0, "paired t": 0}
    truth = np.full(12 * 20, "joy")
    for _ in range(150):
        right = rng.random((2, 12, 20)) < rng.beta(6, 4, size=(2, 12, 1))
        first, second = (np.where(of_system.ravel(), "joy", "fear") for of_system in right)
        for test in (mcnemar(truth, first, second), paired_t(*right.mean(axis=2))):
            alarms[test.name] += test.p is not None and test.p < 0.05
    assert alarms["McNemar"] / 150 > 0.15
    assert alarms["paired t"] / 150 == pytest.approx(0.05, abs=0.05)
