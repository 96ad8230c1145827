"""Validation of scores and probabilities for all metrics, and the ranks that AU-ROC is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emotone.errors import RunError
from emotone.metrics.classification import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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
