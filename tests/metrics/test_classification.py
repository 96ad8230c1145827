"""Metrics against counting by hand, against scikit-learn, and on inputs whose score is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.metrics import classification
from emotone.metrics.classification import (
    accuracy,
    confusion_matrix,
    macro_f1,
    per_class_recall,
    unweighted_average_recall,
)

if TYPE_CHECKING:
    from collections.abc import Callable

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
