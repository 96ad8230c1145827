"""Calibration of predicted probabilities.

Conventions:
    truth comes before probabilities; truth is label names [n], probabilities are [n, labels] in the order of `labels`,
    each row summing to 1. The confidence of an entry is its largest probability, and its prediction the first label
    with that probability. Empty input raises an error.

Contents:
    reliability, expected_calibration_error, brier_score, log_loss
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import UsageError
from emotone.metrics.classification import codes_and_probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.metrics.classification import Rows

    Labels = Sequence[str] | NDArray[np.str_]

BINS = 15  # as Guo et al.
SMALLEST = float(np.finfo(np.float64).eps)  # probabilities are clipped here: 36 nats instead of infinity


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The entries whose confidence is in one range.

    Attributes:
        low: lower end of the range, exclusive (inclusive for the first bin).
        high: upper end, inclusive.
        n: number of entries.
        confidence: mean confidence of the entries, in [0, 1]; None if empty.
        accuracy: share of correct predictions; None if empty.

    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def reliability(
    truth: Labels, probabilities: Rows, *, labels: Sequence[str], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Return the reliability diagram as a table: confidence and accuracy in bins of equal width over [0, 1].

    For calibrated probabilities, confidence and accuracy are equal in every bin, up to sampling error; confidence above
    accuracy is overconfidence.

    Raises:
        UsageError: bins below 1.
        RunError: empty input, shapes that differ, or rows that are not probabilities.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> table = reliability(["joy", "fear"], [[0.1, 0.9], [0.2, 0.8]], labels=["fear", "joy"], bins=2)
        >>> [(found.n, found.accuracy) for found in table]
        [(0, None), (2, 0.5)]

    Reference:
        DeGroot, Fienberg: The comparison and evaluation of forecasters. The Statistician 32, 1983, 12-22.

    """
    if bins < 1:
        raise UsageError(f"bins is {bins}; it must be 1 or more")
    codes, rows = codes_and_probabilities(truth, probabilities, labels=labels)
    confidence = np.minimum(rows.max(axis=1), 1.0)  # rows sum to 1 within 1e-6, so a single value may exceed 1
    correct = (rows.argmax(axis=1) == codes).astype(np.float64)
    edges = np.linspace(0.0, 1.0, bins + 1)
    position = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(position, minlength=bins)
    confidences = np.bincount(position, weights=confidence, minlength=bins)
    rights = np.bincount(position, weights=correct, minlength=bins)
    return tuple(
        ReliabilityBin(
            float(edges[index]),
            float(edges[index + 1]),
            n=int(n),
            confidence=float(confidences[index] / n) if n else None,
            accuracy=float(rights[index] / n) if n else None,
        )
        for index, n in enumerate(counts)
    )


def expected_calibration_error(truth: Labels, probabilities: Rows, *, labels: Sequence[str], bins: int = BINS) -> float:
    """Return ECE in [0, 1]: the mean absolute difference between confidence and accuracy.

    ECE = sum over bins b of n_b / n * |accuracy_b - confidence_b|, with the bins of `reliability`. It depends on the
    number of bins, and its bias is positive for few entries.

    Raises:
        UsageError: bins below 1.
        RunError: empty input, shapes that differ, or rows that are not probabilities.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> round(expected_calibration_error(["joy", "fear"], [[0.1, 0.9], [0.2, 0.8]], labels=["fear", "joy"],
        ...                                  bins=2), 4)
        0.35

    Reference:
        Naeini, Cooper, Hauskrecht: Obtaining well calibrated probabilities using Bayesian binning. Proc. AAAI 2015,
        2901-2907; Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks. Proc. ICML 2017, 1321-1330.

    """
    table = reliability(truth, probabilities, labels=labels, bins=bins)
    gaps = [
        found.n * abs(found.accuracy - found.confidence)
        for found in table
        if found.accuracy is not None and found.confidence is not None
    ]
    return float(sum(gaps) / len(truth))


def brier_score(truth: Labels, probabilities: Rows, *, labels: Sequence[str]) -> float:
    """Return the Brier score in [0, 2]: the mean squared error of the probabilities; 0 is perfect.

    Brier = 1/n * sum over entries i and labels k of (p_ik - [truth of i is k])^2, as Brier defined it. With two
    labels it is twice the common binary variant, which considers one label only.

    Raises:
        RunError: empty input, shapes that differ, or rows that are not probabilities.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> brier_score(["joy", "fear"], [[0.5, 0.5], [1.0, 0.0]], labels=["fear", "joy"])
        0.25

    Reference:
        Brier: Verification of forecasts expressed in terms of probability. Monthly Weather Review 78(1), 1950, 1-3.

    """
    codes, rows = codes_and_probabilities(truth, probabilities, labels=labels)
    return float(((rows - np.eye(len(labels))[codes]) ** 2).sum(axis=1).mean())


def log_loss(truth: Labels, probabilities: Rows, *, labels: Sequence[str]) -> float:
    """Return the log loss in nats: the mean negative logarithm of the true label's probability; 0 is perfect.

    Log loss = -1/n * sum over entries i of ln p_i(truth of i). Equal probabilities for K labels give ln K.
    Probabilities are clipped at 2.2e-16 (`SMALLEST`), so that a single 0 does not make the loss infinite.

    Raises:
        RunError: empty input, shapes that differ, or rows that are not probabilities.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> round(log_loss(["joy", "fear"], [[0.5, 0.5], [1.0, 0.0]], labels=["fear", "joy"]), 4)
        0.3466

    Reference:
        Good: Rational decisions. Journal of the Royal Statistical Society B 14(1), 1952, 107-114.

    """
    codes, rows = codes_and_probabilities(truth, probabilities, labels=labels)
    chosen = np.clip(rows[np.arange(len(codes)), codes], SMALLEST, 1.0)
    return float(-np.log(chosen).mean())
