"""What a result format is; and the shapes that formats share: JSON in pieces, rows of a table, captions.

A format is a module of this package with `FORMAT = Format(suffix, summary, binary, open)`. `open` takes a stream and a
`Page`, and gives a writer. Writers write a recording's segments one at a time: hours of them need no memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeAlias

from emotone.inference.result import Failure, Prediction
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from emotone.inference.result import Segment, Spoken
    from emotone.types import Seconds

Result: TypeAlias = Prediction | Failure
Cell: TypeAlias = str | int | float | bool | None
UNDECIDED = "undecided"  # stands for the emotion where a model's thresholds withhold it


@dataclass(frozen=True)
class Page:
    """What a writer must know beforehand.

    Attributes:
        labels: of the model; the columns of tables.
        single: exactly one recording was asked for.
        colour: whether escape sequences may be written.
        width: characters per line of text.

    """

    labels: tuple[str, ...]
    single: bool = False
    colour: bool = False
    width: int = 80


class Writer(Protocol):
    """Writes results in the order they come."""

    def write(self, result: Result) -> None:
        """Write one recording's result, and flush what is complete."""
        ...

    def finish(self) -> None:
        """Write what closes the document; the stream stays open."""
        ...


@dataclass(frozen=True)
class Format:
    """A way to write results.

    Attributes:
        suffix: of files, with its dot.
        summary: one phrase for help pages.
        binary: whether the stream takes bytes.
        open: makes a writer.
        single: whether a document holds one recording only.

    """

    suffix: str
    summary: str
    binary: bool
    open: Callable[[IO[Any], Page], Writer]
    single: bool = False


@dataclass(frozen=True)
class Timeline:
    """Writes the utterances of recordings as text; a failure leaves nothing, since no such format has a place for it.

    Attributes:
        stream: takes text.
        document: yields the text of a prediction.

    """

    stream: IO[str]
    document: Callable[[Prediction], Iterator[str]]

    def write(self, result: Result) -> None:
        """Write one recording's document."""
        if isinstance(result, Prediction):
            self.stream.writelines(self.document(result))
            self.stream.flush()

    def finish(self) -> None:
        """Nothing closes such a document."""


FORMATS: Registry[Format] = Registry("format", "emotone.inference.formats", "FORMAT")


def json_pieces(result: Result, *, line: bool) -> Iterator[str]:
    """Yield the text of a result's JSON object: all on one line, or a segment or utterance a line."""
    if isinstance(result, Failure):
        yield _dumps(result.to_dict(), line=line)
        return
    head = _dumps(result.head(), line=line)
    yield head[: head.rindex("}")].rstrip()
    between = ", " if line else ",\n    "
    lists: dict[str, Sequence[Segment | Spoken]] = {"segments": result.segments, "utterances": result.utterances}
    for name, parts in lists.items():
        yield f', "{name}": [' if line else f',\n  "{name}": ['
        for index, part in enumerate(parts):
            yield (between if index else between.lstrip(", ")) + _dumps(part.to_dict(), line=True)
        yield "]" if line else "\n  ]"
    yield "}" if line else "\n}"


def columns(labels: tuple[str, ...]) -> list[str]:
    """Return the names of a table's columns."""
    return [
        "file",
        "segment",
        "start",
        "end",
        "label",
        "speech",
        *(f"p_{label}" for label in labels),
        "error",
        "message",
    ]


def rows(result: Result, labels: tuple[str, ...]) -> Iterator[list[Cell]]:
    """Yield a recording's rows in the order of `columns`: one per segment, then the clip, whose segment is None.

    A failure is one row with its code and message.
    """
    if isinstance(result, Failure):
        yield [result.file, *[None] * (5 + len(labels)), result.code, result.message]
        return
    for index, part in enumerate(result.segments):
        probabilities = part.probabilities.values()
        yield [result.file, index, part.start, part.end, part.label, part.speech, *probabilities, None, None]
    clip = result.clip
    yield [result.file, None, 0.0, result.duration, clip.label, clip.speech, *clip.probabilities.values(), None, None]


def timeline(document: Callable[[Prediction], Iterator[str]]) -> Callable[[IO[Any], Page], Timeline]:
    """Return what opens writers of documents of utterances."""
    return lambda stream, _: Timeline(stream, document)


def name_of(utterance: Spoken) -> str:
    """Return an utterance's emotion, or a word where it is withheld."""
    return utterance.label or UNDECIDED


def shown(utterance: Spoken) -> str:
    """Return what a person reads of an utterance, e.g. `anger 81 %, changed`."""
    probability = round(100 * max(utterance.probabilities.values()))
    return f"{name_of(utterance)} {probability} %" + (", changed" if utterance.changed else "")


def captions(prediction: Prediction, *, decimal: str) -> Iterator[str]:
    """Yield a caption per utterance, numbered from 1, an empty line before each; milliseconds follow `decimal`."""
    for number, one in enumerate(prediction.utterances, start=1):
        times = " --> ".join(_clock(seconds, decimal=decimal) for seconds in (one.start, one.end))
        yield f"\n{number}\n{times}\n{shown(one)}\n"


def _clock(seconds: Seconds, *, decimal: str) -> str:
    whole, thousandths = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{decimal}{thousandths:03}"


def _dumps(value: dict[str, Any], *, line: bool) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=None if line else 2)
