"""Result formats, one file each; `FORMATS` finds them, `save` picks one by a file's suffix."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, TYPE_CHECKING

from emotone.errors import unknown_name
from emotone.files import atomic_write
from emotone.inference.format import FORMATS, Page

if TYPE_CHECKING:
    from emotone.inference.format import Format
    from emotone.inference.result import Prediction

ENCODING_ERRORS = "backslashreplace"  # a byte of a file name that is no UTF-8 becomes \udcXX, which JSON reads back


def save(prediction: Prediction, path: str | Path) -> None:
    """Write one prediction in the format of the path's suffix, whole or not at all.

    Raises:
        UnknownNameError: no format has this suffix.
        OutputError: the file can't be written.
        MissingExtraError: the format needs a package that is not installed.

    """
    path = Path(path)
    by_suffix = {found.suffix.lower(): found for found in FORMATS.all().values()}
    fitting = [suffix for suffix in by_suffix if path.name.lower().endswith(suffix)]
    if not fitting:
        raise unknown_name("suffix of a result file", path.suffix, (found.suffix for found in by_suffix.values()))
    write_file(prediction, path, by_suffix[max(fitting, key=len)])


def write_file(prediction: Prediction, path: Path, chosen: Format) -> None:
    """Write one recording's result to a file, whole or not at all.

    Raises:
        OutputError: the file can't be written.
        MissingExtraError: the format needs a package that is not installed.

    """
    with atomic_write(path) as raw:
        stream = raw if chosen.binary else text_stream(raw)
        writer = chosen.open(stream, Page(labels=prediction.labels, single=True))
        writer.write(prediction)
        writer.finish()
        if isinstance(stream, io.TextIOWrapper):
            stream.detach()  # flushed, and not closed: that is the caller's


def text_stream(raw: IO[bytes]) -> io.TextIOWrapper:
    """Return a stream of text in the encoding of every text format: UTF-8, and line ends as they are written."""
    return io.TextIOWrapper(raw, encoding="utf-8", errors=ENCODING_ERRORS, newline="")
