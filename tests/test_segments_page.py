"""The generated page of the segment paper: from made-up runs, and what there is without any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from scripts.pages.segments import segment_vggish
from tests.made_runs import made_segments, write_run

from emotone.reproductions.base import Row
from emotone.reproductions.papers.segment_vggish import METRICS, PAPER, RANDOM, SPEAKERS, TABLE3, TABLE4, TABLE5
from emotone.reproductions.reproduce import ROWS, folder_of, runs_of
from emotone.scoring.segments import AVERAGE, clip_confusion_of, segment_values

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import Table
    from emotone.scoring.predictions import PredictionsTable


def _keep(of: Table, tables: dict[tuple[str, str], PredictionsTable], *, out: Path) -> None:
    """Keep made-up runs of SAVEE, by setting and column, as the rows of a table."""
    told = []
    for cell in of.cells:
        made = tables.get((cell.setting, cell.column)) if cell.corpus == "savee" else None
        run = "" if made is None else f"run-{id(made)}"
        told.append({**Row(cell, None, "not run").to_dict(), "run": run})
        if made is not None:
            write_run(runs_of(PAPER, of, out=out) / run, made)
    folder = folder_of(PAPER, of, out=out)
    folder.mkdir(parents=True)
    (folder / ROWS).write_text(json.dumps({"rows": told}))


def test_runs_stand_beside_what_was_published(tmp_path: Path) -> None:
    segmentations = {"non-overlapping": 1, "overlapping": 2}
    tables = {
        f"YAMNet, {name}, four emotions, {RANDOM}": made_segments(draw=draw, seeds=3, corpus="savee")
        for name, draw in segmentations.items()
    }
    _keep(TABLE3, {(setting, column): made for setting, made in tables.items() for column in METRICS}, out=tmp_path)
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


def test_differences_stand_beside_what_of_them_is_chance(tmp_path: Path) -> None:
    able, better = (made_segments(skill, draw=1, seeds=3, corpus="savee") for skill in (1.0, 4.0))
    alone = f"YAMNet, overlapping, four emotions, {SPEAKERS}"
    fewer, more = (f"YAMNet, N = {units}, {SPEAKERS}" for units in (100, 200))
    yamnet, mn04 = "YAMNet as it is, overlapping", "mn04 as it is, overlapping"
    _keep(TABLE3, {(alone, column): able for column in METRICS}, out=tmp_path)
    _keep(
        TABLE4,
        {(name, column): run for name, run in ((fewer, able), (more, better)) for column in METRICS},
        out=tmp_path,
    )
    _keep(TABLE5, {(yamnet, SPEAKERS): able, (mn04, SPEAKERS): better, (yamnet, RANDOM): able}, out=tmp_path)
    lines = segment_vggish(tmp_path).split("## What is more than chance")[1].split("##")[0].splitlines()
    told = [line.strip("| ").split(" | ") for line in lines if "→" in line]
    rows = [line for line in told if line[0] == "savee"]
    assert [row[:3] for row in rows] == [
        ["savee", SPEAKERS, "N = 100 → N = 200"],
        ["savee", SPEAKERS, f"{yamnet} → {mn04}"],
    ]
    whole = [each.whole_utterances() for each in (able, better)]
    low, high = (100 * float(np.mean(each.prediction == each.truth)) for each in whole)
    for _, _, _, difference, utterances, speakers, *_ in rows:
        assert difference.startswith(f"{high - low:+.1f} [")
        assert (utterances, speakers) == ("36", "6")
    assert told[2:] == [
        [change, "1", "1", f"{high - low:+.1f}"] for change in ("N = 100 → N = 200", f"{yamnet} → {mn04}")
    ]


def test_without_runs_the_page_shows_what_was_published(tmp_path: Path) -> None:
    text = segment_vggish(tmp_path)
    assert "| iemocap, published | VGGish, overlapping | 6 | 56.1 ± 1.1 | 12.5 ± 1.0 | 62.1 ± 1.9 |" in text
    assert "| iemocap | VGGish, N = 400, random clips | not run / 55.9 |" in text
    assert "anger as happiness 26.72" in text
    assert "What training and test parts share" not in text
