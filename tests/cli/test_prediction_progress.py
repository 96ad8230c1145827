"""Bars of predictions: many recordings, one long recording, and results on the same terminal."""

from __future__ import annotations

import io

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from emotone.cli.console import LONG, PredictionProgress, prediction_progress


class Terminal(io.StringIO):
    """A terminal that remembers what is shown."""

    def isatty(self) -> bool:
        return True


def bars(terminal: Terminal) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[shown]}"))
    console = Console(file=terminal, force_terminal=True, width=80)
    return Progress(*columns, console=console, transient=True, auto_refresh=False)


def started(drawn: Progress) -> bool:
    return drawn.live.is_started


def test_a_long_recording_has_a_bar_of_its_own() -> None:
    terminal = Terminal()
    drawn = bars(terminal)
    progress = PredictionProgress(drawn, total=1, keep=False)
    progress.within(0.0, LONG - 1)
    assert drawn.tasks == []
    progress.within(10.0, 2 * LONG)
    progress.within(60.0, 2 * LONG)
    (task,) = drawn.tasks
    assert (task.completed, task.total, task.fields["shown"]) == (60, 120, "1:00.0/2:00.0")
    progress.end_of_recording()
    assert drawn.tasks == []
    assert started(drawn) is False
    progress.advance()
    progress.within(10.0, 2 * LONG)  # the next long recording has a bar again
    assert started(drawn) is True
    drawn.stop()


def test_an_unknown_duration_shows_the_seconds_after_a_minute() -> None:
    drawn = bars(Terminal())
    progress = PredictionProgress(drawn, total=1, keep=True)
    progress.within(LONG - 10, None)
    assert drawn.tasks == []
    progress.within(LONG + 10, None)
    assert (drawn.tasks[0].total, drawn.tasks[0].fields["shown"]) == (None, "1:10.0")
    drawn.stop()


def test_many_recordings_are_counted_where_results_go_elsewhere() -> None:
    drawn = bars(Terminal())
    progress = PredictionProgress(drawn, total=3, keep=True)
    progress.within(10.0, 2 * LONG)
    progress.end_of_recording()
    progress.advance()
    (task,) = drawn.tasks
    assert (task.completed, task.fields["shown"]) == (1, "1/3")
    assert started(drawn)
    drawn.stop()
    assert PredictionProgress(bars(Terminal()), total=3, keep=False)
    few = bars(Terminal())
    PredictionProgress(few, total=2, keep=True)
    assert few.tasks == []


def test_nothing_is_drawn_where_nothing_is_shown() -> None:
    for shown in (False, True):
        with prediction_progress(3, shown=shown, keep=False) as progress:
            progress.within(10.0, 5.0)
            progress.end_of_recording()
            progress.advance()
