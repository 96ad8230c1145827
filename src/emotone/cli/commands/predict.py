"""`emotone predict`: the emotions in recordings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console
from emotone.cli.console import failure_messages, prediction_progress
from emotone.cli.options import bulk_options, channel_option, check_not_bulk, model_option, track_option
from emotone.cli.outputs import predict_in_bulk
from emotone.errors import AudioError, UsageError
from emotone.inference.inputs import AUDIO_SUFFIXES, Inputs, RecordingPath, collect
from emotone.inference.saving import FORMATS, Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.audio.source import Track
    from emotone.cli.outputs import Folder, StandardOutput
    from emotone.inference.model import Model
    from emotone.inference.recordings import Progress
    from emotone.inference.result import Failure, Prediction, Rows, Selection

SOME_FAILED, ALL_FAILED = 1, 2
MANY, NOVEL = 10, 0.9  # recordings, and the median of their novelty, for which adaptation is suggested


@click.command(
    epilog=f"""\b
Examples:
  emotone predict call.wav
  emotone predict recordings/ --format csv > results.csv
  emotone predict "2024/**/*.flac" --format json --out results --workers 2
  emotone predict interview.mp3 --format textgrid > interview.TextGrid
  emotone predict interview.mp3 --plot interview.png
  emotone predict call.wav --channel each --format csv
  emotone predict calls/ --model ./mine --adapt --format csv
  ffmpeg -i film.mkv -f wav - | emotone predict - --format jsonl
  emotone predict archive/ --engine local --workers 2 --out results --resume

In folders, files with these suffixes are recordings: {" ".join(sorted(AUDIO_SUFFIXES))}. The format of a file is
detected from its content.

Exit status: 0 all done; 1 some failed; 2 wrong usage, or none could be done."""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@model_option
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
    metavar="DIR",
    help="Write one result file per recording under the same relative name, and failures to failures.jsonl.",
)
@click.option("--overwrite", is_flag=True, help="Overwrite existing results in --out, which are kept otherwise.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Number of processes."
)
@channel_option("one result per channel")
@track_option
@click.option(
    "--rows",
    type=click.Choice(["utterances", "segments", "clips"]),
    default="utterances",
    show_default=True,
    help="What a row of a table (csv, parquet) is.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png|svg",
    help="Draw the waveform, utterances and probabilities of one recording; with --channel each, one file per channel.",
)
@click.option(
    "--all-utterances",
    is_flag=True,
    help="In text, print every utterance of recordings with more than 40, instead of a summary.",
)
@click.option(
    "--adapt",
    is_flag=True,
    help="First adapt the model to all recordings together, without labels; they are read twice. Needs a model with "
    "an encoder.",
)
@bulk_options
@click.option("--quiet", is_flag=True, help="Hide progress and notes; still print errors.")
@click.option("--verbose", is_flag=True, help="Print how recordings are read and analysed.")
def command(  # noqa: PLR0917  (click passes them by keyword)
    paths: tuple[str, ...],
    model: str,
    format_name: str,
    out: str | None,
    overwrite: bool,
    workers: int,
    channel: Selection,
    track: Track,
    rows: Rows,
    plot: Path | None,
    all_utterances: bool,
    adapt: bool,
    quiet: bool,
    verbose: bool,
    **bulk: Any,
) -> int:
    """Recognise emotions in recordings, with timestamps.

    PATH is a file, a folder (all recordings below it, by their suffixes), a pattern such as "*.wav", or - for a
    recording on standard input.
    """
    from emotone.cli.options import adapt_to
    from emotone.cli.outputs import Folder, StandardOutput
    from emotone.inference.model import Model, load

    chosen = FORMATS.get(format_name)
    context = click.get_current_context()
    if bulk["engine"] is not None:
        return predict_in_bulk(context)
    check_not_bulk(bulk)
    _check_usage(paths, adapt=adapt, quiet=quiet, verbose=verbose)
    if format_name == "audformat" and channel == "each" and out is None:
        raise UsageError(
            "an audformat database has one result per file, and --channel each gives several; add --out DIR, which "
            "writes a database for every channel, or use another format"
        )
    if verbose:
        context.with_resource(console.log_to_standard_error())
    inputs = collect(paths)
    _check_plot(plot, inputs)
    loaded = load(model)
    recordings = [item for item in inputs.items if isinstance(item, RecordingPath)]
    output: Folder | StandardOutput
    kept = 0
    if out is None:
        alone = len(inputs.items) == 1 and channel != "each"
        page = Page(labels=loaded.labels, single=inputs.single and alone, rows=rows, all_utterances=all_utterances)
        output = StandardOutput(chosen, page=page, alone=alone)
    else:
        page = Page(labels=loaded.labels, single=True, rows=rows, all_utterances=all_utterances)
        output = Folder(Path(out), chosen, recordings, page=page, each=channel == "each")
        if not overwrite:
            inputs, kept = _without_existing(inputs, output)
    if adapt:
        # What can't be read is reported when it is predicted.
        loaded = Model(adapt_to(loaded.bundle, recordings, channel=channel, track=track, quiet=quiet)[0])
    failures: list[Failure] = []
    novelties: list[float] = []
    shown = sys.stderr.isatty() and not quiet and not verbose
    keep = out is not None or not sys.stdout.isatty()  # results on the same terminal show progress themselves
    with prediction_progress(len(inputs.items), shown=shown, keep=keep) as progress:
        for item, results in _predict(
            loaded, inputs, workers=workers, channel=channel, track=track, progress=progress.within
        ):
            progress.end_of_recording()
            failures += output.write(item, results)
            if plot is not None:
                _plot(results, plot)
            if not quiet and not verbose:  # the log contains the notes
                _report_notes(results)
            novelties += _novelties(results)
            progress.advance()
    failures = output.finish(failures)
    done = len(inputs.items) - len(failures)
    if not quiet and out is not None:
        console.note(f"{done} {_results(done)} written to {out}" + (f", {kept} existing kept" if kept else ""))
    if not quiet and kept:
        console.note(f"--overwrite replaces the {kept} existing {_results(kept)}" + (", and draws it" if plot else ""))
    return _conclude(failures, done=done + kept, novelties=novelties, quiet=quiet)


def _check_usage(paths: tuple[str, ...], *, adapt: bool, quiet: bool, verbose: bool) -> None:
    """Check before any work that the arguments can be combined."""
    if "-" in paths and sys.stdin.isatty():
        raise UsageError("- reads a recording from standard input, which is a terminal; pipe a recording into it")
    if "-" in paths and adapt:
        raise UsageError("--adapt reads every recording twice, which standard input does not allow; pass files")
    if quiet and verbose:
        raise UsageError("--quiet and --verbose were given; allowed: one of them")


def _predict(
    model: Model, inputs: Inputs, *, workers: int, channel: Selection, track: Track, progress: Progress
) -> Iterator[tuple[RecordingPath | None, tuple[Prediction | Failure, ...]]]:
    """Yield every input with its results, in order."""
    files = [item.path for item in inputs.items if isinstance(item, RecordingPath) and not item.is_standard_input]
    many = model.attempt_many(
        files, workers=max(1, min(workers, len(files))), channel=channel, track=track, progress=progress
    )
    for item in inputs.items:
        if not isinstance(item, RecordingPath):
            yield None, (item,)
        elif item.is_standard_input:
            yield item, _predict_standard_input(model, channel=channel, track=track, progress=progress)
        else:
            yield item, next(many)


def _predict_standard_input(
    model: Model, *, channel: Selection, track: Track, progress: Progress
) -> tuple[Prediction | Failure, ...]:
    from emotone.audio.source import spool
    from emotone.inference.result import Failure

    try:
        with spool(sys.stdin.buffer) as path:
            return model.attempt(path, channel=channel, track=track, name="-", progress=progress)
    except AudioError as error:
        return (Failure("-", error.code, str(error)),)


def _check_plot(plot: Path | None, inputs: Inputs) -> None:
    """Check before any work that a picture can be drawn, if one is wanted."""
    if plot is None:
        return
    from emotone.inference.plot import check_installed, check_suffix

    check_suffix(plot)
    if len(inputs.items) != 1:
        raise UsageError(
            f"--plot draws one recording; {len(inputs.items)} were given; name one file, or call Prediction.plot in "
            "Python for each"
        )
    check_installed()


def _plot(results: Sequence[Prediction | Failure], path: Path) -> None:
    """Draw predictions; `call.png` becomes `call.channel-0.png` where each channel has one."""
    from emotone.inference.result import Prediction

    predictions = [one for one in results if isinstance(one, Prediction)]
    for one in predictions:
        one.plot(path if len(predictions) == 1 else path.with_name(f"{path.stem}.channel-{one.channel}{path.suffix}"))


def _report_notes(results: Sequence[Prediction | Failure]) -> None:
    """Print what the reader should know about how recordings were read."""
    from emotone.inference.result import Prediction

    notes = {(one.file, note): None for one in results if isinstance(one, Prediction) for note in one.notes}
    for file, note in notes:
        console.note(note if file is None or note.startswith(file) else f"{file}: {note}")


def _novelties(results: Sequence[Prediction | Failure]) -> list[float]:
    """Return how unlike the training data the recordings are, where it is known."""
    from emotone.inference.result import Prediction

    found = (one.clip.novelty for one in results if isinstance(one, Prediction))
    return [novelty for novelty in found if novelty is not None]


def _suggest_adaptation(novelties: list[float]) -> None:
    """Print a note if most of many recordings sound unlike the training data."""
    median = sorted(novelties)[len(novelties) // 2] if len(novelties) >= MANY else 0.0
    if median >= NOVEL:
        console.note(
            f"half of the recordings sound less like the training data than {100 * median:.0f} % of new recordings of "
            "its corpora, so errors are likely; --adapt adapts the model to them, without labels"
        )


def _without_existing(inputs: Inputs, folder: Folder) -> tuple[Inputs, int]:
    """Return the inputs without an existing result, and the number of those with one."""
    new = tuple(item for item in inputs.items if not (isinstance(item, RecordingPath) and folder.has_result(item)))
    return Inputs(new, single=inputs.single), len(inputs.items) - len(new)


def _conclude(failures: list[Failure], *, done: int, novelties: list[float], quiet: bool) -> int:
    """List the failures, suggest what helps with unusual recordings, and return the exit status."""
    if not quiet:
        _suggest_adaptation(novelties)
    for message in failure_messages(failures):
        console.error(message)
    if not failures:
        return 0
    if not quiet and len(failures) + done > 1:
        console.note(f"{len(failures)} of {len(failures) + done} failed")
    return SOME_FAILED if done else ALL_FAILED


def _results(count: int) -> str:
    return "result" if count == 1 else "results"
