"""Confusion matrices, and the scores that are functions of one.

Conventions:
    * truth comes before prediction: rows of a matrix are truth, columns are prediction.
    * labels are listed explicitly, and their order is the order of rows and columns.
    * a score function takes matrices [..., labels, labels] (counts, possibly weighted) and returns scores [...]; a
      matrix without any count has no score and gives NaN, which the public functions never let out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from emotone.errors import RunError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Statistic: TypeAlias = Callable[["Matrices"], NDArray[np.float64]]

Matrices: TypeAlias = NDArray[np.float64]
"""Confusion matrices [..., truth, prediction]."""

MetricName: TypeAlias = Literal["uar", "accuracy", "macro-f1"]
METRIC_NAMES: tuple[MetricName, ...] = get_args(MetricName)


def encode(values: Sequence[str] | NDArray[np.str_], *, labels: Sequence[str], what: str) -> NDArray[np.intp]:
    """Return each value's position in `labels`, [n].

    Raises:
        UsageError: `labels` is empty or has a name twice.
        UnknownNameError: a value that is not in `labels`; `what` says where it stands.

    Example:
        >>> encode(["joy", "anger"], labels=["anger", "joy"], what="truth")
        array([1, 0])

    """
    if not labels or len(set(labels)) != len(labels):
        raise UsageError(f"labels must be different names, at least one; {list(labels)} was given")
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
    """Return `encode` of both, after checking that they are of one length, and not empty.

    Raises:
        RunError: nothing to score, or lengths that differ.
        UnknownNameError: a label outside `labels`.

    """
    if len(truth) != len(prediction):
        raise RunError(f"truth has {len(truth)} entries and prediction {len(prediction)}; they must be pairs")
    if len(truth) == 0:
        raise RunError("there is nothing to score: truth and prediction are empty")
    return encode(truth, labels=labels, what="truth"), encode(prediction, labels=labels, what="prediction")


def recalls(matrices: Matrices) -> NDArray[np.float64]:
    """Return the recall of every label [..., labels]; NaN for a label that is absent from truth."""
    support = matrices.sum(axis=-1)
    return _ratio(np.diagonal(matrices, axis1=-2, axis2=-1), support)


def uar(matrices: Matrices) -> NDArray[np.float64]:
    """Return the mean recall [...] over the labels that are present in truth."""
    return _mean_defined(recalls(matrices))


def accuracy(matrices: Matrices) -> NDArray[np.float64]:
    """Return the share of counts on the diagonal [...]."""
    return _ratio(np.diagonal(matrices, axis1=-2, axis2=-1).sum(axis=-1), matrices.sum(axis=(-2, -1)))


def macro_f1(matrices: Matrices) -> NDArray[np.float64]:
    """Return the mean F1 [...] over the labels that are present in truth or prediction."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    return _mean_defined(_ratio(2 * hits, matrices.sum(axis=-1) + matrices.sum(axis=-2)))


def statistic(metric: MetricName) -> Statistic:
    """Return the score function called `metric`.

    Raises:
        UnknownNameError: no such metric.

    """
    functions: dict[str, Statistic] = {"uar": uar, "accuracy": accuracy, "macro-f1": macro_f1}
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
