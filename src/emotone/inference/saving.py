"""Result formats and files: what a format is, and one prediction written to a file.

A format is a module of `emotone.inference.formats` with `FORMAT = Format(suffix, summary, binary, open)`. `open` takes
a stream and a `Page` and returns a writer. Writers write a recording's rows one at a time, so hours of audio need no
memory.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

from emotone.errors import unknown_name
from emotone.files import atomic_write
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODING_ERRORS = "backslashreplace"  # a byte of a file name that is not UTF-8 becomes \udcXX, which JSON can read


@dataclass(frozen=True)
class Page:
    """What a writer must know in advance.

    Attributes:
        labels: of the model; columns of tables.
        single: whether exactly one recording was requested.
        rows: what a row of a table is.
        colour: whether escape sequences may be written.
        width: characters per line of text; 0 does not limit it.
        all_utterances: whether text has a line per utterance for long recordings too, and no summary.

    """

    labels: tuple[str, ...]
    single: bool = False
    rows: Literal["utterances", "segments", "clips"] = "utterances"
    colour: bool = False
    width: int = 80
    all_utterances: bool = False


class Writer(Protocol):
    """Writes results in the order in which they arrive."""

    def write(self, result: Any) -> None:
        """Write one recording's `Prediction` or `Failure`, and flush what is complete."""
        ...

    def finish(self) -> None:
        """Write the end of the document; the stream stays open."""
        ...


@dataclass(frozen=True)
class Format:
    """A way to write results.

    Attributes:
        suffix: of files, with its dot.
        summary: one phrase for help pages.
        binary: whether the stream takes bytes.
        open: makes a writer.
        single: whether a document contains one recording only.

    """

    suffix: str
    summary: str
    binary: bool
    open: Callable[[IO[Any], Page], Writer]
    single: bool = False


FORMATS: Registry[Format] = Registry("format", "emotone.inference.formats", "FORMAT")


def save(prediction: object, path: str | Path, *, labels: tuple[str, ...]) -> None:
    """Write one prediction in the format of the path's suffix; the file is complete or absent.

    Raises:
        UnknownNameError: no format has this suffix.
        OutputError: the file cannot be written.
        MissingExtraError: the format needs a package that is not installed.

    """
    path = Path(path)
    by_suffix = {found.suffix.lower(): found for found in FORMATS.all().values()}
    fitting = [suffix for suffix in by_suffix if path.name.lower().endswith(suffix)]
    if not fitting:
        raise unknown_name("suffix of a result file", path.suffix, (found.suffix for found in by_suffix.values()))
    write_file(prediction, path, by_suffix[max(fitting, key=len)], Page(labels=labels, single=True))


def write_file(result: object, path: Path, chosen: Format, page: Page) -> None:
    """Write one recording's result to a file, which is complete or absent.

    Raises:
        OutputError: the file cannot be written.
        MissingExtraError: the format needs a package that is not installed.

    """
    with atomic_write(path) as raw:
        _write(result, raw, chosen, page)


def to_bytes(result: object, chosen: Format, page: Page) -> bytes:
    """Return one recording's result as the bytes of a file.

    Raises:
        MissingExtraError: the format needs a package that is not installed.

    """
    raw = io.BytesIO()
    _write(result, raw, chosen, page)
    return raw.getvalue()


def _write(result: object, raw: IO[bytes], chosen: Format, page: Page) -> None:
    stream = raw if chosen.binary else text_stream(raw)
    writer = chosen.open(stream, page)
    writer.write(result)
    writer.finish()
    if isinstance(stream, io.TextIOWrapper):
        stream.detach()  # flushed but not closed: closing is the caller's task


def text_stream(raw: IO[bytes]) -> io.TextIOWrapper:
    """Return a text stream in the encoding of every text format: UTF-8, with unchanged line ends."""
    return io.TextIOWrapper(raw, encoding="utf-8", errors=ENCODING_ERRORS, newline="")
