"""Tests of significance: of labels, and of areas under the ROC curve."""

from __future__ import annotations

import builtins
from itertools import product
from math import comb
from typing import Any

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emotone.errors import MissingExtraError, RunError, UsageError
from emotone.metrics.detection import auroc
from emotone.metrics.significance import corrected_t, holm, mcnemar, paired_t, wilcoxon
from emotone.metrics.significance_auroc import delong, hanley_mcneil, mann_whitney, unpaired_z

# ----------------------------------------------------------------------------------------------------------------------
# Tests over entries and folds against enumeration, against SciPy, and for how often they raise a false alarm.

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


# ----------------------------------------------------------------------------------------------------------------------
# Tests of AU-ROCs against loops over pairs, against the bootstrap and SciPy, and for false alarms.

Numbers = NDArray[np.float64]


def two_systems(rng: np.random.Generator, *, positives: int, negatives: int) -> tuple[Any, Numbers, Numbers]:
    """Return truth and the scores of two systems that share part of their errors; the second is better."""
    truth = np.arange(positives + negatives) < positives
    shared = rng.normal(size=len(truth))
    first = truth * 0.8 + shared + rng.normal(size=len(truth))
    second = truth * 1.2 + shared + rng.normal(size=len(truth))
    return truth, np.round(first, 1), np.round(second, 1)  # rounded: some are equal


def slow_delong(truth: Any, first: Numbers, second: Numbers) -> float:
    """Return z as DeLong, DeLong and Clarke-Pearson define it, pair by pair."""
    components: dict[str, list[Numbers]] = {"positive": [], "negative": []}
    for scores in (first, second):
        positives, negatives = scores[truth], scores[~truth]
        wins = np.array([[(p > n) + 0.5 * (p == n) for n in negatives] for p in positives])
        components["positive"].append(wins.mean(axis=1))
        components["negative"].append(wins.mean(axis=0))
    areas = [values.mean() for values in components["positive"]]
    covariance = np.zeros((2, 2))
    for values in components.values():
        size = len(values[0])
        for r in range(2):
            for s in range(2):
                terms = (values[r] - areas[r]) * (values[s] - areas[s])
                covariance[r, s] += terms.sum() / (size - 1) / size
    contrast = np.array([-1.0, 1.0])
    return float((areas[1] - areas[0]) / np.sqrt(contrast @ covariance @ contrast))


@pytest.mark.parametrize(("positives", "negatives"), [(2, 3), (15, 40), (60, 20)])
def test_delong_pair_by_pair(positives: int, negatives: int, rng: np.random.Generator) -> None:
    truth, first, second = two_systems(rng, positives=positives, negatives=negatives)
    found = delong(truth, first, second)
    z = slow_delong(truth, first, second)
    assert found.statistic == pytest.approx(z)
    assert found.p == pytest.approx(2 * scipy.stats.norm.cdf(-abs(z)))
    areas = [sklearn.metrics.roc_auc_score(truth, scores) for scores in (first, second)]
    assert found.note == f"AU-ROC {areas[0]:.4f} and {areas[1]:.4f}"
    assert (found.n, found.name) == (positives + negatives, "DeLong")


def test_delongs_standard_error_is_that_of_the_bootstrap(rng: np.random.Generator) -> None:
    truth, first, second = two_systems(rng, positives=80, negatives=120)
    found = delong(truth, first, second)
    flags = np.arange(200) < 80
    draws = []
    for _ in range(400):
        index = np.concatenate([rng.integers(0, 80, 80), rng.integers(80, 200, 120)])
        draws.append(auroc(flags, second[index]) - auroc(flags, first[index]))
    assert found.statistic is not None
    assert (auroc(flags, second) - auroc(flags, first)) / found.statistic == pytest.approx(np.std(draws), rel=0.15)


@pytest.mark.parametrize("test", [delong, hanley_mcneil])
def test_turning_the_systems_round_turns_the_sign_of_areas(test: Any, rng: np.random.Generator) -> None:
    truth, first, second = two_systems(rng, positives=20, negatives=30)
    one, other = test(truth, first, second), test(truth, second, first)
    assert (one.statistic, one.p) == pytest.approx((-other.statistic, other.p))


@pytest.mark.parametrize("test", [delong, hanley_mcneil, lambda truth, first, _: mann_whitney(truth, first)])
def test_only_the_order_of_scores_matters(test: Any, rng: np.random.Generator) -> None:
    truth, first, second = two_systems(rng, positives=20, negatives=30)
    assert test(truth, np.exp(first), second / 7) == test(truth, first, second)


@pytest.mark.parametrize(
    ("scores", "second"),
    [([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]), ([0.4, 0.3, 0.2, 0.1], [1.0, 2.0, 3.0, 4.0])],
    ids=["the same", "all wrong and all right"],
)
def test_a_difference_that_does_not_vary_has_no_p(scores: list[float], second: list[float]) -> None:
    found = delong([False, False, True, True], scores, second)
    assert (found.statistic, found.p) == (None, None)
    assert found.note.startswith("no p: the difference does not vary; AU-ROC")


def test_delong_wants_two_of_each() -> None:
    found = delong([True, False, False], [0.1, 0.2, 0.3], [0.3, 0.2, 0.1])
    assert (found.p, found.note) == (None, "no p: at least 2 positives and 2 negatives are needed")


def test_hanley_and_mcneils_own_example() -> None:
    # Radiology 1982, tables I and II: 51 abnormal and 58 normal images in five ratings; area 0.893, error 0.032.
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    scores = np.repeat([*range(5), *range(5)], [*normal, *abnormal]).astype(np.float64)
    truth = np.repeat([False, True], [58, 51])
    coin = np.zeros(len(truth))
    found = hanley_mcneil(truth, scores, coin)
    assert found.note == "AU-ROC 0.8932 and 0.5000, r = 0"
    assert found.statistic is not None
    # The area of a constant score has Q1 = Q2 = 1/3.
    error_of_coin = np.sqrt((0.25 + (50 + 57) * (1 / 3 - 0.25)) / (51 * 58))
    error = np.sqrt(((0.5 - 0.8932) / found.statistic) ** 2 - error_of_coin**2)
    assert error == pytest.approx(0.032, abs=0.0005)


def test_what_is_shared_makes_a_difference_surer(rng: np.random.Generator) -> None:
    truth, first, second = two_systems(rng, positives=60, negatives=80)
    apart, paired = (hanley_mcneil(truth, first, second, correlation=r).statistic for r in (0.0, 0.5))
    assert apart is not None
    assert paired is not None
    assert abs(paired) > abs(apart)
    measured = delong(truth, first, second).statistic
    assert measured == pytest.approx(paired, rel=0.2)  # the two systems share half of their noise


@pytest.mark.parametrize("second", [[1.0, 2.0], [2.0, 1.0]])
def test_perfect_areas_have_no_standard_error(second: list[float]) -> None:
    found = hanley_mcneil([False, True], [1.0, 2.0], second)
    assert (found.statistic, found.p) == (None, None)
    assert found.note.startswith("no p: areas of 0 or 1 have no standard error")


def test_unpaired_is_hanley_and_mcneil_without_correlation(rng: np.random.Generator) -> None:
    truth, first, second = two_systems(rng, positives=20, negatives=30)
    found, paired = unpaired_z(truth, first, truth, second), hanley_mcneil(truth, first, second)
    assert (found.statistic, found.p) == pytest.approx((paired.statistic, paired.p))
    assert (found.n, found.name) == (100, "Mann-Whitney z, unpaired")


def test_unpaired_takes_other_recordings_in_any_order(rng: np.random.Generator) -> None:
    truth, first, second = two_systems(rng, positives=40, negatives=60)
    part = rng.permutation(100)[:70]
    found, again = (unpaired_z(truth, first, truth[order], second[order]) for order in (part, np.sort(part)))
    areas = sklearn.metrics.roc_auc_score(truth, first), sklearn.metrics.roc_auc_score(truth[part], second[part])
    assert (found.statistic, found.p) == pytest.approx((again.statistic, again.p))
    assert found.note == f"AU-ROC {areas[0]:.4f} of 100 and {areas[1]:.4f} of 70"
    assert found.statistic is not None
    assert np.sign(found.statistic) == np.sign(areas[1] - areas[0])


def test_unpaired_false_alarms_are_as_frequent_as_promised(rng: np.random.Generator) -> None:
    truth = np.arange(80) < 30
    runs = [unpaired_z(truth, truth + rng.normal(size=80), truth, truth + rng.normal(size=80)).p for _ in range(300)]
    assert np.mean([p is not None and p < 0.05 for p in runs]) == pytest.approx(0.05, abs=0.035)


@pytest.mark.parametrize("correlation", [-0.1, 1.0, float("nan")])
def test_an_impossible_correlation_is_refused(correlation: float) -> None:
    with pytest.raises(UsageError, match="correlation is"):
        hanley_mcneil([False, True], [1.0, 2.0], [1.0, 2.0], correlation=correlation)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=3, max_size=30))
def test_mann_whitney_is_scipys(rows: list[tuple[bool, int]]) -> None:
    truth = np.array([True, False, *(flag for flag, _ in rows)])
    scores = np.array([0.0, 1.0, *(score for _, score in rows)])
    reference = scipy.stats.mannwhitneyu(scores[truth], scores[~truth], method="asymptotic", use_continuity=False)
    found = mann_whitney(truth, scores)
    assert found.p == pytest.approx(reference.pvalue)
    assert found.statistic is not None
    assert np.sign(round(found.statistic, 9)) == np.sign(auroc(truth, scores) - 0.5)
    assert found.name == "Mann-Whitney"


def test_a_constant_score_has_no_p() -> None:
    found = mann_whitney([True, False], [0.5, 0.5])
    assert (found.p, found.note) == (None, "no p: all scores are equal")


@pytest.mark.parametrize("test", [delong, hanley_mcneil, lambda truth, first, _: mann_whitney(truth, first)])
def test_one_class_is_an_error(test: Any) -> None:
    with pytest.raises(RunError, match="undefined with one class"):
        test([True, True], [0.1, 0.2], [0.3, 0.4])


def test_false_alarms_are_as_frequent_as_promised(rng: np.random.Generator) -> None:
    alarms = 0
    truth = np.arange(60) < 25
    for _ in range(300):
        shared = truth + rng.normal(size=60)
        p = delong(truth, shared + rng.normal(size=60), shared + rng.normal(size=60)).p
        alarms += p is not None and p < 0.05
    assert alarms / 300 == pytest.approx(0.05, abs=0.035)
