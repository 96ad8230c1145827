"""The generated page of learning curves: from synthetic runs, and without any."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scripts.pages.transfer import figure, transfer
from tests.scoring.test_result_table import curve_run

if TYPE_CHECKING:
    from pathlib import Path


def store(results: Path) -> None:
    folder = results / "transfer-curves"
    for draw, (plan, clips, skill) in enumerate(
        [("", 10, 0.1), ("", 20, 0.5), ("", None, 0.9), ("A1", None, 0.3), ("A2", 10, 0.4), ("A2", 20, 0.9)]
    ):
        curve_run(folder, plan=plan, clips=clips, skill=skill, draw=draw)


def test_scores_and_gains_are_listed_by_plan_and_clips(tmp_path: Path) -> None:
    store(tmp_path)
    text = transfer(tmp_path)
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| A2")]
    assert "| clips | 0 | 10 | 20 | all (27) |" in text
    assert float(rows[0][2].split()[0]) > 50
    assert rows[1][2].startswith("+")
    assert "54 clips of 6 speakers, all tested; chance is 33.3" in text
    assert "10 epochs of 20 batches of 8" in text
    assert "  Training from scratch needs " in text
    assert [line for line in text.splitlines() if line.startswith("| mean gain")]


def test_the_figure_is_complete_and_reproducible(tmp_path: Path) -> None:
    store(tmp_path)
    drawn = figure(tmp_path)
    texts = set(re.findall(r"<text[^>]*>([^<]+)</text>", drawn))
    assert {"0", "10", "20", "all (27)", "from scratch", "A1", "A2", "UAR x 100"} <= texts
    assert drawn == figure(tmp_path)


def test_a_longer_training_is_reported(tmp_path: Path) -> None:
    store(tmp_path)
    longer = curve_run(tmp_path / "made", skill=1.0)
    longer.rename(tmp_path / "transfer-curves" / "curve-alone-longer-0123")
    assert "From scratch with 200 batches and all (27) clips: 100.0 [100.0, 100.0]." in transfer(tmp_path)


def test_without_runs_the_page_has_a_remark(tmp_path: Path) -> None:
    assert "Not run yet." in transfer(tmp_path)
