"""How well a score tells what is there from what is not, at every threshold and at a chosen one.

Conventions:
    truth comes before scores; truth is True where the thing is there (a positive), and a larger score means that it is
    more likely there. A threshold t calls everything positive whose score is at least t. With P positives and N
    negatives, at t:  true positive rate = positives called / P,  false positive rate = negatives called / N,
    miss rate = 1 - true positive rate. With one class only, all of these are undefined: an error, never a number.

What is here:
    auroc, auroc_by_label, roc_curve, threshold_at, equal_error_rate
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import UsageError
from emotone.metrics.inputs import codes_and_probabilities, flags_and_scores, midranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.metrics.inputs import Flags, Numbers, Rows


@dataclass(frozen=True, eq=False)
class RocCurve:
    """What every threshold gives, from the one that calls nothing positive to the one that calls everything so.

    Attributes:
        false_positive_rate: [points], rising from 0 to 1.
        true_positive_rate: [points], rising from 0 to 1.
        thresholds: [points], falling; the first is infinite, the others are the different scores.

    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    thresholds: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One threshold and what it gives.

    Attributes:
        threshold: scores at least this large are called positive; infinite where nothing may be.
        false_positive_rate: in [0, 1].
        true_positive_rate: in [0, 1].

    """

    threshold: float
    false_positive_rate: float
    true_positive_rate: float


@dataclass(frozen=True, slots=True)
class EqualErrorRate:
    """The error rate where false alarms and misses are equally frequent.

    Attributes:
        rate: in [0, 1].
        threshold: the largest score that, as a threshold, gives at least as many false alarms as misses (as rates).

    """

    rate: float
    threshold: float


def auroc(truth: Flags, scores: Numbers) -> float:
    """Return the area under the ROC curve in [0, 1]: how often a positive scores above a negative.

    AU-ROC = P(score of a positive > score of a negative) + P(they are equal) / 2, over all pairs of the two
           = (R - P (P + 1) / 2) / (P N),   R = the sum of the positives' ranks, equal scores sharing their mean rank,
    which is the Mann-Whitney U statistic over P N. Guessing gives 0.5, and so does a constant score.

    Args:
        truth: whether each entry is positive, [n].
        scores: [n]; minus infinity is allowed, as the lowest of all.

    Raises:
        RunError: nothing to score, lengths that differ, a score that is NaN or infinite, or one class only.

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

    A label that is never true, or always, has no AU-ROC and is left out.

    Args:
        truth: label names [n].
        probabilities: [n, labels].
        labels: names of the columns.

    Raises:
        RunError: nothing to score, shapes that differ, or rows that are no probabilities.
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
    """Return the ROC curve: one point for each different score, after one that calls nothing positive.

    Equal scores are called together, so a tie of positives and negatives is one slanted step. The area under the
    straight lines between the points is `auroc`.

    Raises:
        RunError: nothing to score, lengths that differ, a score that is NaN or infinite, or one class only.

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
    called = np.bincount(inverse.reshape(-1), minlength=size)[::-1].cumsum()
    negatives = called - positives
    return RocCurve(
        np.concatenate([[0.0], negatives / negatives[-1]]),
        np.concatenate([[0.0], positives / positives[-1]]),
        np.concatenate([[np.inf], different[::-1]]),
    )


def threshold_at(truth: Flags, scores: Numbers, *, false_positive_rate: float) -> OperatingPoint:
    """Return the lowest threshold whose false positive rate is at most the given one, and what it gives.

    The threshold is one of the scores, so the rate that it gives can be lower than the one that was allowed. Choose it
    on data that is not tested on: chosen and judged on the same data, it flatters.

    Args:
        truth: whether each entry is positive, [n].
        scores: [n].
        false_positive_rate: the most that is allowed, in [0, 1].

    Raises:
        UsageError: a rate outside [0, 1].
        RunError: nothing to score, lengths that differ, a score that is NaN or infinite, or one class only.

    Example:
        >>> threshold_at([False, True, False, True], [0.1, 0.4, 0.3, 0.8], false_positive_rate=0.25)
        OperatingPoint(threshold=0.4, false_positive_rate=0.0, true_positive_rate=1.0)

    """
    if not 0 <= false_positive_rate <= 1:
        raise UsageError(f"the false positive rate is {false_positive_rate}; give a share between 0 and 1")
    curve = roc_curve(truth, scores)
    last = int(np.searchsorted(curve.false_positive_rate, false_positive_rate, side="right")) - 1
    return OperatingPoint(
        float(curve.thresholds[last]), float(curve.false_positive_rate[last]), float(curve.true_positive_rate[last])
    )


def equal_error_rate(truth: Flags, scores: Numbers) -> EqualErrorRate:
    """Return the rate in [0, 1] at which false positive rate and miss rate are equal.

    It is where the ROC curve, with straight lines between its points, meets  true positive rate = 1 - false positive
    rate. Let g = false positive rate - miss rate, which rises from -1 to 1 along the curve; between the last point a
    with g < 0 and the next point b, the rate is  FPR_a + (FPR_b - FPR_a) * (-g_a) / (g_b - g_a).

    Raises:
        RunError: nothing to score, lengths that differ, a score that is NaN or infinite, or one class only.

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
