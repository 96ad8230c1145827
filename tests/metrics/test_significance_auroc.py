"""Tests of AU-ROCs against loops over pairs, against the bootstrap and SciPy, and for false alarms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emotone.errors import RunError, UsageError
from emotone.metrics.detection import auroc
from emotone.metrics.significance_auroc import delong, hanley_mcneil, mann_whitney, unpaired_z

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
def test_turning_the_systems_round_turns_the_sign(test: Any, rng: np.random.Generator) -> None:
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
    assert np.sign(found.statistic) == np.sign(auroc(truth, scores) - 0.5)  # type: ignore[arg-type]
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
