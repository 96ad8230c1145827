"""Progress bars: one per stage on a terminal, and notes instead of bars elsewhere."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn

from emotone.cli.console import ProgressDisplay, progress
from emotone.evaluation.run import Progress as StageProgress

if TYPE_CHECKING:
    import pytest


def test_without_a_terminal_only_notes_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False) as display:
        display.counter("features", 10)(3)
        display.batches(1, 4)
        display.report(StageProgress("folds", 1, 5))
        display.say("epoch 1: loss 0.5")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "emotone: epoch 1: loss 0.5\n")


def test_every_stage_has_a_bar() -> None:
    stream = io.StringIO()
    columns = (TextColumn("{task.description}"), MofNCompleteColumn())
    with Progress(*columns, console=Console(file=stream, width=80)) as bars:
        display = ProgressDisplay(bars)
        count = display.counter("features", 10)
        count(3)
        count(4)
        display.report(StageProgress("folds", 2, 5))
        display.say("half done")
    shown = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert "half done" in shown
    assert {"features 7/10", "folds 2/5"} <= set(shown)
