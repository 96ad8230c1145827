"""What formats have in common: JSON in pieces, and documents of one recording's utterances."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from emotone.inference.result import Failure, Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from emotone.inference.saving import Page
    from emotone.inference.segments import Segment, UtteranceSegment

Result: TypeAlias = Prediction | Failure


@dataclass(frozen=True)
class TimelineWriter:
    """Writes the utterances of recordings as text. A failure leaves no trace, because no such format has room for it.

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
        """Do nothing: such a document has no end."""


def timeline(document: Callable[[Prediction], Iterator[str]]) -> Callable[[IO[Any], Page], TimelineWriter]:
    """Return a function that opens writers of documents of utterances."""
    return lambda stream, _: TimelineWriter(stream, document)


def json_pieces(result: Result, *, line: bool) -> Iterator[str]:
    """Yield the text of a result's JSON object: on one line, or with one segment or utterance per line."""
    if isinstance(result, Failure):
        yield _dumps(result.to_dict(), line=line)
        return
    head = _dumps(result.head(), line=line)
    yield head[: head.rindex("}")].rstrip()
    separator = ", " if line else ",\n    "
    lists: dict[str, Sequence[Segment | UtteranceSegment]]
    lists = {"utterances": result.utterances, "segments": result.segments}
    for name, parts in lists.items():
        yield f', "{name}": [' if line else f',\n  "{name}": ['
        for index, part in enumerate(parts):
            yield (separator if index else separator.lstrip(", ")) + _dumps(part.to_dict(), line=True)
        yield "]" if line else "\n  ]"
    yield "}" if line else "\n}"


def _dumps(value: dict[str, Any], *, line: bool) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=None if line else 2)
