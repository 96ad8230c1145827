"""Progress bars of trainings and evaluations, on standard error."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from emotone.cli import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emotone.evaluation.run import Progress


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
            console.note(text)

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
