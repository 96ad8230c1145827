"""Destinations of results: standard output, a folder with a file per result, or parts of an archive."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from click.core import ParameterSource

from emotone.cli import console
from emotone.cli.console import failure_messages
from emotone.cli.options import PART_SIZE
from emotone.errors import OutputError, UsageError
from emotone.inference.inputs import AUDIO_SUFFIXES, RecordingPath
from emotone.inference.result import Failure, Prediction
from emotone.inference.saving import ENCODING_ERRORS, FORMATS, Format, Page, text_stream, write_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import click

    from emotone.inference.result import Channel
    from emotone.scale.bulk import Outcome

FAILURES = "failures.jsonl"  # of the last run, in a folder of results
WRITERS, WAITING = 4, 16  # threads, and results that may wait for one: a disk can be slower than prediction
MAX_NAME = 200  # bytes of a result's file name; file systems allow 255, and temporary names are longer
PIPE_WIDTH = 100  # characters per line of text where there is no terminal


class StandardOutput:
    """Writes every result as it arrives.

    Args:
        chosen: the format.
        page: what writers must know; the terminal determines colour and width.
        alone: whether there is one result.

    Raises:
        UsageError: the format contains one recording, and there are several.

    """

    def __init__(self, chosen: Format, *, page: Page, alone: bool) -> None:
        if chosen.single and not alone:
            raise UsageError("this format holds one recording; for several use --out DIR, which writes a file for each")
        # For a single recording in text, the message on standard error is enough.
        self._hide_failures = alone and chosen.suffix == ".txt"
        stream = _standard_output(chosen)
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH
        self._writer = chosen.open(stream, replace(page, colour=wants_colour(sys.stdout), width=width))
        self._stream = stream

    def write(self, recording: RecordingPath | None, results: Sequence[Prediction | Failure]) -> list[Failure]:  # noqa: ARG002
        """Write the results of a recording; return its failures."""
        failures = [result for result in results if isinstance(result, Failure)]
        for result in results:
            if not (self._hide_failures and isinstance(result, Failure)):
                self._writer.write(result)
        return failures

    def finish(self, failures: Iterable[Failure]) -> list[Failure]:
        """Write the end of the document; return the failures."""
        self._writer.finish()
        self._stream.flush()
        return list(failures)


class Folder:
    """Writes one file per result, complete or absent, under the relative name of the recording.

    Failures are listed in `failures.jsonl`.

    Args:
        folder: is created if necessary.
        chosen: the format.
        recordings: all that will be written.
        page: what writers must know.
        each: whether every channel has a result of its own.

    Raises:
        UsageError: two recordings have the same relative name.
        OutputError: the folder cannot be written.
        MissingExtraError: the format needs a package that is not installed.

    """

    def __init__(
        self, folder: Path, chosen: Format, recordings: Iterable[RecordingPath], *, page: Page, each: bool = False
    ) -> None:
        self._folder = folder
        self._each = each
        self._page = page
        self._format = chosen
        self._paths = result_paths(recordings, suffix=chosen.suffix)
        chosen.open(io.BytesIO() if chosen.binary else io.StringIO(), page).finish()  # fails without its package
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise OutputError(f"cannot write to {folder}: {error.strerror or error}; choose another folder") from error
        self._threads = ThreadPoolExecutor(WRITERS)  # threads start when they are needed
        self._waiting: deque[Future[Failure | None]] = deque()
        self._unwritten: list[Failure] = []

    def has_result(self, recording: RecordingPath) -> bool:
        """Return whether a result of this recording exists, or of its first channel."""
        return self._path(recording.path, 0).exists()

    def write(self, recording: RecordingPath | None, results: Sequence[Prediction | Failure]) -> list[Failure]:
        """Write results while the next ones are computed; return the failures among them."""
        failures = [result for result in results if isinstance(result, Failure)]
        if recording is None or failures:
            return failures
        for result in results:
            if isinstance(result, Prediction):
                self._waiting.append(self._threads.submit(self._write, recording.path, result))
                self._settle(WAITING)
        return []

    def finish(self, failures: Iterable[Failure]) -> list[Failure]:
        """Return all failures, those of writing included, and list them in a file; without any the file is removed."""
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
            write_file(result, self._path(recording, result.channel), self._format, self._page)
        except OutputError as error:
            return Failure(recording, error.code, str(error))
        return None

    def _path(self, recording: str, channel: Channel) -> Path:
        """Return the path of a result; `call.json` becomes `call.channel-0.json` where each channel has a result."""
        path = self._folder / self._paths[recording]
        if not self._each:
            return path
        suffix = self._format.suffix
        return path.with_name(f"{path.name.removesuffix(suffix)}.channel-{channel}{suffix}")

    def _settle(self, most: int) -> None:
        """Wait until at most this many results are not yet written."""
        while len(self._waiting) > most:
            failure = self._waiting.popleft().result()
            if failure is not None:
                self._unwritten.append(failure)


def result_paths(recordings: Iterable[RecordingPath], *, suffix: str) -> dict[str, Path]:
    """Return the path of each recording's result below the folder, by the recording's path.

    `a/b.wav` gives `a/b.json`. If another recording has that name (`a/b.mp3`, say), the audio suffix stays:
    `a/b.wav.json`. A name that is too long for file systems is cut and ends with a hash of the whole name.

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
        names = [stem.parent / (_shortened(stem.name) + suffix) for stem in (short, whole)]
        free = next((name for name in names if name not in taken), None)
        if other != recording.path or free is None:
            raise UsageError(
                f"{other} and {recording.path} would both be written to {names[0]}; "
                "name the folder that contains both instead"
            )
        taken.add(free)
        result[recording.path] = free
    return result


def wants_colour(stream: IO[Any]) -> bool:
    """Return whether escape sequences may be written (https://no-color.org, https://force-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def _shortened(name: str) -> str:
    data = os.fsencode(name)
    if len(data) <= MAX_NAME:
        return name
    digest = hashlib.sha256(data).hexdigest()[:12]
    return f"{data[: MAX_NAME - 20].decode('utf-8', 'ignore')}-{digest}"


def _standard_output(chosen: Format) -> IO[Any]:
    stream = sys.stdout
    if chosen.binary:
        if stream.isatty():
            raise UsageError("this format is binary and standard output is a terminal; use --out DIR, or > file")
        return stream.buffer
    if isinstance(stream, io.TextIOWrapper):
        # Text for people is in the terminal's encoding; formats for programs are always UTF-8.
        encoding = stream.encoding if chosen.suffix == ".txt" else "utf-8"
        stream.reconfigure(encoding=encoding, errors=ENCODING_ERRORS)
    return stream


FORMAT = "parquet"  # where none is given
NAMED = 20  # failures that are printed; all are in a file
PAUSE = 5.0  # seconds between lines on progress
NOT_TOGETHER = {
    "plot": "it draws one recording",
    "overwrite": "--resume continues a run, and another folder starts one",
    "adapt": "--adapt-by COLUMN adapts to groups of a manifest; or make the adapted model first, with emotone adapt, "
    "and pass its folder as --model",
    "all_utterances": "it changes text only",
    "verbose": "the log of many processes would be mixed",
}
"""Options that a bulk run can't have, each with the reason or what to do."""


def predict_in_bulk(context: click.Context) -> int:
    """Run `emotone predict --engine` with the options of this command; return the exit status.

    Raises:
        UsageError: options that can't be combined.
        EmotoneError: as for `emotone.scale.bulk.predict_bulk`.

    """
    from emotone.bundles.library import shipped_names
    from emotone.inference.model import load
    from emotone.scale.bulk import predict_bulk
    from emotone.scale.engine import ENGINES
    from emotone.scale.job import Job
    from emotone.scale.store import open_store

    given: dict[str, Any] = context.params
    out, quiet = given["out"], given["quiet"]
    ENGINES.get(given["engine"])
    if out is None:
        raise UsageError("--engine writes results in parts; add --out DIR, a folder or a URL")
    for name, reason in NOT_TOGETHER.items():
        if given[name]:
            raise UsageError(f"--engine was given with --{name.replace('_', '-')}: {reason}")
    by_default = context.get_parameter_source("format_name") is ParameterSource.DEFAULT
    loaded = load(given["model"])
    job = Job(
        arguments=tuple(given["paths"]),
        model=given["model"] if given["model"] in shipped_names() else str(loaded.bundle.directory.resolve()),
        sha256=loaded.bundle.sha256,
        labels=loaded.labels,
        channel=given["channel"],
        track=given["track"],
        format=FORMAT if by_default else given["format_name"],
        rows=given["rows"],
        part_size=given["part_size"] or PART_SIZE,
        adapt_by=given["adapt_by"] or "",
    )
    outcome = predict_bulk(
        open_store(out),
        job,
        model=loaded,
        engine=given["engine"],
        workers=given["workers"],
        address=given["address"],
        again=given["resume"],
        report=(lambda _: None) if quiet else SlowNotes(),
    )
    return _conclude(outcome, out=out, quiet=quiet)


class SlowNotes:
    """Prints the first line, and later ones after a pause."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, line: str) -> None:
        """Print a line, unless one was printed just before."""
        if time.monotonic() >= self._next:
            console.note(line)
            self._next = time.monotonic() + PAUSE


def _conclude(outcome: Outcome, *, out: str, quiet: bool) -> int:
    """Print the failures and a summary; return the exit status."""
    from emotone.scale.run import FAILURES

    failures = outcome.failures
    messages = list(failure_messages(failures))
    for message in messages[:NAMED]:
        console.error(message)
    if len(messages) > NAMED:
        console.error(f"and {len(messages) - NAMED} more; all are in {out}/{FAILURES}")
    failed = len({one.file for one in failures})
    if not quiet:
        console.note(outcome.speed)
        console.note(f"{outcome.recordings - failed} of {outcome.recordings} in {outcome.parts} parts in {out}")
    if not failures:
        return 0
    return 1 if failed < outcome.recordings else 2
