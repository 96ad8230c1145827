"""The generated page of the segment paper: from synthetic runs, and without any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from tests.made_runs import made_segments, write_run

from emotone.reproductions.base import CellResult
from emotone.reproductions.papers.segment_vggish.page import figure, page
from emotone.reproductions.papers.segment_vggish.tables import (
    METRICS,
    PAPER,
    TABLE3,
    TABLE4,
    TABLE5,
    segmentation_row,
    units_row,
)
from emotone.reproductions.stored import rows_file, runs_folder
from emotone.scoring.segments import AVERAGE, clip_confusion_of, segment_values

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import PublishedTable
    from emotone.scoring.predictions import PredictionsTable


def store(table: PublishedTable, tables: dict[tuple[str, str], PredictionsTable], *, out: Path) -> None:
    """Store synthetic runs on SAVEE, by row id and column id."""
    rows = []
    for cell in table.cells:
        made = tables.get((cell.row.id, cell.column.id)) if cell.corpus == "savee" else None
        run = "" if made is None else f"run-{id(made)}"
        rows.append(CellResult(cell, None, "not run", run).to_dict())
        if made is not None:
            write_run(runs_folder(PAPER, out=out) / run, made)
    path = rows_file(PAPER, table, out=out)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"rows": rows}))


def of_all_metrics(row: str, table: PredictionsTable) -> dict[tuple[str, str], PredictionsTable]:
    return {(row, column.lower()): table for column in METRICS}


def test_the_page_has_scores_deviations_and_confusion_matrices(tmp_path: Path) -> None:
    segmentations = {"non-overlapping": 1, "overlapping": 2}
    rows = [segmentation_row("yamnet", name, "four", "random") for name in segmentations]
    tables = [made_segments(draw=draw, seeds=3, corpus="savee") for draw in segmentations.values()]
    stored = [of_all_metrics(row.id, made) for row, made in zip(rows, tables, strict=True)]
    store(TABLE3, stored[0] | stored[1], out=tmp_path)
    text = page(tmp_path)
    for row, made in zip(rows, tables, strict=True):
        value = 100 * segment_values(made.windows())[AVERAGE]
        (grid, spread) = (line for line in text.splitlines() if line.startswith(f"| savee | {row} |"))
        assert f"| {value:.1f} [" in grid
        assert spread.split(" | ")[2] == "3"
        assert f"| {value:.1f} ± " in spread
    matrices = [clip_confusion_of(made, "savee") for made in tables]
    first, second = (100 * matrix[0, 0] / matrix[0].sum() for matrix in matrices)
    assert "### savee, random split" in text
    assert f"| fear | {first:.1f} / {second:.1f} |" in text
    published = segmentation_row("vggish", "overlapping", "four", "random")
    assert f"| iemocap | {published} | data absent / 56.1 | data absent / 12.5 |" in text


def test_differences_have_intervals_and_are_counted(tmp_path: Path) -> None:
    first, second = (made_segments(skill, draw=1, seeds=3, corpus="savee") for skill in (1.0, 4.0))
    store(TABLE3, of_all_metrics(segmentation_row("yamnet", "overlapping", "four", "speakers").id, first), out=tmp_path)
    fewer, more = (units_row("yamnet", units, "speakers").id for units in (100, 200))
    store(TABLE4, of_all_metrics(fewer, first) | of_all_metrics(more, second), out=tmp_path)
    systems = {("yamnet-overlapping", "speakers"): first, ("mn04-overlapping", "speakers"): second}
    store(TABLE5, {**systems, ("yamnet-overlapping", "random"): first}, out=tmp_path)
    section = page(tmp_path).split("## Significance of differences")[1].split("##")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if "→" in line]
    changes = ["N = 100 → N = 200", "YAMNet, frozen, overlapping → mn04, frozen, overlapping"]
    rows = [row for row in cells if row[0] == "savee"]
    assert [row[:3] for row in rows] == [["savee", "speaker-independent split", change] for change in changes]
    low, high = (
        100 * float(np.mean(whole.prediction == whole.truth))
        for whole in (first.whole_utterances(), second.whole_utterances())
    )
    for _, _, _, difference, utterances, speakers, *_ in rows:
        assert difference.startswith(f"{high - low:+.1f} [")
        assert (utterances, speakers) == ("36", "6")
    assert cells[2:] == [[change, "1", "1", "1", f"{high - low:+.1f}"] for change in changes]


def test_segments_are_counted_next_to_the_published_numbers(tmp_path: Path) -> None:
    made = {
        name: made_segments(draw=draw, corpus="savee") for draw, name in enumerate(("non-overlapping", "overlapping"))
    }
    store(TABLE5, {(f"yamnet-{name}", "loso"): table for name, table in made.items()}, out=tmp_path)
    section = page(tmp_path).split("## Clips and segments")[1].split("##")[0]
    assert "| iemocap, published | overlapping | 51180 | 19.75 | 30.06 | 23.76 | 26.44 |" in section
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| savee")]
    counts = {name: str(len(table.windows())) for name, table in made.items()}
    clips = str(len(made["overlapping"].whole_utterances()))
    assert [row[1:3] for row in rows] == [["clips", clips], *([name, count] for name, count in counts.items())]


def test_the_figure_has_both_segmentations(tmp_path: Path) -> None:
    rows = [segmentation_row("yamnet", name, "four", "random").id for name in ("non-overlapping", "overlapping")]
    made = [of_all_metrics(row, made_segments(draw=draw, corpus="savee")) for draw, row in enumerate(rows)]
    store(TABLE3, made[0] | made[1], out=tmp_path)
    text = figure(tmp_path)
    assert "SAVEE, known speakers" in text
    assert "new speakers" not in text
    assert text.count("<g>") == 2


def test_without_runs_the_page_has_the_published_numbers(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "| iemocap, published | VGGish, overlapping | 6 | 56.1 ± 1.1 | 12.5 ± 1.0 | 62.1 ± 1.9 |" in text
    assert f"| iemocap | {units_row('vggish', 400, 'random')} | data absent / 55.9 |" in text
    assert "anger as happiness 26.72" in text
    assert "Leakage audit" not in text
