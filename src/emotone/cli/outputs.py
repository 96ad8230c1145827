"""Where results go: standard output, as they are done, or a folder with one file per recording."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from emotone.cli.inputs import AUDIO_SUFFIXES, Recording
from emotone.errors import OutputError, UsageError
from emotone.inference.result import Failure, Prediction
from emotone.inference.saving import ENCODING_ERRORS, FORMATS, Format, Page, text_stream, write_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emotone.inference.result import Rows

FAILURES = "failures.jsonl"  # of the last run, in a folder of results
WRITERS, WAITING = 4, 16  # threads, and results that may wait for one: a disk may need longer for a file than we do


class StandardOutput:
    """Writes every result as it comes."""

    def __init__(self, chosen: Format, *, labels: tuple[str, ...], rows: Rows, single: bool, alone: bool) -> None:
        if chosen.single and not alone:
            raise UsageError("this format holds one recording; for several use --out DIR, which writes a file for each")
        # A person who asked for one thing is told once that it failed.
        self._quiet_failures = alone and chosen.suffix == ".txt"
        stream = _standard_output(chosen)
        colour = wants_colour(sys.stdout)
        width = shutil.get_terminal_size().columns
        page = Page(labels=labels, single=single, rows=rows, colour=colour, width=width)
        self._writer = chosen.open(stream, page)
        self._stream = stream

    def write(self, recording: Recording | None, result: Prediction | Failure) -> Failure | None:  # noqa: ARG002
        """Write a result; return the failure that there was."""
        failure = result if isinstance(result, Failure) else None
        if failure is None or not self._quiet_failures:
            self._writer.write(result)
        return failure

    def finish(self, failures: Iterable[Failure]) -> list[Failure]:
        """Close the document; return the failures."""
        self._writer.finish()
        self._stream.flush()
        return list(failures)


class Folder:
    """Writes one file per recording, whole or not at all, under the recording's own relative name.

    Raises:
        OutputError: the folder can't be written, or two recordings would have one result.
        MissingExtraError: the format needs a package that is not installed.

    """

    def __init__(self, folder: Path, chosen: Format, recordings: Iterable[Recording], *, page: Page) -> None:
        self._folder = folder
        self._page = page
        self._format = chosen
        self._paths = result_paths(recordings, suffix=chosen.suffix)
        chosen.open(io.BytesIO() if chosen.binary else io.StringIO(), page).finish()  # its package is installed
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise OutputError(f"can't write to {folder}: {error.strerror or error}; choose another folder") from error
        self._threads = ThreadPoolExecutor(WRITERS)  # idle ones cost nothing, and none starts before it is needed
        self._waiting: deque[Future[Failure | None]] = deque()
        self._unwritten: list[Failure] = []

    def holds(self, recording: Recording) -> bool:
        """Return whether there is a result of this recording already."""
        return (self._folder / self._paths[recording.path]).exists()

    def write(self, recording: Recording | None, result: Prediction | Failure) -> Failure | None:
        """Write a result while the next ones are judged; return the failure that there was."""
        if isinstance(result, Failure) or recording is None:
            return result if isinstance(result, Failure) else None
        self._waiting.append(self._threads.submit(self._write, recording.path, result))
        self._settle(WAITING)
        return None

    def finish(self, failures: Iterable[Failure]) -> list[Failure]:
        """Return all failures, those of writing too, and list them in a file of their own; without any it goes."""
        self._settle(0)
        self._threads.shutdown()
        failures = [*failures, *self._unwritten]
        path = self._folder / FAILURES
        if not failures:
            path.unlink(missing_ok=True)
            return failures
        with path.open("wb") as raw:
            stream = text_stream(raw)
            writer = FORMATS.get("jsonl").open(stream, Page(labels=()))
            for failure in failures:
                writer.write(failure)
        return failures

    def _write(self, recording: str, result: Prediction) -> Failure | None:
        try:
            write_file(result, self._folder / self._paths[recording], self._format, self._page)
        except OutputError as error:
            return Failure(recording, error.code, str(error))
        return None

    def _settle(self, most: int) -> None:
        """Wait until so many results at most are not written yet."""
        while len(self._waiting) > most:
            failure = self._waiting.popleft().result()
            if failure is not None:
                self._unwritten.append(failure)


def result_paths(recordings: Iterable[Recording], *, suffix: str) -> dict[str, Path]:
    """Return where each recording's result lies below the folder, by the recording's path.

    `a/b.wav` gives `a/b.json`. Where that name is taken (by `a/b.mp3`, say), the audio suffix stays: `a/b.wav.json`.

    Raises:
        UsageError: two recordings have the same relative name.

    """
    sources: dict[Path, str] = {}
    taken = {Path(FAILURES)}
    result: dict[str, Path] = {}
    for recording in recordings:
        whole = recording.relative
        other = sources.setdefault(whole, recording.path)
        short = whole.with_suffix("") if whole.suffix.lower() in AUDIO_SUFFIXES else whole
        names = [stem.parent / (stem.name + suffix) for stem in (short, whole)]
        free = next((name for name in names if name not in taken), None)
        if other != recording.path or free is None:
            raise UsageError(
                f"{other} and {recording.path} would both be written to {names[0]}; name the folder that holds both"
            )
        taken.add(free)
        result[recording.path] = free
    return result


def wants_colour(stream: IO[Any]) -> bool:
    """Return whether escape sequences are welcome (https://no-color.org, https://force-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def _standard_output(chosen: Format) -> IO[Any]:
    stream = sys.stdout
    if chosen.binary:
        if stream.isatty():
            raise UsageError("this format is binary and standard output is a terminal; use --out DIR, or > file")
        return stream.buffer
    if isinstance(stream, io.TextIOWrapper):
        # People's text in the terminal's encoding; formats for programs are UTF-8 everywhere.
        encoding = stream.encoding if chosen.suffix == ".txt" else "utf-8"
        stream.reconfigure(encoding=encoding, errors=ENCODING_ERRORS)
    return stream
