"""Predictions: the clip, its utterances and segments, and the model that made them; or why there is no prediction.

Times are in seconds from the start of the recording, rounded to the millisecond. Probabilities are in the order of the
labels, rounded to `DIGITS`, so that those of each object sum to 1 within 1e-6 in memory and in every format. Valence
and arousal (`derived`) are computed from them when they are asked for; see `emotone.inference.segments`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from emotone.errors import missing_extra
from emotone.inference.saving import save
from emotone.inference.segments import AFFECT_COLUMNS, Clip, Segment, UtteranceSegment, affect_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from emotone.inference.buffers import Envelope
    from emotone.types import Hertz, Seconds

SCHEMA = "emotone.prediction/1"
Channel: TypeAlias = int | Literal["mix"]
Selection: TypeAlias = int | Literal["mix", "each"]
"""Channels to analyse: one, counted from 0; the mean of all; or each one by itself."""
Rows: TypeAlias = Literal["utterances", "segments", "clips"]
Cell: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model that made a prediction; its SHA-256 identifies it exactly."""

    name: str
    version: str
    sha256: str
    licence: str


@dataclass(frozen=True)
class Prediction:
    """The emotions in one recording, over time and as a whole.

    Attributes:
        file: the recording as it was named; `-` for standard input, None for samples.
        duration: seconds.
        rate: hertz of the recording.
        model: the model that made the prediction.
        labels: emotion names in the order of the probabilities.
        clip: the whole recording.
        segments: a lazy sequence of the windows.
        utterances: speech in order, with one emotion each; empty where there is no speech.
        channel: the channel that was analysed, or "mix" for the mean of all.
        adapted: whether the model was adapted to the recording or to others without labels.
        notes: what the reader should know about how the recording was read.
        envelope: the waveform, summarised for pictures; None if the prediction was read from JSON or comes from another
            process. It is not part of the JSON object and not compared.

    Example:
        >>> import emotone
        >>> p = emotone.predict("call.wav")  # doctest: +SKIP
        >>> p.clip.label, p.clip.probabilities["anger"], p.utterances[0].start  # doctest: +SKIP
        ('anger', 0.81, 0.0)

    """

    file: str | None
    duration: Seconds
    rate: Hertz
    model: ModelInfo
    labels: tuple[str, ...]
    clip: Clip
    segments: Sequence[Segment]
    utterances: Sequence[UtteranceSegment] = ()
    channel: Channel = "mix"
    adapted: bool = False
    notes: tuple[str, ...] = ()
    envelope: Envelope | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        share = "" if self.clip.confidence is None else f" {100 * self.clip.confidence:.0f} %"
        return (
            f"<Prediction of {self.file or 'samples'}, {self.duration:g} s: {self.clip.label or 'no speech'}{share}, "
            f"{len(self.utterances)} utterance{'' if len(self.utterances) == 1 else 's'}>"
        )

    def head(self) -> dict[str, Any]:
        """Return the JSON object without its utterances and segments."""
        head: dict[str, Any] = {
            "schema": SCHEMA,
            "file": self.file,
            "duration": self.duration,
            "rate": self.rate,
            "model": asdict(self.model),
            "labels": list(self.labels),
            "channel": self.channel,
            "adapted": self.adapted,
            "clip": self.clip.to_dict(),
        }
        return head | ({"notes": list(self.notes)} if self.notes else {})

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object `emotone.prediction/1`."""
        return {
            **self.head(),
            "utterances": [utterance.to_dict() for utterance in self.utterances],
            "segments": [segment.to_dict() for segment in self.segments],
        }

    def to_json(self) -> str:
        """Return the JSON object `emotone.prediction/1` as text, on one line."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def rows(self, by: Rows = "utterances") -> Iterator[list[Cell]]:
        """Yield the rows of a table in the order of `columns`: one per utterance, segment or clip.

        A recording without speech has one row, without a label, that covers all of it.
        """
        parts: Sequence[UtteranceSegment | Segment | Clip] = ()
        if by != "clips":
            parts = self.utterances if by == "utterances" else self.segments
        for part in parts or [self.clip]:
            start, end = (0.0, self.duration) if isinstance(part, Clip) else (part.start, part.end)
            yield [
                self.file,
                self.channel,
                start,
                end,
                part.label,
                part.probabilities[part.label] if part.label is not None else None,
                None if isinstance(part, Segment) else part.unsure,
                part.changed if isinstance(part, UtteranceSegment) else None,
                *part.probabilities.values(),
                None,
                None,
                *affect_cells(part.derived),
            ]

    def to_frame(self, by: Rows = "utterances") -> pd.DataFrame:
        """Return a pandas table with one row per utterance, segment or clip, and the columns of the CSV format.

        Raises:
            MissingExtraError: pandas is not installed.

        """
        try:
            import pandas as pd
        except ImportError:
            raise missing_extra("pandas", "pandas", "to_frame()") from None
        return pd.DataFrame(list(self.rows(by)), columns=columns(self.labels)).drop(columns=["error", "message"])

    def save(self, path: str | Path) -> None:
        """Write the prediction in the format that the suffix names: .json, .csv, .txt, .TextGrid, .vtt ...

        Raises:
            UnknownNameError: no format has this suffix.
            OutputError: the file cannot be written.
            MissingExtraError: the format needs a package that is not installed.

        """
        save(self, path, labels=self.labels)

    def plot(self, path: str | Path | None = None) -> Any:
        """Return a picture as a Matplotlib figure: the waveform, the utterances, and the probabilities over time.

        Args:
            path: of a PNG or SVG file to write; None writes nothing.

        Raises:
            UnknownNameError: neither .png nor .svg.
            OutputError: the file cannot be written.
            MissingExtraError: Matplotlib is not installed.

        """
        from emotone.inference.plot import draw, write_picture

        return draw(self) if path is None else write_picture(self, path)


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording that could not be analysed.

    Attributes:
        file: as it was named.
        code: a short word that scripts can test: `not_audio`, `missing_file`, `too_short` ...
        message: one line: what was given, what is wrong with it, and how to fix it.

    """

    file: str
    code: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"schema": SCHEMA, "file": self.file, "error": {"code": self.code, "message": self.message}}

    def row(self, labels: tuple[str, ...]) -> list[Cell]:
        """Return the row of a table, in the order of `columns`."""
        return [self.file, *[None] * (7 + len(labels)), self.code, self.message, *affect_cells(None)]


def columns(labels: tuple[str, ...]) -> list[str]:
    """Return the names of a table's columns."""
    first = ["file", "channel", "start", "end", "label", "confidence", "unsure", "changed"]
    return [*first, *(f"p_{label}" for label in labels), "error", "message", *AFFECT_COLUMNS]


def from_dict(values: Mapping[str, Any]) -> Prediction | Failure:
    """Return the prediction or failure that `to_dict` wrote. Its `derived` values are computed again."""
    if "error" in values:
        return Failure(values["file"], values["error"]["code"], values["error"]["message"])
    return Prediction(
        file=values["file"],
        duration=values["duration"],
        rate=values["rate"],
        model=ModelInfo(**values["model"]),
        labels=tuple(values["labels"]),
        clip=Clip(**_stored(values["clip"])),
        segments=[Segment(**_stored(segment)) for segment in values["segments"]],
        utterances=tuple(UtteranceSegment(**_stored(utterance)) for utterance in values["utterances"]),
        channel=values["channel"],
        adapted=values["adapted"],
        notes=tuple(values.get("notes", ())),
    )


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "derived"}
