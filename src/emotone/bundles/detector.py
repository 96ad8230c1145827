"""Systems that look for one label: what they look for, and when a threshold says that it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OTHER = "other"  # what label sets call everything that is not looked for


def positive_of(labels: Sequence[str]) -> str | None:
    """Return the label that a system with these labels looks for, or None where it is no detector.

    Example:
        >>> positive_of(("anger", "other")), positive_of(("anger", "joy")), positive_of(("anger", "joy", "other"))
        ('anger', None, None)

    """
    if len(labels) != 2 or OTHER not in labels:
        return None
    return next(label for label in labels if label != OTHER)


def decided(probabilities: Mapping[str, float], thresholds: Mapping[str, float]) -> str | None:
    """Return the label to name, or None where the thresholds withhold a decision.

    A detector with a threshold names what it looks for where that reaches the threshold, wherever it lies, and `other`
    everywhere else. All other systems name the most probable label, the first of equals, if it reaches its threshold.

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
