"""What commands print: messages and progress on standard error; JSON, tables and evaluations on standard output.

A message is one line; failures with the same cause share one. On a terminal, trainings, evaluations and predictions
show progress bars, and predictions a further one within a long recording.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.inference.display import clock, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.progress import Progress as Bars
    from rich.progress import TaskID
    from rich.table import Table

    from emotone.evaluation.run import Evaluation, Progress
    from emotone.evaluation.shortcuts import CueScore
    from emotone.features.store import ExtractionProblem
    from emotone.inference.result import Failure
    from emotone.scoring.operating_points import OperatingPoints
    from emotone.types import Seconds

PIPE_WIDTH = 1000  # of a table in a pipe, where nothing is wrapped

MANY = 3  # recordings: their number is shown from this one on
LONG: Seconds = 60  # recordings: progress within them is shown from this duration on


def error(message: object) -> None:
    """Print an error on one line."""
    click.echo(f"emotone: error: {printable(' '.join(str(message).split()))}", err=True)


def note(message: str) -> None:
    """Print a note on one line."""
    click.echo(f"emotone: {printable(message)}", err=True)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(table: Table) -> None:
    """Print a table on standard output: words are never cut, and in a pipe without `COLUMNS` nothing is wrapped."""
    from rich.console import Console

    for column in table.columns:
        column.overflow = "fold"
    terminal = Console(markup=False, highlight=False)
    if not terminal.is_terminal and "COLUMNS" not in os.environ:
        terminal.width = PIPE_WIDTH
    terminal.print(table)


class _NoteHandler(logging.Handler):
    """Prints the messages of a log as notes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        note(record.getMessage())


@contextlib.contextmanager
def log_to_standard_error() -> Iterator[None]:
    """Print the log of the package, from the level DEBUG on, as notes."""
    log = logging.getLogger("emotone")
    handler, level = _NoteHandler(), log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def failure_messages(failures: Sequence[Failure]) -> Iterator[str]:
    """Yield one message per failure, except that Git LFS pointers share one, and so do web pages.

    The message for many is in the place of the first of them.
    """
    return _messages([(failure.code, failure.file, _message(failure)) for failure in failures])


def report_left_out(problems: Sequence[ExtractionProblem]) -> None:
    """Print the recordings of a corpus that can't be used, those of `failure_messages` with one message."""
    for message in _messages([(problem.code, problem.key, problem.message) for problem in problems]):
        error(f"left out: {message}")


def _messages(failed: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield different messages for failed recordings, each a code, a name and a message of its own."""
    from emotone.audio.identify import message_for_many  # this module is imported by every command

    names: dict[str, list[str]] = {}
    for code, name, _ in failed:
        names.setdefault(code, []).append(name)
    together = {code: message_for_many(code, alike) for code, alike in names.items()}
    yield from dict.fromkeys(together[code] or message for code, _, message in failed)


def _message(failure: Failure) -> str:
    # Audio errors name files as `Path` writes them: `./a.wav` becomes `a.wav`.
    named = failure.message.startswith((failure.file, str(Path(failure.file)), "standard input"))
    return failure.message if named else f"{failure.file}: {failure.message}"


class ProgressDisplay:
    """One progress bar per stage on a terminal; on anything else, no bars."""

    def __init__(self, bars: Any | None) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def report(self, report: Progress) -> None:
        """Show the progress of an evaluation."""
        self.stage(report.stage, report.done, report.total)

    def counter(self, stage: str, total: int) -> Callable[[int], None]:
        """Return a callback that advances a stage."""
        done = 0

        def add(count: int) -> None:
            nonlocal done
            done += count
            self.stage(stage, done, total)

        return add

    def batches(self, done: int, total: int) -> None:
        """Show the progress of an epoch."""
        self.stage("epoch", done, total)

    def say(self, text: str) -> None:
        """Print a line above the bars, or as a note if there are none."""
        if self._bars is not None:
            self._bars.console.print(text, highlight=False)
        else:
            note(text)

    def stage(self, stage: str, done: float, total: float) -> None:
        """Show the progress of a stage."""
        if self._bars is None:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[ProgressDisplay]:
    """Yield a display; it draws bars only if standard error is a terminal and `quiet` is false."""
    from rich.console import Console

    terminal = Console(stderr=True)
    if quiet or not terminal.is_terminal:
        yield ProgressDisplay(None)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=terminal) as bars:
        yield ProgressDisplay(bars)


class PredictionProgress:
    """Bars for recordings, and for the seconds of a long recording.

    Args:
        bars: draws them; None draws nothing.
        total: number of recordings.
        keep: whether the number of recordings stays visible while results are written.

    """

    def __init__(self, bars: Bars | None, *, total: int, keep: bool) -> None:
        self._bars = bars
        self._keep = keep
        self._recordings: TaskID | None = None
        self._seconds: TaskID | None = None
        if bars is not None and total >= MANY and keep:
            self._recordings = bars.add_task("recordings", total=total, shown=f"0/{total}")
            self._total = total
            self._done = 0
            bars.start()

    def within(self, done: Seconds, total: Seconds | None) -> None:
        """Show the progress within a recording: seconds that are analysed, and its duration if it is known."""
        if self._bars is None or (done if total is None else total) < LONG:
            return
        shown = clock(done) if total is None else f"{clock(done)}/{clock(total)}"
        if self._seconds is None:
            self._seconds = self._bars.add_task("recording", total=total, shown=shown)
            self._bars.start()
        self._bars.update(self._seconds, completed=done, total=total, shown=shown)

    def end_of_recording(self) -> None:
        """Remove the bar of the recording; call this before its result is written."""
        if self._bars is None:
            return
        if self._seconds is not None:
            self._bars.remove_task(self._seconds)
            self._seconds = None
        if not self._keep:
            self._bars.stop()

    def advance(self) -> None:
        """Count a recording."""
        if self._bars is not None and self._recordings is not None:
            self._done += 1
            self._bars.update(self._recordings, completed=self._done, shown=f"{self._done}/{self._total}")


@contextlib.contextmanager
def prediction_progress(total: int, *, shown: bool, keep: bool) -> Iterator[PredictionProgress]:
    """Yield the progress of predictions on standard error.

    Args:
        total: number of recordings.
        shown: whether bars are drawn.
        keep: as for `PredictionProgress`: results do not go to the same terminal.

    """
    if not shown:
        yield PredictionProgress(None, total=total, keep=keep)
        return
    bars = _bars()
    try:
        yield PredictionProgress(bars, total=total, keep=keep)
    finally:
        bars.stop()


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)


def to_dict(
    results: Sequence[Evaluation], *, points: OperatingPoints | None, shortcuts: Sequence[CueScore] | None
) -> dict[str, Any]:
    """Return results as one JSON object.

    Args:
        results: an evaluation, followed by that of its speaker-independent twin, if any.
        points: thresholds of a detector, if any.
        shortcuts: scores of simple cues, if requested.

    """
    first, *twins = results
    found: dict[str, Any] = {
        "run": str(first.folder),
        "scores": [score.to_dict() for result in results for score in result.scores],
        "leakage": first.leakage.to_dict() if first.leakage is not None else None,
        "problems": [problem.message for problem in first.problems],
        "twin": str(twins[0].folder) if twins else None,
        "training_overlap": asdict(first.training_overlap) if first.training_overlap is not None else None,
    }
    if shortcuts is not None:
        found["shortcuts"] = [cue.to_dict() for cue in shortcuts]
    if points is not None:
        found["operating_points"] = points.to_dict()
    return found


def print_evaluation(results: Sequence[Evaluation], points: OperatingPoints | None) -> None:
    """Print scores, thresholds, the leakage audit and the folders of the runs."""
    from emotone.scoring.scores import scores_table

    click.echo(scores_table([score for result in results for score in result.scores]).text())
    if points is not None:
        click.echo(f"\n{points.table().text()}")
    for line in _twin_lines(results):
        click.echo(f"\n{line}")
    for result in results:
        if result.leakage is not None:
            click.echo(f"\nLeakage audit, what training and test data share ({result.protocol}):")
            for line in result.leakage.lines():
                click.echo(f"  {line}")
    click.echo()
    for result in results:
        click.echo(result.folder)


def shortcuts_text(results: Sequence[Evaluation], shortcuts: Sequence[CueScore]) -> str:
    """Return a table for each protocol: scores of simple cues next to those of the evaluated system."""
    from emotone.evaluation.shortcuts import cues_table

    texts = []
    for result in results:
        cues = [cue for cue in shortcuts if cue.protocol == result.protocol]
        systems = _uar(result)
        texts.append(
            f"\nBaselines that use simple cues ({result.protocol}):\n\n{cues_table(cues, systems=systems).text()}"
        )
    return "\n".join(texts)


def _twin_lines(results: Sequence[Evaluation]) -> list[str]:
    """Return one line per corpus: the score with shared speakers, and that for new speakers."""
    if len(results) == 1:
        return []
    shared, new = (_uar(result) for result in results)
    return [
        f"{corpus}: UAR {100 * shared[corpus]:.0f} with shared speakers, {100 * new[corpus]:.0f} for new speakers"
        for corpus in shared
        if corpus in new
    ]


def _uar(result: Evaluation) -> dict[str, float]:
    """Return the unweighted average recall of the evaluated system on each corpus, 0 to 1."""
    return {score.corpus: score.number for score in result.scores if (score.setting, score.metric) == ("system", "uar")}
