"""The generated page of the segment paper: from made-up runs, and what there is without any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts.pages.segments import segment_vggish
from tests.made_runs import made_segments, write_run

from emotone.evaluation.segments import AVERAGE, clip_confusion_of, segment_values
from emotone.papers.base import Row
from emotone.papers.reproduce import ROWS, folder_of, runs_of
from emotone.papers.segment_vggish import PAPER, RANDOM, TABLE3

if TYPE_CHECKING:
    from pathlib import Path


def test_runs_stand_beside_what_was_published(tmp_path: Path) -> None:
    segmentations = {"non-overlapping": 1, "overlapping": 2}
    tables = {
        f"YAMNet, {name}, four emotions, {RANDOM}": made_segments(draw=draw, seeds=3, corpus="savee")
        for name, draw in segmentations.items()
    }
    told = []
    for cell in TABLE3.cells:
        known = cell.corpus == "savee" and cell.setting in tables
        run = f"run-{list(tables).index(cell.setting)}" if known else ""
        told.append({**Row(cell, None, "not run").to_dict(), "run": run})
    for number, made in enumerate(tables.values()):
        write_run(runs_of(PAPER, TABLE3, out=tmp_path) / f"run-{number}", made)
    folder = folder_of(PAPER, TABLE3, out=tmp_path)
    folder.mkdir(parents=True)
    (folder / ROWS).write_text(json.dumps({"rows": told}))
    text = segment_vggish(tmp_path)
    for setting, made in tables.items():
        value = 100 * segment_values(made.windows())[AVERAGE]
        (grid, spread) = (line for line in text.splitlines() if line.startswith(f"| savee | {setting} |"))
        assert f"| {value:.1f} [" in grid
        assert spread.split(" | ")[2] == "3"
        assert f"| {value:.1f} ± " in spread
    matrices = [clip_confusion_of(made, "savee") for made in tables.values()]
    first, second = (100 * matrix[0, 0] / matrix[0].sum() for matrix in matrices)
    assert f"### savee, {RANDOM}" in text
    assert f"| fear | {first:.1f} / {second:.1f} |" in text
    assert "| iemocap | VGGish, overlapping, four emotions, random clips | not run / 56.1 | not run / 12.5 |" in text


def test_without_runs_the_page_shows_what_was_published(tmp_path: Path) -> None:
    text = segment_vggish(tmp_path)
    assert "| iemocap, published | VGGish, overlapping | 6 | 56.1 ± 1.1 | 12.5 ± 1.0 | 62.1 ± 1.9 |" in text
    assert "| iemocap | VGGish, N = 400, random clips | not run / 55.9 |" in text
    assert "anger as happiness 26.72" in text
    assert "What training and test parts share" not in text
