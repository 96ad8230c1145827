"""The colours of emotions, in text and in pictures.

The seven emotions of the shipped models differ by a CIE76 distance of at least 25 from each other, with normal vision
and with simulated protanopia, deuteranopia and tritanopia. Colour is never the only sign: text and pictures also
contain the names.
"""

from __future__ import annotations

COLOURS = {
    "anger": "#b0002f",
    "boredom": "#a6761d",
    "calm": "#66c2a5",
    "contempt": "#8c510a",
    "disgust": "#48c68d",
    "excitement": "#ff7f00",
    "fear": "#aa4cbc",
    "frustration": "#e7298a",
    "happiness": "#e1c300",
    "neutral": "#7a737f",
    "sadness": "#453af6",
    "surprise": "#da8039",
}
OTHERS = ("#1f78b4", "#b15928", "#33a02c", "#6a3d9a", "#e31a1c", "#ff7f00")
"""For labels that are no known emotion."""


def colour(label: str, *, labels: tuple[str, ...]) -> str:
    """Return the colour of a label, `#rrggbb`.

    Args:
        label: an emotion, or another label of a model.
        labels: all labels of the model; they select the colour of a label that is no known emotion.

    Example:
        >>> colour("anger", labels=("anger", "other"))
        '#b0002f'

    """
    if label in COLOURS:
        return COLOURS[label]
    unknown = [one for one in labels if one not in COLOURS]
    return OTHERS[unknown.index(label) % len(OTHERS)] if label in unknown else OTHERS[0]
