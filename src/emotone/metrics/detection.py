"""Detection metrics: AU-ROC, ROC curve, operating points and equal error rate.

Conventions:
    truth comes before scores; truth is True for a positive, and a larger score means that a positive is more likely.
    At threshold t, entries with a score of at least t are detected. With P positives and N negatives, at t:
    true positive rate = detected positives / P,  false positive rate = detected negatives / N,  and
    miss rate = 1 - true positive rate. With one class only, all of these are undefined and raise an error.

Contents:
    auroc, auroc_by_label, roc_curve, threshold_at, alarm_threshold, equal_error_rate
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import UsageError
from emotone.metrics.classification import codes_and_probabilities, flags_and_scores, midranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.metrics.classification import Flags, Numbers, Rows


@dataclass(frozen=True, eq=False)
class RocCurve:
    """The ROC curve: false and true positive rate at every threshold, in decreasing order.

    Attributes:
        false_positive_rate: [points], rising from 0 to 1.
        true_positive_rate: [points], rising from 0 to 1.
        thresholds: [points], decreasing; the first is infinite, the others are the distinct scores.

    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold with its false and true positive rate.

    Attributes:
        threshold: scores of at least this value are detected; infinite if nothing may be.
        false_positive_rate: in [0, 1].
        true_positive_rate: in [0, 1].

    """

    threshold: float
    false_positive_rate: float
    true_positive_rate: float


@dataclass(frozen=True, slots=True)
class EqualErrorRate:
    """The error rate at which false positive rate and miss rate are equal.

    Attributes:
        rate: in [0, 1].
        threshold: the largest score at which the false positive rate is at least the miss rate.

    """

    rate: float
    threshold: float


def auroc(truth: Flags, scores: Numbers) -> float:
    """Return the area under the ROC curve in [0, 1]: the probability that a positive scores above a negative.

    AU-ROC = P(score of a positive > score of a negative) + P(they are equal) / 2, over all pairs of the two
           = (R - P (P + 1) / 2) / (P N),   R = the sum of the positives' ranks (ties: mean rank),
    which is the Mann-Whitney U statistic over P N. Guessing gives 0.5, and so does a constant score.

    Args:
        truth: whether each entry is positive, [n].
        scores: [n]; minus infinity is allowed as the lowest score.

    Raises:
        RunError: empty input, lengths that differ, a score that is NaN or infinite, or one class only.

    Example:
        >>> auroc([False, True, False, True], [0.1, 0.4, 0.4, 0.8])
        0.875

    Reference:
        Hanley, McNeil: The meaning and use of the area under a receiver operating characteristic (ROC) curve.
        Radiology 143(1), 1982, 29-36.

    """
    flags, values = flags_and_scores(truth, scores)
    positives = int(flags.sum())
    above = midranks(values)[flags].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(flags) - positives)))


def auroc_by_label(
    truth: Sequence[str] | NDArray[np.str_], probabilities: Rows, *, labels: Sequence[str]
) -> dict[str, float]:
    """Return the AU-ROC of each label against all others, scored by its probability, in the order of `labels`.

    A label that is never or always true has no AU-ROC and is excluded.

    Args:
        truth: label names [n].
        probabilities: [n, labels].
        labels: names of the columns.

    Raises:
        RunError: empty input, shapes that differ, or rows that are not probabilities.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> auroc_by_label(["joy", "fear"], [[0.2, 0.8, 0.0], [0.7, 0.3, 0.0]], labels=["fear", "joy", "calm"])
        {'fear': 1.0, 'joy': 1.0}

    """
    codes, rows = codes_and_probabilities(truth, probabilities, labels=labels)
    present = np.unique(codes)
    if len(present) == 1:
        return {}
    return {labels[code]: auroc(codes == code, rows[:, code]) for code in present}


def roc_curve(truth: Flags, scores: Numbers) -> RocCurve:
    """Return the ROC curve: one point per distinct score, after a first point at (0, 0).

    A tie of positives and negatives gives one diagonal step. The area under the straight lines between the points is
    `auroc`.

    Raises:
        RunError: empty input, lengths that differ, a score that is NaN or infinite, or one class only.

    Example:
        >>> curve = roc_curve([False, True, False, True], [0.1, 0.4, 0.4, 0.8])
        >>> curve.false_positive_rate, curve.true_positive_rate, curve.thresholds
        (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. ]), array([inf, 0.8, 0.4, 0.1]))

    Reference:
        Fawcett: An introduction to ROC analysis. Pattern Recognition Letters 27(8), 2006, 861-874.

    """
    flags, values = flags_and_scores(truth, scores)
    different, inverse = np.unique(values, return_inverse=True)
    size = len(different)
    positives = np.bincount(inverse.reshape(-1), weights=flags, minlength=size)[::-1].cumsum()
    detected = np.bincount(inverse.reshape(-1), minlength=size)[::-1].cumsum()
    negatives = detected - positives
    return RocCurve(
        np.concatenate([[0.0], negatives / negatives[-1]]),
        np.concatenate([[0.0], positives / positives[-1]]),
        np.concatenate([[np.inf], different[::-1]]),
    )


def threshold_at(truth: Flags, scores: Numbers, *, false_positive_rate: float) -> OperatingPoint:
    """Return the operating point at the lowest threshold whose false positive rate does not exceed the given one.

    The threshold is one of the scores, so its false positive rate may be lower than the given one. Choose it on data
    that is not tested on: on the same data, its rates are too optimistic.

    Args:
        truth: whether each entry is positive, [n].
        scores: [n].
        false_positive_rate: the maximum, in [0, 1].

    Raises:
        UsageError: a rate outside [0, 1].
        RunError: empty input, lengths that differ, a score that is NaN or infinite, or one class only.

    Example:
        >>> threshold_at([False, True, False, True], [0.1, 0.4, 0.3, 0.8], false_positive_rate=0.25)
        OperatingPoint(threshold=0.4, false_positive_rate=0.0, true_positive_rate=1.0)

    """
    if not 0 <= false_positive_rate <= 1:
        raise UsageError(f"the false positive rate is {false_positive_rate}; it must lie between 0 and 1")
    curve = roc_curve(truth, scores)
    last = int(np.searchsorted(curve.false_positive_rate, false_positive_rate, side="right")) - 1
    return OperatingPoint(
        float(curve.thresholds[last]), float(curve.false_positive_rate[last]), float(curve.true_positive_rate[last])
    )


def alarm_threshold(scores: NDArray[np.float64], corpora: NDArray[np.str_], *, rate: float) -> float:
    """Return the lowest threshold, in 4 digits, at which the mean of the corpora's false alarm rates is at most `rate`.

    Args:
        scores: of rows without the label [rows], in [0, 1].
        corpora: of the rows [rows].
        rate: in [0, 1].

    Example:
        >>> alarm_threshold(np.array([0.1, 0.2, 0.3, 0.9]), np.array(["a", "a", "a", "b"]), rate=0.5)
        0.3001

    """
    thresholds = np.append(np.floor(np.unique(scores) * 1e4) / 1e4 + 1e-4, 0.0)
    thresholds.sort()
    rates = [
        1 - np.searchsorted(np.sort(scores[corpora == corpus]), thresholds) / (corpora == corpus).sum()
        for corpus in np.unique(corpora)
    ]
    allowed = np.mean(rates, axis=0) <= rate
    return min(round(float(thresholds[np.argmax(allowed)]), 4), 1.0)


def equal_error_rate(truth: Flags, scores: Numbers) -> EqualErrorRate:
    """Return the rate in [0, 1] at which false positive rate and miss rate are equal.

    It is the point where the ROC curve, interpolated linearly, meets  true positive rate = 1 - false positive rate. Let
    g = false positive rate - miss rate, which rises from -1 to 1 along the curve. Between the last point a with g < 0
    and the next point b, the rate is  FPR_a + (FPR_b - FPR_a) * (-g_a) / (g_b - g_a).

    Raises:
        RunError: empty input, lengths that differ, a score that is NaN or infinite, or one class only.

    Example:
        >>> equal_error_rate([False, False, True, True], [0.1, 0.6, 0.4, 0.8])
        EqualErrorRate(rate=0.5, threshold=0.6)

    Reference:
        Martin, Doddington, Kamm, Ordowski, Przybocki: The DET curve in assessment of detection task performance.
        Proc. Eurospeech 1997, 1895-1898.

    """
    curve = roc_curve(truth, scores)
    gap = curve.false_positive_rate - (1 - curve.true_positive_rate)
    after = int(np.argmax(gap >= 0))  # at least 1: the first point's gap is -1
    start, end = curve.false_positive_rate[after - 1 : after + 1]
    rate = start + (end - start) * -gap[after - 1] / (gap[after] - gap[after - 1])
    return EqualErrorRate(float(rate), float(curve.thresholds[after]))
