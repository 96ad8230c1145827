"""Detectors, which have one positive label: which label it is, and the decision of a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OTHER = "other"  # the negative label in label sets


def positive_of(labels: Sequence[str]) -> str | None:
    """Return the positive label of a system with these labels, or None if it is not a detector.

    Example:
        >>> positive_of(("anger", "other")), positive_of(("anger", "joy")), positive_of(("anger", "joy", "other"))
        ('anger', None, None)

    """
    if len(labels) != 2 or OTHER not in labels:
        return None
    return next(label for label in labels if label != OTHER)


def decided(probabilities: Mapping[str, float], thresholds: Mapping[str, float]) -> str | None:
    """Return the decided label, or None if its probability is below its threshold.

    A detector with a threshold decides for its positive label if that reaches the threshold, and for `other` otherwise.
    All other systems decide for the most probable label, the first of equals, if it reaches its threshold.

    Args:
        probabilities: by label, in the order of the labels.
        thresholds: by label; may be empty.

    Example:
        >>> decided({"anger": 0.3, "other": 0.7}, {"anger": 0.25}), decided({"anger": 0.3, "other": 0.7}, {})
        ('anger', 'other')

    """
    positive = positive_of(tuple(probabilities))
    if positive is not None and positive in thresholds:
        if probabilities[positive] >= thresholds[positive]:
            return positive
        label = OTHER
    else:
        label = max(probabilities, key=probabilities.__getitem__)
    return label if probabilities[label] >= thresholds.get(label, 0.0) else None
