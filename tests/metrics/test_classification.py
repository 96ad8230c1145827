"""Measures of labels and of their probabilities: recall, precision, and calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.metrics import classification
from emotone.metrics.calibration import brier_score, expected_calibration_error, log_loss, reliability
from emotone.metrics.classification import (
    accuracy,
    confusion_matrix,
    macro_f1,
    per_class_recall,
    unweighted_average_recall,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


# ----------------------------------------------------------------------------------------------------------------------
# Metrics against counting by hand, against scikit-learn, and on inputs whose score is known.

LABELS = ("anger", "fear", "joy", "sadness")
METRICS: list[Callable[..., Any]] = [
    accuracy,
    confusion_matrix,
    macro_f1,
    per_class_recall,
    unweighted_average_recall,
]

pairs = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40)


def slow_recalls(truth: list[str], prediction: list[str]) -> dict[str, float]:
    found = {}
    for label in LABELS:
        of_label = [guess for true, guess in zip(truth, prediction, strict=True) if true == label]
        if of_label:
            found[label] = sum(guess == label for guess in of_label) / len(of_label)
    return found


def slow_macro_f1(truth: list[str], prediction: list[str]) -> float:
    scores = []
    for label in set(truth) | set(prediction):
        both = sum(true == guess == label for true, guess in zip(truth, prediction, strict=True))
        scores.append(2 * both / (truth.count(label) + prediction.count(label)))
    return sum(scores) / len(scores)


@given(pairs)
def test_slow_twins(rows: list[tuple[str, str]]) -> None:
    truth, prediction = [row[0] for row in rows], [row[1] for row in rows]
    recalls = slow_recalls(truth, prediction)
    assert per_class_recall(truth, prediction, labels=LABELS) == pytest.approx(recalls)
    uar = unweighted_average_recall(truth, prediction, labels=LABELS)
    assert uar == pytest.approx(sum(recalls.values()) / len(recalls))
    assert macro_f1(truth, prediction, labels=LABELS) == pytest.approx(slow_macro_f1(truth, prediction))
    right = sum(true == guess for true, guess in rows)
    assert accuracy(truth, prediction, labels=LABELS) == pytest.approx(right / len(rows))
    matrix = confusion_matrix(truth, prediction, labels=LABELS)
    for row, true in enumerate(LABELS):
        for column, guess in enumerate(LABELS):
            assert matrix[row, column] == rows.count((true, guess))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_same_as_scikit_learn(size: int, rng: np.random.Generator) -> None:
    # Each label is on both sides, for scikit-learn warns otherwise.
    truth = np.concatenate([LABELS, rng.choice(LABELS, size)])
    prediction = np.concatenate([LABELS[::-1], rng.choice(LABELS, size)])
    reference = sklearn.metrics
    assert unweighted_average_recall(truth, prediction, labels=LABELS) == pytest.approx(
        reference.balanced_accuracy_score(truth, prediction)
    )
    assert accuracy(truth, prediction, labels=LABELS) == pytest.approx(reference.accuracy_score(truth, prediction))
    assert macro_f1(truth, prediction, labels=LABELS) == pytest.approx(
        reference.f1_score(truth, prediction, average="macro")
    )
    np.testing.assert_array_equal(
        confusion_matrix(truth, prediction, labels=LABELS),
        reference.confusion_matrix(truth, prediction, labels=list(LABELS)),
    )


def test_rows_are_truth() -> None:
    matrix = confusion_matrix(["anger"], ["fear"], labels=["anger", "fear"])
    assert matrix.tolist() == [[0, 1], [0, 0]]
    assert matrix.dtype == np.int64


def test_classes_absent_from_truth_are_left_out_of_the_mean_recall() -> None:
    assert unweighted_average_recall(["anger", "fear"], ["anger", "joy"], labels=LABELS) == 0.5
    assert per_class_recall(["anger", "fear"], ["anger", "joy"], labels=LABELS) == {"anger": 1.0, "fear": 0.0}


def test_a_class_that_is_only_predicted_costs_f1() -> None:
    # anger: F1 = 1; fear: 0; joy is predicted, never true: 0.
    assert macro_f1(["anger", "fear"], ["anger", "joy"], labels=LABELS) == pytest.approx(1 / 3)


def test_always_the_majority_has_the_recall_of_chance() -> None:
    truth = ["anger"] * 97 + ["fear", "joy", "sadness"]
    assert unweighted_average_recall(truth, ["anger"] * 100, labels=LABELS) == 0.25
    assert accuracy(truth, ["anger"] * 100, labels=LABELS) == 0.97


@pytest.mark.parametrize("metric", METRICS)
def test_nothing_to_score_is_an_error_not_a_number(metric: Callable[..., Any]) -> None:
    with pytest.raises(RunError, match="nothing to score"):
        metric([], [], labels=LABELS)


@pytest.mark.parametrize("metric", METRICS)
def test_lengths_must_be_pairs(metric: Callable[..., Any]) -> None:
    with pytest.raises(RunError, match="truth has 2 entries and prediction 1"):
        metric(["anger", "fear"], ["anger"], labels=LABELS)


@pytest.mark.parametrize(
    ("truth", "prediction", "where"), [("angr", "anger", "truth"), ("anger", "angr", "prediction")]
)
def test_an_unknown_label_is_said_with_its_side(truth: str, prediction: str, where: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown label in {where} 'angr'; did you mean 'anger'"):
        accuracy([truth], [prediction], labels=LABELS)


@pytest.mark.parametrize("labels", [(), ("anger", "anger")])
def test_labels_must_be_different_names(labels: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="labels must be unique"):
        accuracy(["anger"], ["anger"], labels=labels)


def test_an_unknown_metric_has_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="unknown metric 'macro_f1'; did you mean 'macro-f1'"):
        classification.statistic("macro_f1")  # type: ignore[arg-type]


def test_encoding_nothing_gives_nothing() -> None:
    assert classification.encode([], labels=LABELS, what="truth").tolist() == []


@pytest.mark.parametrize("name", classification.METRIC_NAMES)
def test_stacks_of_matrices_are_scored_one_by_one(name: classification.MetricName, rng: np.random.Generator) -> None:
    score = classification.statistic(name)
    stack = rng.integers(1, 9, size=(3, 2, 4, 4)).astype(np.float64)
    one_by_one = [[float(score(matrix)) for matrix in row] for row in stack]
    np.testing.assert_allclose(score(stack), one_by_one)


@pytest.mark.parametrize("name", classification.METRIC_NAMES)
def test_an_empty_matrix_has_no_score(name: classification.MetricName) -> None:
    assert np.isnan(classification.statistic(name)(np.zeros((4, 4))))


# ----------------------------------------------------------------------------------------------------------------------
# Calibration against loops over the entries, against scikit-learn, and where the answer is known.

THREE_LABELS = ("anger", "fear", "joy")
FUNCTIONS = [brier_score, expected_calibration_error, log_loss, reliability]


def some_rows(rng: np.random.Generator, *, rows: int = 200) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
    probabilities = rng.dirichlet(np.full(3, 0.5), rows)
    return rng.choice(THREE_LABELS, rows), probabilities


def slow_error(truth: NDArray[np.str_], probabilities: NDArray[np.float64], bins: int) -> float:
    total = 0.0
    for number in range(bins):
        confidences, rights = [], []
        for true, row in zip(truth, probabilities, strict=True):
            confidence = max(row)
            if number / bins < confidence <= (number + 1) / bins:
                confidences.append(confidence)
                rights.append(THREE_LABELS[list(row).index(confidence)] == true)
        if confidences:
            total += len(rights) / len(truth) * abs(np.mean(rights) - np.mean(confidences))
    return total


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_the_calibration_error_has_a_slow_twin(bins: int, rng: np.random.Generator) -> None:
    truth, probabilities = some_rows(rng)
    found = expected_calibration_error(truth, probabilities, labels=THREE_LABELS, bins=bins)
    assert found == pytest.approx(slow_error(truth, probabilities, bins))


def test_brier_and_log_loss_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    truth, probabilities = some_rows(rng)
    reference = sklearn.metrics
    assert log_loss(truth, probabilities, labels=THREE_LABELS) == pytest.approx(
        reference.log_loss(truth, probabilities, labels=list(THREE_LABELS))
    )
    of_labels = [
        reference.brier_score_loss(truth == label, probabilities[:, i]) for i, label in enumerate(THREE_LABELS)
    ]
    assert brier_score(truth, probabilities, labels=THREE_LABELS) == pytest.approx(sum(of_labels))


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
    truth = np.array(THREE_LABELS)[(rng.random((40_000, 1)) > rows.cumsum(axis=1)).sum(axis=1).clip(max=2)]
    assert expected_calibration_error(truth, rows, labels=THREE_LABELS) < 0.01
    sharpened = rows**3 / (rows**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(truth, sharpened, labels=THREE_LABELS) > 0.1


def test_sure_and_right_is_perfect_and_sure_and_wrong_is_worst() -> None:
    right, wrong = np.eye(3), np.eye(3)[[1, 2, 0]]
    assert brier_score(THREE_LABELS, right, labels=THREE_LABELS) == 0.0
    assert brier_score(THREE_LABELS, wrong, labels=THREE_LABELS) == 2.0
    assert log_loss(THREE_LABELS, right, labels=THREE_LABELS) == 0.0
    assert log_loss(THREE_LABELS, wrong, labels=THREE_LABELS) == pytest.approx(36.04, abs=0.01)
    assert expected_calibration_error(THREE_LABELS, right, labels=THREE_LABELS) == 0.0
    assert expected_calibration_error(THREE_LABELS, wrong, labels=THREE_LABELS) == 1.0


def test_knowing_nothing_costs_the_logarithm_of_the_labels() -> None:
    rows = np.full((3, 3), 1 / 3)
    assert log_loss(THREE_LABELS, rows, labels=THREE_LABELS) == pytest.approx(np.log(3))
    assert brier_score(THREE_LABELS, rows, labels=THREE_LABELS) == pytest.approx(2 / 3)
    assert expected_calibration_error(THREE_LABELS, rows, labels=THREE_LABELS) == pytest.approx(
        0
    )  # right one time in three


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
        function(truth, rows, labels=THREE_LABELS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_unknown_label_is_said(function: Any) -> None:
    with pytest.raises(UnknownNameError, match="unknown label in truth 'jo'"):
        function(["jo"], [[1.0, 0.0, 0.0]], labels=THREE_LABELS)


@pytest.mark.parametrize("function", [expected_calibration_error, reliability])
def test_there_must_be_a_bin(function: Any) -> None:
    with pytest.raises(UsageError, match="bins is 0; it must be 1 or more"):
        function(["joy"], [[0.0, 0.0, 1.0]], labels=THREE_LABELS, bins=0)
