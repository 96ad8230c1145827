"""What a prediction is: a clip, its segments, and the model that said so; or why there is none.

Conventions: times in seconds from the start of the recording, rounded to the millisecond. Probabilities come in the
order of the labels, rounded to `DIGITS`, so that each object sums to 1 within 1e-6 in memory and in every format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from emotone.bundles.detector import decided

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.types import Hertz, Seconds

SCHEMA = "emotone.prediction/1"
DIGITS = 8  # of a probability: with 100 labels the sum is still within 5e-7 of 1
TIME_DIGITS = 3  # milliseconds


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model judged: its SHA-256 names it exactly."""

    name: str
    version: str
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class Segment:
    """What was heard in one stretch.

    Attributes:
        start: seconds.
        end: seconds.
        label: the emotion, or None where nobody speaks, or where the model's thresholds withhold a decision.
        probabilities: of every label, in their order; all equal where nobody speaks.
        speech: whether there was enough speech to judge.

    """

    start: Seconds
    end: Seconds
    label: str | None
    probabilities: Mapping[str, float]
    speech: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "start": self.start,
            "end": self.end,
            "label": self.label,
            "probabilities": dict(self.probabilities),
            "speech": self.speech,
        }


@dataclass(frozen=True, slots=True)
class Clip:
    """The whole recording: its segments with speech together, commonly their mean. Attributes as of a `Segment`."""

    label: str | None
    probabilities: Mapping[str, float]
    speech: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"label": self.label, "probabilities": dict(self.probabilities), "speech": self.speech}


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance with one emotion: speech between two silences, or a part of it where the emotion changes in it.

    Attributes:
        start: seconds.
        end: seconds.
        label: the emotion, or None where the model's thresholds withhold a decision.
        probabilities: of every label, in their order.
        changed: whether the emotion is another one than that of the last utterance before that has a label.

    """

    start: Seconds
    end: Seconds
    label: str | None
    probabilities: Mapping[str, float]
    changed: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "start": self.start,
            "end": self.end,
            "label": self.label,
            "probabilities": dict(self.probabilities),
            "changed": self.changed,
        }


@dataclass(frozen=True, eq=False)
class Segments(Sequence[Segment]):
    """The segments of a recording in order, built when asked for: hours of them stay small.

    Attributes:
        labels: in the order of the columns.
        thresholds: per label, the probability that a decision for it needs.
        starts: seconds [segments].
        ends: seconds [segments].
        speech: [segments].
        probabilities: [segments, labels].

    """

    labels: tuple[str, ...]
    thresholds: Mapping[str, float]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    speech: NDArray[np.bool_]
    probabilities: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Segment: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Segment]: ...
    def __getitem__(self, index: int | slice) -> Segment | Sequence[Segment]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        clip = decide(
            self.probabilities[index], labels=self.labels, thresholds=self.thresholds, speech=bool(self.speech[index])
        )
        return Segment(
            start=round(float(self.starts[index]), TIME_DIGITS),
            end=round(float(self.ends[index]), TIME_DIGITS),
            label=clip.label,
            probabilities=clip.probabilities,
            speech=clip.speech,
        )

    def __iter__(self) -> Iterator[Segment]:
        return (self[index] for index in range(len(self)))

    @classmethod
    def joined(cls, parts: Sequence[Segments]) -> Segments:
        """Return the segments of parts of one recording, at least one, in their order."""
        import numpy as np

        if len(parts) == 1:
            return parts[0]
        columns = ("starts", "ends", "speech", "probabilities")
        return cls(
            parts[0].labels,
            parts[0].thresholds,
            *(np.concatenate([getattr(part, name) for part in parts]) for name in columns),
        )


@dataclass(frozen=True)
class Prediction:
    """What one recording sounds like, over time and as a whole.

    Attributes:
        file: the recording as it was named; `-` for standard input, None for samples.
        duration: seconds.
        rate: hertz of the recording.
        model: which model judged.
        labels: emotion names in the order of the probabilities.
        clip: the whole recording.
        segments: a lazy sequence.
        utterances: speech in order, one emotion each; none where nobody speaks.

    Example:
        >>> import emotone
        >>> p = emotone.predict("call.wav")  # doctest: +SKIP
        >>> p.clip.label, p.clip.probabilities["anger"], p.segments[0].start  # doctest: +SKIP
        ('anger', 0.81, 0.0)

    """

    file: str | None
    duration: Seconds
    rate: Hertz
    model: ModelInfo
    labels: tuple[str, ...]
    clip: Clip
    segments: Sequence[Segment]
    utterances: Sequence[Spoken] = ()

    def head(self) -> dict[str, Any]:
        """Return the JSON object without its segments and utterances."""
        return {
            "schema": SCHEMA,
            "file": self.file,
            "duration": self.duration,
            "rate": self.rate,
            "model": {
                "name": self.model.name,
                "version": self.model.version,
                "sha256": self.model.sha256,
                "licence": self.model.licence,
            },
            "labels": list(self.labels),
            "clip": self.clip.to_dict(),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object `emotone.prediction/1`."""
        return {
            **self.head(),
            "segments": [segment.to_dict() for segment in self.segments],
            "utterances": [utterance.to_dict() for utterance in self.utterances],
        }

    def save(self, path: str | Path) -> None:
        """Write the prediction in the format that the suffix names: .json, .csv, .txt, .TextGrid, .vtt ...

        Raises:
            UnknownNameError: no format has this suffix.
            OutputError: the file can't be written.
            MissingExtraError: the format needs a package that is not installed.

        """
        from emotone.inference.formats import save

        save(self, path)


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording that could not be judged.

    Attributes:
        file: as it was named.
        code: a short word that scripts can test: `not_audio`, `missing_file`, `too_short` ...
        message: one line: what, given, and how to mend it.

    """

    file: str
    code: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"schema": SCHEMA, "file": self.file, "error": {"code": self.code, "message": self.message}}


def decide(
    probabilities: NDArray[np.float64], *, labels: tuple[str, ...], thresholds: Mapping[str, float], speech: bool
) -> Clip:
    """Return the decision for probabilities [labels]: as `emotone.bundles.detector.decided` says, unless nobody speaks.

    Where thresholds withhold it, the label is None and `speech` is True.
    """
    by_label = {label: round(value, DIGITS) for label, value in zip(labels, probabilities.tolist(), strict=True)}
    return Clip(label=decided(by_label, thresholds) if speech else None, probabilities=by_label, speech=speech)


def model_info(bundle: Bundle) -> ModelInfo:
    """Return what a prediction tells about its model."""
    manifest = bundle.manifest
    return ModelInfo(name=manifest.name, version=manifest.version, sha256=bundle.sha256, licence=manifest.licence)


def from_dict(values: Mapping[str, Any]) -> Prediction | Failure:
    """Return the prediction or failure that `to_dict` wrote; the inverse of it, for results that emotone saved."""
    if "error" in values:
        return Failure(values["file"], values["error"]["code"], values["error"]["message"])
    return Prediction(
        file=values["file"],
        duration=values["duration"],
        rate=values["rate"],
        model=ModelInfo(**values["model"]),
        labels=tuple(values["labels"]),
        clip=Clip(**values["clip"]),
        segments=[Segment(**segment) for segment in values["segments"]],
        utterances=[Spoken(**utterance) for utterance in values.get("utterances", ())],
    )
