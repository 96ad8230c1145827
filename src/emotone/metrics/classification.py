"""How well predicted labels agree with the truth.

Conventions:
    truth comes before prediction; both are sequences of label names of one length. `labels` lists every label that may
    occur, and its order is the order of all per-label results. Nothing to score is an error, never a number.

What is here:
    confusion_matrix, unweighted_average_recall, accuracy, macro_f1, per_class_recall
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.metrics import base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Labels = Sequence[str] | NDArray[np.str_]


def confusion_matrix(truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> NDArray[np.int64]:
    """Return the counts [labels, labels]: row = truth, column = prediction.

    Raises:
        RunError: nothing to score, or lengths that differ.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> confusion_matrix(["joy", "joy", "fear"], ["joy", "fear", "fear"], labels=["fear", "joy"])
        array([[1, 0],
               [1, 1]])

    """
    truth_codes, prediction_codes = base.paired_codes(truth, prediction, labels=labels)
    size = len(labels)
    counts = np.bincount(truth_codes * size + prediction_codes, minlength=size * size)
    return counts.reshape(size, size).astype(np.int64)


def unweighted_average_recall(truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> float:
    """Return UAR in [0, 1]: the mean of the recalls of the labels that are PRESENT in truth.

    UAR = 1/|P| * sum over c in P of (clips of c predicted as c) / (clips of c), P = the labels present in truth.
    A label that `labels` names but truth lacks has no recall and is left out of the mean; predictions of it still
    count as misses of the true label. Guessing uniformly among P gives 1/|P|, whatever the class sizes.

    Raises:
        RunError: nothing to score, or lengths that differ.
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
        RunError: nothing to score, or lengths that differ.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> accuracy(["joy", "joy", "fear", "fear"], ["joy", "fear", "fear", "fear"], labels=["fear", "joy"])
        0.75

    """
    return _score("accuracy", truth, prediction, labels=labels)


def macro_f1(truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> float:
    """Return the mean F1 in [0, 1] over the labels that are present in truth or prediction.

    F1 of a label = 2 TP / (2 TP + FP + FN). A label that occurs in neither has no F1 and is left out; a label that is
    predicted but never true has F1 = 0 and counts.

    Raises:
        RunError: nothing to score, or lengths that differ.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> round(macro_f1(["joy", "joy", "fear"], ["joy", "fear", "fear"], labels=["fear", "joy"]), 4)
        0.6667

    """
    return _score("macro-f1", truth, prediction, labels=labels)


def per_class_recall(truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> dict[str, float]:
    """Return the recall in [0, 1] of each label that is present in truth, in the order of `labels`.

    Raises:
        RunError: nothing to score, or lengths that differ.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> per_class_recall(["joy", "joy", "fear"], ["joy", "fear", "fear"], labels=["calm", "fear", "joy"])
        {'fear': 1.0, 'joy': 0.5}

    """
    matrix = confusion_matrix(truth, prediction, labels=labels).astype(np.float64)
    recalls = base.recalls(matrix)
    return {label: float(recall) for label, recall in zip(labels, recalls, strict=True) if not np.isnan(recall)}


def _score(metric: base.MetricName, truth: Labels, prediction: Labels, *, labels: Sequence[str]) -> float:
    matrix = confusion_matrix(truth, prediction, labels=labels).astype(np.float64)
    return float(base.statistic(metric)(matrix))
