"""Valence and arousal of a result, derived from the probabilities of its categories.

No model estimates them. Each category has a published position, and a result has the mean of the positions of all
categories, weighted by their probabilities. Two results with equal probabilities have equal values, so valence and
arousal contain nothing that the probabilities don't; a result that is unsure is near the centre of the positions.
They are useful for plots over time and for programs that expect these two dimensions, and are no substitute for a model
that was trained on ratings of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import fsum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DIGITS = 6  # of a value: it agrees between files and sessions about as well as probabilities do
COLUMNS = ("derived_valence", "derived_arousal")
"""Columns of tables."""


@dataclass(frozen=True, slots=True)
class Affect:
    """A position in the plane of valence and arousal.

    Attributes:
        valence: from -1, unpleasant, to 1, pleasant.
        arousal: from -1, passive, to 1, active.

    """

    valence: float
    arousal: float


POSITIONS: Mapping[str, Affect] = {
    "anger": Affect(-0.51, 0.59),  # angry
    "boredom": Affect(-0.65, -0.62),  # bored
    "calm": Affect(0.68, -0.46),  # relaxed; the list has no "calm"
    "contempt": Affect(-0.23, 0.31),  # contempt
    "disgust": Affect(-0.60, 0.35),  # disgusted
    "excitement": Affect(0.62, 0.75),  # excited
    "fear": Affect(-0.64, 0.60),  # fearful
    "frustration": Affect(-0.64, 0.52),  # frustrated
    "happiness": Affect(0.81, 0.51),  # happy
    "neutral": Affect(0.0, 0.0),  # by definition; the list has no "neutral"
    "sadness": Affect(-0.63, -0.27),  # sad
    "surprise": Affect(0.40, 0.67),  # surprised
}
"""Canonical emotion -> mean rating of the state that the comment names, on scales from -1 to 1.

The values are the means of pleasure and arousal in the list of 151 states of J. A. Russell and A. Mehrabian: Evidence
for a three-factor theory of emotions. Journal of Research in Personality 11, 273-294, 1977. They were not compared with
the printed article. They were compared with programs that quote its list: at least two agree on each value, except for
contempt, which was found in one only.
"""


class WithAffect:
    """A result with probabilities, which has a valence and an arousal derived from them."""

    __slots__ = ()

    label: str | None
    probabilities: Mapping[str, float]

    @property
    def derived(self) -> Affect | None:
        """Valence and arousal, derived from the probabilities; None without speech, or if a label has no position."""
        return None if self.label is None else derive_affect(self.probabilities)


def derive_affect(probabilities: Mapping[str, float]) -> Affect | None:
    """Return the mean position of the labels, weighted by their probabilities: the sum of p * position.

    It is None if a label has no position, such as `other` of a detector.

    Args:
        probabilities: label -> probability; they sum to 1. Only canonical emotions have positions.

    Example:
        >>> derive_affect({"anger": 0.5, "neutral": 0.5})
        Affect(valence=-0.255, arousal=0.295)
        >>> derive_affect({"anger": 0.5, "other": 0.5})

    """
    if not probabilities.keys() <= POSITIONS.keys():
        return None
    weighted = [(probability, POSITIONS[label]) for label, probability in probabilities.items()]
    return Affect(
        valence=_rounded(fsum(weight * position.valence for weight, position in weighted)),
        arousal=_rounded(fsum(weight * position.arousal for weight, position in weighted)),
    )


def affect_object(affect: Affect | None) -> dict[str, Any] | None:
    """Return the JSON object `derived` of a result."""
    return None if affect is None else asdict(affect)


def affect_cells(affect: Affect | None) -> tuple[float | None, float | None]:
    """Return a result's cells of a table, in the order of `COLUMNS`."""
    return (None, None) if affect is None else (affect.valence, affect.arousal)


def _rounded(value: float) -> float:
    return round(value, DIGITS) + 0.0  # no -0.0
