"""Names, times and the colours of emotions, as people read them in text and in pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emotone.types import Seconds

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


def clock(seconds: Seconds) -> str:
    """Return minutes, seconds and tenths, with hours where there are any.

    Example:
        >>> clock(3.51), clock(3725)
        ('0:03.5', '1:02:05.0')

    """
    tenths = round(seconds * 10)
    hours, minutes = divmod(tenths // 600, 60)
    rest = f"{tenths % 600 / 10:04.1f}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def printable(text: str) -> str:
    r"""Return the text on one line, with unprintable characters replaced by question marks.

    The name of a file can contain bytes that move the cursor or that are not text.

    Example:
        >>> printable("a\x1b[2Jb\n.wav")
        'a?[2Jb?.wav'

    """
    return "".join(character if character.isprintable() else "?" for character in text)


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
