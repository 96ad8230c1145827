"""Detectors, which look for one label, and the decision of any model: a label, and whether it is certain enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OTHER = "other"  # the label for everything that a detector does not look for


def positive_of(labels: Sequence[str]) -> str | None:
    """Return the label that a model with these labels detects, or None if it is not a detector.

    Example:
        >>> positive_of(("anger", "other")), positive_of(("anger", "joy")), positive_of(("anger", "joy", "other"))
        ('anger', None, None)

    """
    if len(labels) != 2 or OTHER not in labels:
        return None
    return next(label for label in labels if label != OTHER)


def decide_label(probabilities: Mapping[str, float], thresholds: Mapping[str, float]) -> tuple[str, bool]:
    """Return the label of these probabilities, and whether it is unsure.

    A detector with a threshold returns the label that it detects where its probability reaches the threshold, and
    `other` everywhere else. All other models return the most probable label, the first of equals. The label is unsure
    where its probability is below its own threshold.

    Args:
        probabilities: by label, in the order of the labels.
        thresholds: by label; may be empty.

    Example:
        >>> decide_label({"anger": 0.3, "other": 0.7}, {"anger": 0.25}), decide_label({"anger": 0.3, "other": 0.7}, {})
        (('anger', False), ('other', False))
        >>> decide_label({"anger": 0.4, "fear": 0.3, "neutral": 0.3}, {"anger": 0.5})
        ('anger', True)

    """
    positive = positive_of(tuple(probabilities))
    if positive is not None and positive in thresholds:
        label = positive if probabilities[positive] >= thresholds[positive] else OTHER
    else:
        label = max(probabilities, key=probabilities.__getitem__)
    return label, probabilities[label] < thresholds.get(label, 0.0)
