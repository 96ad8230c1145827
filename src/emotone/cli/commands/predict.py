"""`emotone predict`: what recordings sound like."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console as _say
from emotone.cli.inputs import AUDIO_SUFFIXES, Inputs, Recording, collect
from emotone.errors import AudioError, UsageError
from emotone.inference.saving import FORMATS, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emotone.cli.outputs import Folder, StandardOutput
    from emotone.inference.model import Model
    from emotone.inference.result import Channel, Failure, Prediction, Rows

SOME_FAILED, ALL_FAILED = 1, 2
MANY = 3  # recordings: from here on a progress bar is worth its lines


def _channel(context: click.Context, parameter: click.Parameter, value: str) -> Channel:
    """Return a channel: a number from 0, or `mix`."""
    if value != "mix" and not value.isdecimal():
        raise click.BadParameter(f"'{value}' was given; allowed: a number from 0, or mix", context, parameter)
    return "mix" if value == "mix" else int(value)


@click.command(
    epilog=f"""\b
Examples:
  emotone predict call.wav
  emotone predict recordings/ --format csv > results.csv
  emotone predict "2024/**/*.flac" --format json --out results --workers 2
  emotone predict interview.mp3 --format textgrid > interview.TextGrid
  ffmpeg -i film.mkv -f wav - | emotone predict - --format jsonl

In folders, these are recordings: {" ".join(sorted(AUDIO_SUFFIXES))}. What a file holds is then read from its bytes.

Exit status: 0 all done; 1 some failed; 2 wrong usage, or none could be done."""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--model", default="default", show_default=True, metavar="NAME|DIR", help="A shipped model, or a bundle.")
@click.option(
    "--format",
    "format_name",
    default="text",
    show_default=True,
    metavar="NAME",
    help=f"One of {', '.join(FORMATS.names)}. json is an object for one file, else an array.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="One result file per recording, under the same relative name; failures go to failures.jsonl there.",
)
@click.option("--overwrite", is_flag=True, help="Replace results that exist in --out; they are kept otherwise.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes.")
@click.option(
    "--channel",
    callback=_channel,
    default="mix",
    show_default=True,
    metavar="N|mix",
    help="Counted from 0, or the mean.",
)
@click.option(
    "--rows",
    type=click.Choice(["utterances", "segments", "clips"]),
    default="utterances",
    show_default=True,
    help="What a row of a table (csv, parquet) is.",
)
@click.option("--quiet", is_flag=True, help="Hide progress and notes; still print errors.")
def command(  # noqa: PLR0917  (click passes them by keyword)
    paths: tuple[str, ...],
    model: str,
    format_name: str,
    out: Path | None,
    overwrite: bool,
    workers: int,
    channel: Channel,
    rows: Rows,
    quiet: bool,
) -> int:
    """Recognise emotions in recordings, with timestamps.

    PATH is a file, a folder (every recording below it, by its suffix), a pattern such as "*.wav", or - for a recording
    on standard input.
    """
    from emotone.cli.outputs import Folder, StandardOutput
    from emotone.inference.model import load

    chosen = FORMATS.get(format_name)
    if "-" in paths and sys.stdin.isatty():
        raise UsageError("- reads a recording from standard input, which is a terminal; pipe a recording into it")
    inputs = collect(paths)
    loaded = load(model)
    output: Folder | StandardOutput
    kept = 0
    if out is None:
        alone = len(inputs.items) == 1
        output = StandardOutput(chosen, labels=loaded.labels, rows=rows, single=inputs.single, alone=alone)
    else:
        recordings = [item for item in inputs.items if isinstance(item, Recording)]
        output = Folder(out, chosen, recordings, page=Page(labels=loaded.labels, single=True, rows=rows))
        if not overwrite:
            inputs, kept = _without_known(inputs, output)
    failures = []
    with _progress(len(inputs.items), shown=not quiet and _bar_is_welcome(out)) as advance:
        for item, result in _judge(loaded, inputs, workers=workers, channel=channel):
            failure = output.write(item, result)
            if failure is not None:
                failures.append(failure)
            advance()
    failures = output.finish(failures)
    done = len(inputs.items) - len(failures)
    if not quiet and out is not None:
        _say.note(f"{done} {_results(done)} written to {out}" + (f", {kept} kept as they are" if kept else ""))
    if not quiet and kept:
        _say.note(f"--overwrite replaces the {kept} {_results(kept)} that existed already")
    return _conclude(failures, done=done + kept, quiet=quiet)


def _judge(
    model: Model, inputs: Inputs, *, workers: int, channel: Channel
) -> Iterator[tuple[Recording | None, Prediction | Failure]]:
    """Yield every input with its result, in order."""
    files = [item.path for item in inputs.items if isinstance(item, Recording) and not item.is_standard_input]
    many = model.predict_many(files, workers=max(1, min(workers, len(files))), channel=channel)
    for item in inputs.items:
        if not isinstance(item, Recording):
            yield None, item
        elif item.is_standard_input:
            yield item, _judge_standard_input(model, channel=channel)
        else:
            yield item, next(many)


def _judge_standard_input(model: Model, *, channel: Channel) -> Prediction | Failure:
    from emotone.audio.spool import spool
    from emotone.inference.result import Failure

    try:
        with spool(sys.stdin.buffer) as path:
            return model.attempt(path, channel=channel, name="-")
    except AudioError as error:
        return Failure("-", error.code, str(error))


def _without_known(inputs: Inputs, folder: Folder) -> tuple[Inputs, int]:
    """Return the inputs that have no result yet, and how many have one."""
    new = tuple(item for item in inputs.items if not (isinstance(item, Recording) and folder.holds(item)))
    return Inputs(new, single=inputs.single), len(inputs.items) - len(new)


def _conclude(failures: list[Failure], *, done: int, quiet: bool) -> int:
    """List the failures, and return the exit status."""
    for failure in failures:
        # The audio floor names files as `Path` writes them: `./a.wav` is `a.wav` there.
        named = failure.message.startswith((failure.file, str(Path(failure.file)), "standard input"))
        _say.error(failure.message if named else f"{failure.file}: {failure.message}")
    if not failures:
        return 0
    if not quiet and len(failures) + done > 1:
        _say.note(f"{len(failures)} of {len(failures) + done} failed")
    return SOME_FAILED if done else ALL_FAILED


def _results(count: int) -> str:
    return "result" if count == 1 else "results"


def _bar_is_welcome(out: Path | None) -> bool:
    # Results that scroll by on the same terminal are progress enough, and a bar would tear them.
    return sys.stderr.isatty() and (out is not None or not sys.stdout.isatty())


@contextlib.contextmanager
def _progress(total: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Give a function that moves the bar by one recording."""
    if not shown or total < MANY:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("recordings"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("recordings", total=total)
        yield lambda: progress.advance(task)
