"""Progress of predictions on a terminal: a bar for many recordings, and one within a long recording.

The bars disappear before a result is written to the same terminal, and when all is done.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from emotone.inference.display import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from emotone.types import Seconds

MANY = 3  # recordings: their number is shown from this one on
LONG: Seconds = 60  # recordings: progress within them is shown from this duration on


class PredictionProgress:
    """Bars for recordings, and for the seconds of a long recording.

    Args:
        bars: draws them; None draws nothing.
        total: number of recordings.
        keep: whether the number of recordings stays visible while results are written.

    """

    def __init__(self, bars: Progress | None, *, total: int, keep: bool) -> None:
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
