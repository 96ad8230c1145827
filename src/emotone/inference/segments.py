"""The parts of a prediction: their labels, their probabilities, and the valence and arousal derived from these.

Times are in seconds from the start of the recording, rounded to the millisecond. Probabilities are in the order of the
labels, rounded to `DIGITS`, so that those of each object sum to 1 within 1e-6 in memory and in every format.

A detector looks for one label. The decision of any model is a label, and whether it is certain enough. Segments are
stored as arrays, for hours of audio; items are made when they are accessed.

Valence and arousal. No model estimates them. Each category has a published position, and a result has the mean of the
positions of all categories, weighted by their probabilities. Two results with equal probabilities have equal values, so
valence and arousal contain nothing that the probabilities don't; a result that is unsure is near the centre of the
positions. They are useful for plots over time and for programs that expect these two dimensions, and are no substitute
for a model that was trained on ratings of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import fsum
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from emotone.types import Seconds

DIGITS = 8  # of a probability: with 100 labels the sum is still within 5e-7 of 1
TIME_DIGITS = 3  # milliseconds
AFFECT_DIGITS = 6  # of a value: it agrees between files and sessions about as well as probabilities do
NOVELTY_DIGITS = 4  # of a share of training recordings
AFFECT_COLUMNS = ("derived_valence", "derived_arousal")
"""Columns of tables."""

OTHER = "other"  # the label for everything that a detector does not look for


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
        valence=_rounded_affect(fsum(weight * position.valence for weight, position in weighted)),
        arousal=_rounded_affect(fsum(weight * position.arousal for weight, position in weighted)),
    )


def affect_object(affect: Affect | None) -> dict[str, Any] | None:
    """Return the JSON object `derived` of a result."""
    return None if affect is None else asdict(affect)


def affect_cells(affect: Affect | None) -> tuple[float | None, float | None]:
    """Return a result's cells of a table, in the order of `AFFECT_COLUMNS`."""
    return (None, None) if affect is None else (affect.valence, affect.arousal)


def _rounded_affect(value: float) -> float:
    return round(value, AFFECT_DIGITS) + 0.0  # no -0.0


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


@dataclass(frozen=True, slots=True)
class Segment(WithAffect):
    """The result of one window of an utterance.

    Attributes:
        start: seconds.
        end: seconds.
        label: the emotion.
        probabilities: of every label, in their order.
        speech: True: only speech is analysed.

    """

    start: Seconds
    end: Seconds
    label: str
    probabilities: Mapping[str, float]
    speech: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {**asdict(self), "derived": affect_object(self.derived)}


@dataclass(frozen=True, slots=True)
class Clip(WithAffect):
    """The result of a whole recording: the mean of its utterances, weighted by duration.

    Attributes:
        label: the emotion, or None where there is no speech.
        confidence: probability of the label, or None where there is no speech.
        unsure: whether the confidence is below the model's threshold for the label.
        probabilities: of every label, in their order; all equal where there is no speech.
        speech: whether there is speech.
        novelty: how unlike the model's training data the speech sounds: the share of recordings by new speakers of the
            training corpora that are more like it. Above .9, another room, microphone or language is likely, and with
            it more errors. None without speech, and for models that don't measure it.

    """

    label: str | None
    confidence: float | None
    unsure: bool
    probabilities: Mapping[str, float]
    speech: bool
    novelty: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {**asdict(self), "derived": affect_object(self.derived)}


@dataclass(frozen=True, slots=True)
class UtteranceSegment(WithAffect):
    """Speech with one emotion: an utterance, or a section of it where the emotion changes within it.

    Attributes:
        start: seconds.
        end: seconds.
        label: the emotion.
        unsure: whether the probability of the label is below the model's threshold for it.
        probabilities: of every label, in their order.
        changed: whether the label differs from that of the preceding one.

    """

    start: Seconds
    end: Seconds
    label: str
    unsure: bool
    probabilities: Mapping[str, float]
    changed: bool

    @property
    def confidence(self) -> float:
        """Probability of the label."""
        return self.probabilities[self.label]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {**asdict(self), "derived": affect_object(self.derived)}


def rounded(probabilities: NDArray[np.float64], *, labels: tuple[str, ...]) -> dict[str, float]:
    """Return probabilities [labels] by label, as results state them."""
    return {label: round(value, DIGITS) for label, value in zip(labels, probabilities.tolist(), strict=True)}


def decide(
    probabilities: NDArray[np.float64],
    *,
    labels: tuple[str, ...],
    thresholds: Mapping[str, float],
    speech: bool,
    novelty: float | None = None,
) -> Clip:
    """Return the result for probabilities [labels]; see `decide_label`."""
    by_label = rounded(probabilities, labels=labels)
    if not speech:
        return Clip(label=None, confidence=None, unsure=True, probabilities=by_label, speech=False)
    label, unsure = decide_label(by_label, thresholds)
    return Clip(
        label=label,
        confidence=by_label[label],
        unsure=unsure,
        probabilities=by_label,
        speech=True,
        novelty=None if novelty is None else round(novelty, NOVELTY_DIGITS),
    )


@dataclass(frozen=True, eq=False)
class Segments(Sequence[Segment]):
    """The segments of one recording, as a sequence.

    Attributes:
        labels: emotion names in the order of the probabilities.
        thresholds: by label, as of a bundle.
        starts: seconds [segments].
        ends: seconds [segments].
        probabilities: [segments, labels].
        outputs: of the network [segments, values]: embeddings if the bundle has a head, otherwise logits.

    """

    labels: tuple[str, ...]
    thresholds: Mapping[str, float]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    outputs: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Segment: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Segment]: ...
    def __getitem__(self, index: int | slice) -> Segment | Sequence[Segment]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        by_label = rounded(self.probabilities[index], labels=self.labels)
        return Segment(
            start=round(float(self.starts[index]), TIME_DIGITS),
            end=round(float(self.ends[index]), TIME_DIGITS),
            label=decide_label(by_label, self.thresholds)[0],
            probabilities=by_label,
        )

    def __iter__(self) -> Iterator[Segment]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_equal, self, other))

    __hash__ = None  # type: ignore[assignment]  # arrays can change

    def __repr__(self) -> str:
        return f"<{len(self)} segment{'' if len(self) == 1 else 's'}>"

    @classmethod
    def joined(cls, parts: Sequence[Segments]) -> Segments:
        """Return the segments of consecutive parts of one recording, at least one part."""
        import numpy as np

        if len(parts) == 1:
            return parts[0]
        columns = ("starts", "ends", "probabilities", "outputs")
        arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in columns)
        return cls(parts[0].labels, parts[0].thresholds, *arrays)


def _equal(one: Segment, other: object) -> bool:
    return one == other
