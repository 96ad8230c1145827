"""The generated pages of the baselines and of the paper on anger detection, from synthetic runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.made_runs import Made

from emotone.reproductions.base import CellResult
from emotone.reproductions.papers.anger_soundnet import page as anger_soundnet
from emotone.reproductions.papers.baselines import page as baselines
from emotone.reproductions.papers.baselines.tables import OPENSMILE, PAPER
from emotone.reproductions.stored import rows_file, runs_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_baselines_show_the_overestimation_by_random_folds(tmp_path: Path) -> None:
    runs = {
        "train-scaled": Made(skill=0.2, corpora=("emodb",)),
        "random": Made(skill=0.9, corpora=("emodb",), protocol="random-5"),
    }
    rows = []
    for cell in OPENSMILE.cells:
        made = runs.get(cell.column.id) if (cell.corpus, cell.row.id) == ("emodb", "is10") else None
        name = cell.column.id if made is not None else ""
        if made is not None:
            made.write(runs_folder(PAPER, out=tmp_path) / name)
        rows.append(CellResult(cell, None, "not run", name).to_dict())
    rows_file(PAPER, OPENSMILE, out=tmp_path).write_text(json.dumps({"rows": rows}))
    text = baselines.page(tmp_path)
    (line,) = (line for line in text.splitlines() if line.startswith("- emodb, IS10: "))
    random, independent = (int(part.split()[0]) for part in line.removeprefix("- emodb, IS10: ").split(", "))
    assert random > independent + 20
    assert "| savee | eGeMAPS | data absent / 34.8 |" in text


def test_without_runs_the_page_of_anger_detection_has_the_published_numbers(tmp_path: Path) -> None:
    text = anger_soundnet.page(tmp_path)
    assert "| masc | transfer, two layers frozen | data absent / 62.6 | - |" in text
    assert "One of the two runs is missing." in text
