"""Agreement of predicted labels with the truth: confusion matrices and their scores; and checks of inputs.

Conventions:
    * truth comes before prediction; both are sequences of label names of equal length. Rows of a confusion matrix are
      truth, columns are prediction.
    * `labels` lists every label that may occur; its order is the order of rows, columns and per-label results.
    * a statistic takes matrices [..., labels, labels] (counts, possibly weighted) and returns scores [...]. An empty
      matrix has no score and gives NaN; functions of label names raise an error instead.

Contents:
    from label names       confusion_matrix, unweighted_average_recall, accuracy, macro_f1, per_class_recall
    from matrices          statistic, uar, recalls
    codes of label names   encode, paired_codes
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from emotone.errors import RunError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Labels = Sequence[str] | NDArray[np.str_]
    Statistic: TypeAlias = Callable[["Matrices"], NDArray[np.float64]]
    from collections.abc import Sequence

Matrices: TypeAlias = NDArray[np.float64]
"""Confusion matrices [..., truth, prediction]."""

MetricName: TypeAlias = Literal["uar", "accuracy", "macro-f1"]
METRIC_NAMES: tuple[MetricName, ...] = get_args(MetricName)


def confusion_matrix(truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> NDArray[np.int64]:
    """Return the counts [labels, labels]: row = truth, column = prediction.

    Raises:
        RunError: empty input, or lengths that differ.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> confusion_matrix(["joy", "joy", "fear"], ["joy", "fear", "fear"], labels=["fear", "joy"])
        array([[1, 0],
               [1, 1]])

    """
    truth_codes, prediction_codes = paired_codes(truth, prediction, labels=labels)
    size = len(labels)
    counts = np.bincount(truth_codes * size + prediction_codes, minlength=size * size)
    return counts.reshape(size, size).astype(np.int64)


def unweighted_average_recall(truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> float:
    """Return UAR in [0, 1]: the mean of the recalls of the labels that are PRESENT in truth.

    UAR = 1/|P| * sum over c in P of (clips of c predicted as c) / (clips of c), P = the labels present in truth.
    A label that is absent from truth has no recall and is excluded from the mean; predictions of it still count as
    errors. Guessing uniformly among P gives 1/|P|, whatever the class sizes.

    Raises:
        RunError: empty input, or lengths that differ.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> unweighted_average_recall(["joy", "joy", "fear"], ["joy", "fear", "fear"], labels=["fear", "joy"])
        0.75

    Reference:
        Schuller, Steidl, Batliner: The INTERSPEECH 2009 Emotion Challenge. Proc. Interspeech 2009, 312-315.

    """
    return _score("uar", truth, prediction, labels=labels)


def accuracy(truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> float:
    """Return the share in [0, 1] of entries whose prediction is the truth (also called weighted accuracy, WA).

    Raises:
        RunError: empty input, or lengths that differ.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> accuracy(["joy", "joy", "fear", "fear"], ["joy", "fear", "fear", "fear"], labels=["fear", "joy"])
        0.75

    """
    return _score("accuracy", truth, prediction, labels=labels)


def macro_f1(truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> float:
    """Return the mean F1 in [0, 1] over the labels that are present in truth or prediction.

    F1 of a label = 2 TP / (2 TP + FP + FN). A label that occurs in neither has no F1 and is excluded; a label that
    is predicted but never true has F1 = 0.

    Raises:
        RunError: empty input, or lengths that differ.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> round(macro_f1(["joy", "joy", "fear"], ["joy", "fear", "fear"], labels=["fear", "joy"]), 4)
        0.6667

    """
    return _score("macro-f1", truth, prediction, labels=labels)


def per_class_recall(truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> dict[str, float]:
    """Return the recall in [0, 1] of each label that is present in truth, in the order of `labels`.

    Raises:
        RunError: empty input, or lengths that differ.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> per_class_recall(["joy", "joy", "fear"], ["joy", "fear", "fear"], labels=["calm", "fear", "joy"])
        {'fear': 1.0, 'joy': 0.5}

    """
    matrix = confusion_matrix(truth, prediction, labels=labels).astype(np.float64)
    values = recalls(matrix)
    return {label: float(recall) for label, recall in zip(labels, values, strict=True) if not np.isnan(recall)}


def _score(metric: MetricName, truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> float:
    matrix = confusion_matrix(truth, prediction, labels=labels).astype(np.float64)
    return float(statistic(metric)(matrix))


def encode(values: Sequence[str] | NDArray[np.str_], *, labels: Sequence[str], what: str) -> NDArray[np.intp]:
    """Return each value's position in `labels`, [n].

    Raises:
        UsageError: `labels` is empty or contains duplicates.
        UnknownNameError: a value that is not in `labels`; `what` names the input in the message.

    Example:
        >>> encode(["joy", "anger"], labels=["anger", "joy"], what="truth")
        array([1, 0])

    """
    if not labels or len(set(labels)) != len(labels):
        raise UsageError(f"labels must be unique and not empty; given {list(labels)}")
    names, inverse = np.unique(np.asarray(values, dtype=np.str_), return_inverse=True)
    position = {label: index for index, label in enumerate(labels)}
    for name in names:
        if str(name) not in position:
            raise unknown_name(f"label in {what}", str(name), labels)
    codes = np.array([position[str(name)] for name in names], dtype=np.intp)
    return codes[inverse.reshape(-1)] if codes.size else np.zeros(0, dtype=np.intp)


def paired_codes(
    truth: Sequence[str] | NDArray[np.str_], prediction: Sequence[str] | NDArray[np.str_], *, labels: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the codes of truth and prediction, each [n]; see `encode`.

    Raises:
        RunError: empty input, or lengths that differ.
        UnknownNameError: a label outside `labels`.

    """
    if len(truth) != len(prediction):
        raise RunError(f"truth has {len(truth)} entries and prediction {len(prediction)}; the lengths must be equal")
    if len(truth) == 0:
        raise RunError("nothing to score: truth and prediction are empty")
    return encode(truth, labels=labels, what="truth"), encode(prediction, labels=labels, what="prediction")


def recalls(matrices: Matrices) -> NDArray[np.float64]:
    """Return the recall of every label [..., labels]; NaN for a label that is absent from truth."""
    support = matrices.sum(axis=-1)
    return _ratio(np.diagonal(matrices, axis1=-2, axis2=-1), support)


def uar(matrices: Matrices) -> NDArray[np.float64]:
    """Return the mean recall [...] over the labels that are present in truth."""
    return _mean_defined(recalls(matrices))


def _accuracy(matrices: Matrices) -> NDArray[np.float64]:
    """Return the share of counts on the diagonal [...]."""
    return _ratio(np.diagonal(matrices, axis1=-2, axis2=-1).sum(axis=-1), matrices.sum(axis=(-2, -1)))


def _macro_f1(matrices: Matrices) -> NDArray[np.float64]:
    """Return the mean F1 [...] over the labels that are present in truth or prediction."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    return _mean_defined(_ratio(2 * hits, matrices.sum(axis=-1) + matrices.sum(axis=-2)))


def statistic(metric: MetricName) -> Statistic:
    """Return the statistic called `metric`.

    Raises:
        UnknownNameError: no such metric.

    """
    functions: dict[str, Statistic] = {"uar": uar, "accuracy": _accuracy, "macro-f1": _macro_f1}
    if metric not in functions:
        raise unknown_name("metric", metric, functions)
    return functions[metric]


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numerator / denominator, NaN where the denominator is 0."""
    result = np.full(np.shape(denominator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def _mean_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the last axis of the values that are not NaN; NaN where there are none."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


Flags: TypeAlias = "Sequence[bool] | NDArray[np.bool_]"
Numbers: TypeAlias = "Sequence[float] | NDArray[np.floating]"
Rows: TypeAlias = "Sequence[Sequence[float]] | NDArray[np.floating]"

SUM_TOLERANCE = 1e-6  # probabilities of one row sum to 1 within this, as in the predictions table


def flags_and_scores(truth: Flags, scores: Numbers) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether each entry is positive [n] and its score [n]; both classes are present.

    Raises:
        RunError: empty input, lengths that differ, truth that is not true or false, a score
            that is NaN or infinite, or one class only.

    """
    flags, values = np.asarray(truth), np.asarray(scores, dtype=np.float64)
    if flags.ndim != 1 or values.ndim != 1 or len(flags) != len(values):
        raise RunError(f"truth has the shape {flags.shape} and scores {values.shape}; they must have equal lengths")
    if len(flags) == 0:
        raise RunError("nothing to score: truth and scores are empty")
    if flags.dtype != np.bool_:
        if not np.isin(flags, [0, 1]).all():
            raise RunError(f"truth must be true or false for every entry; {flags[~np.isin(flags, [0, 1])][0]!r} is not")
        flags = flags == 1
    wrong = np.isnan(values) | (values == np.inf)  # infinity is the threshold at which nothing is positive
    if wrong.any():
        raise RunError(f"{int(wrong.sum())} of {len(values)} scores are NaN or infinite")
    if flags.all() or not flags.any():
        present, absent = ("positive", "negative") if flags.all() else ("negative", "positive")
        raise RunError(f"undefined with one class: all {len(flags)} entries are {present}, none is {absent}")
    return flags, values


def codes_and_probabilities(
    truth: Sequence[str] | NDArray[np.str_], probabilities: Rows, *, labels: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the index of each entry's true label [n], and the probabilities [n, labels].

    Raises:
        RunError: empty input, shapes that differ, or rows that are not probabilities.
        UnknownNameError: a label that is not in `labels`.
        UsageError: labels that are empty or not unique.

    """
    codes = encode(truth, labels=labels, what="truth")
    if len(codes) == 0:
        raise RunError("nothing to score: truth is empty")
    rows = np.asarray(probabilities, dtype=np.float64)
    if rows.shape != (len(codes), len(labels)):
        raise RunError(
            f"probabilities have the shape {rows.shape}; one row for each of {len(codes)} entries and one column for "
            f"each of {len(labels)} labels was expected"
        )
    wrong = ~np.isfinite(rows).all(axis=1) | (rows < 0).any(axis=1) | ~(np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE)
    if wrong.any():
        raise RunError(
            f"{int(wrong.sum())} of {len(rows)} rows are not probabilities (first: row {int(wrong.argmax())}): "
            f"values must be at least 0 and sum to 1 within {SUM_TOLERANCE:g}"
        )
    return codes, rows


def midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1 [n]; equal values share the mean of their ranks.

    Example:
        >>> midranks(np.array([0.3, 0.1, 0.3]))
        array([2.5, 1. , 2.5])

    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse.reshape(-1)], dtype=np.float64)
