"""Calibration against loops over the entries, against scikit-learn, and where the answer is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.metrics.calibration import brier_score, expected_calibration_error, log_loss, reliability

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = ("anger", "fear", "joy")
FUNCTIONS = [brier_score, expected_calibration_error, log_loss, reliability]


def some_rows(rng: np.random.Generator, *, rows: int = 200) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    probabilities = rng.dirichlet(np.full(3, 0.5), rows)
    return rng.choice(LABELS, rows), probabilities


def slow_error(truth: NDArray[np.str_], probabilities: NDArray[np.float64], bins: int) -> float:
    total = 0.0
    for number in range(bins):
        confidences, rights = [], []
        for true, row in zip(truth, probabilities, strict=True):
            confidence = max(row)
            if number / bins < confidence <= (number + 1) / bins:
                confidences.append(confidence)
                rights.append(LABELS[list(row).index(confidence)] == true)
        if confidences:
            total += len(rights) / len(truth) * abs(np.mean(rights) - np.mean(confidences))
    return total


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_the_calibration_error_has_a_slow_twin(bins: int, rng: np.random.Generator) -> None:
    truth, probabilities = some_rows(rng)
    found = expected_calibration_error(truth, probabilities, labels=LABELS, bins=bins)
    assert found == pytest.approx(slow_error(truth, probabilities, bins))


def test_brier_and_log_loss_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    truth, probabilities = some_rows(rng)
    reference = sklearn.metrics
    assert log_loss(truth, probabilities, labels=LABELS) == pytest.approx(
        reference.log_loss(truth, probabilities, labels=list(LABELS))
    )
    of_labels = [reference.brier_score_loss(truth == label, probabilities[:, i]) for i, label in enumerate(LABELS)]
    assert brier_score(truth, probabilities, labels=LABELS) == pytest.approx(sum(of_labels))


def test_the_table_is_scikit_learns_curve_for_two_labels(rng: np.random.Generator) -> None:
    from sklearn.calibration import calibration_curve

    confidence = rng.uniform(0.5, 1.0, 300)
    right = rng.random(300) < confidence
    shares, confidences = calibration_curve(right, confidence, n_bins=10, strategy="uniform")
    table = reliability(
        np.where(right, "joy", "fear"), np.stack([1 - confidence, confidence], axis=1), labels=("fear", "joy"), bins=10
    )
    assert [found.accuracy for found in table if found.n] == pytest.approx(list(shares))
    assert [found.confidence for found in table if found.n] == pytest.approx(list(confidences))
    assert [found.n for found in table[:5]] == [0] * 5
    assert {(found.accuracy, found.confidence) for found in table[:5]} == {(None, None)}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.5, 1.0), min_size=1, max_size=20), st.integers(1, 20))
def test_bins_hold_every_entry_once(confidences: list[float], bins: int) -> None:
    rows = [[1 - confidence, confidence] for confidence in confidences]
    table = reliability(["joy"] * len(rows), rows, labels=("fear", "joy"), bins=bins)
    assert sum(found.n for found in table) == len(rows)
    for found in table:
        if found.confidence is not None:
            assert found.low - 1e-12 <= found.confidence <= found.high + 1e-12
    assert (table[0].low, table[-1].high) == (0.0, 1.0)


def test_probabilities_that_mean_what_they_say_have_no_error(rng: np.random.Generator) -> None:
    rows = rng.dirichlet(np.ones(3), 40_000)
    truth = np.array(LABELS)[(rng.random((40_000, 1)) > rows.cumsum(axis=1)).sum(axis=1).clip(max=2)]
    assert expected_calibration_error(truth, rows, labels=LABELS) < 0.01
    sharpened = rows**3 / (rows**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(truth, sharpened, labels=LABELS) > 0.1


def test_sure_and_right_is_perfect_and_sure_and_wrong_is_worst() -> None:
    right, wrong = np.eye(3), np.eye(3)[[1, 2, 0]]
    assert brier_score(LABELS, right, labels=LABELS) == 0.0
    assert brier_score(LABELS, wrong, labels=LABELS) == 2.0
    assert log_loss(LABELS, right, labels=LABELS) == 0.0
    assert log_loss(LABELS, wrong, labels=LABELS) == pytest.approx(36.04, abs=0.01)
    assert expected_calibration_error(LABELS, right, labels=LABELS) == 0.0
    assert expected_calibration_error(LABELS, wrong, labels=LABELS) == 1.0


def test_knowing_nothing_costs_the_logarithm_of_the_labels() -> None:
    rows = np.full((3, 3), 1 / 3)
    assert log_loss(LABELS, rows, labels=LABELS) == pytest.approx(np.log(3))
    assert brier_score(LABELS, rows, labels=LABELS) == pytest.approx(2 / 3)
    assert expected_calibration_error(LABELS, rows, labels=LABELS) == pytest.approx(0)  # right one time in three


def test_a_confidence_a_hair_above_one_is_in_the_last_bin() -> None:
    (found,) = reliability(["joy"], [[0.0, 1.0 + 5e-7]], labels=("fear", "joy"), bins=1)
    assert (found.n, found.confidence, found.accuracy) == (1, 1.0, 1.0)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("truth", "rows", "words"),
    [
        ([], np.zeros((0, 3)), "nothing to score"),
        (["joy"], [[0.5, 0.5]], r"shape \(1, 2\); one row for each of 1 entries and one column for each of 3 labels"),
        (["joy"], [[0.5, 0.5, 0.5]], r"1 of 1 rows are not probabilities \(first: row 0\)"),
        (["joy"], [[1.5, -0.5, 0.0]], "rows are not probabilities"),
        (["joy"] * 2, [[1.0, 0.0, 0.0], [float("nan"), 0.5, 0.5]], r"1 of 2 rows .*first: row 1"),
    ],
)
def test_what_are_no_probabilities_is_refused(function: Any, truth: list[str], rows: Any, words: str) -> None:
    with pytest.raises(RunError, match=words):
        function(truth, rows, labels=LABELS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_unknown_label_is_said(function: Any) -> None:
    with pytest.raises(UnknownNameError, match="unknown label in truth 'jo'"):
        function(["jo"], [[1.0, 0.0, 0.0]], labels=LABELS)


@pytest.mark.parametrize("function", [expected_calibration_error, reliability])
def test_there_must_be_a_bin(function: Any) -> None:
    with pytest.raises(UsageError, match="bins is 0; it must be 1 or more"):
        function(["joy"], [[0.0, 0.0, 1.0]], labels=LABELS, bins=0)
