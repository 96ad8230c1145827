"""The generated page of the third paper: gains with their arrows, from made-up runs, and what there is without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts.pages.transferable_features import transferable_features
from tests.made_runs import Made

from emotone.reproductions.base import Row
from emotone.reproductions.papers.transferable_features import PAPER, TABLE3, TABLE4
from emotone.reproductions.reproduce import ROWS, folder_of, runs_of
from emotone.scoring.finished_run import STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import Table

FREE = "random folds, free corpora"


def keep(table: Table, made: dict[tuple[str, str], Made], *, results: Path) -> None:
    """Write runs of Emo-DB by (setting, column), and the rows that name them."""
    told = []
    for cell in table.cells:
        run = made.get((cell.setting, cell.column)) if cell.corpus == "emodb" else None
        name = "" if run is None else f"{cell.setting}-{cell.protocol}".replace(" ", "").replace(",", "-")
        if run is not None:
            run.write(runs_of(PAPER, table, out=results) / name)
        told.append({**Row(cell, None, "not run").to_dict(), "run": name})
    folder = folder_of(PAPER, table, out=results)
    folder.mkdir(parents=True)
    (folder / ROWS).write_text(json.dumps({"rows": told}))


def made(skill: float, *, draw: int) -> Made:
    return Made(skill=skill, draw=draw, corpora=("emodb",))


def test_gains_stand_beside_what_was_published(tmp_path: Path) -> None:
    alone = made(0.3, draw=1)
    found = {("TT", "random folds, alone"): alone, ("S1-A2", FREE): made(0.9, draw=2), ("S2-A1", FREE): alone}
    keep(TABLE3, found, results=tmp_path)
    stages = runs_of(PAPER, TABLE3, out=tmp_path) / "multidomain-s1-a2-onto-emodb-random-5-0123" / STAGES
    stages.parent.mkdir()
    stages.write_text(json.dumps({"1-fold-1": {"absent": ["surprise"]}, "1-fold-2": {"absent": []}}))
    text = transferable_features(tmp_path)
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| emodb |")]
    first, second = rows[0], rows[1]
    assert text.count(f"S1, {FREE}: gain over TT") == 1
    gained = float(first[3].split()[0])
    assert 50 < gained < 130
    assert first[3].split()[1:] == ["↑", "(↑)"]
    assert first[2] == "-"
    assert second[2].split() == ["+0.0", "•", "(•)"]
    assert "| emodb | 61.4 | +4.7 | +11.7 |" in text
    assert "- emodb: surprise" in text
    assert f"- emodb, {FREE}: " in text
    assert "(S1-A2)" in text


def test_an_ablation_is_held_against_all_corpora(tmp_path: Path) -> None:
    found = {
        ("S1-A2, all", FREE): made(0.8, draw=1),
        ("S1-A2, without savee", FREE): made(0.2, draw=2),
    }
    keep(TABLE4, found, results=tmp_path)
    text = transferable_features(tmp_path)
    assert f"### emodb, {FREE}" in text
    (line,) = (line for line in text.splitlines() if line.startswith("| - savee |"))
    assert line.split(" | ")[2].split()[1] == "↓"
    assert not any(line.startswith("| - nemo |") for line in text.splitlines())


def test_without_runs_the_page_says_so_and_shows_what_was_published(tmp_path: Path) -> None:
    text = transferable_features(tmp_path)
    assert text.count("Not run yet.") == 4
    assert "| average |  | +1.6 | +7.3 |" in text
