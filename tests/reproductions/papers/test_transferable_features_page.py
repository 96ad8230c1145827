"""The generated page of the paper on transferable features: from synthetic runs, and without any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.made_runs import Made

from emotone.reproductions.base import CellResult
from emotone.reproductions.papers.transferable_features.page import figure, page
from emotone.reproductions.papers.transferable_features.tables import PAPER, TABLE3, TABLE4
from emotone.reproductions.stored import rows_file, runs_folder
from emotone.scoring.finished_run import STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import PublishedTable

FREE = "random folds, free corpora"


def store(table: PublishedTable, made: dict[tuple[str, str], Made], *, results: Path) -> None:
    """Store synthetic runs on Emo-DB, by row id and column id."""
    rows = []
    for cell in table.cells:
        run = made.get((cell.row.id, cell.column.id)) if cell.corpus == "emodb" else None
        name = "" if run is None else f"{cell.row.id}-{cell.protocol}"
        if run is not None:
            run.write(runs_folder(PAPER, out=results) / name)
        rows.append(CellResult(cell, None, "not run", name).to_dict())
    path = rows_file(PAPER, table, out=results)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"rows": rows}))


def made(skill: float, *, draw: int) -> Made:
    return Made(skill=skill, draw=draw, corpora=("emodb",))


def test_gains_have_the_arrows_of_their_tests(tmp_path: Path) -> None:
    base = made(0.3, draw=1)
    runs = {("tt", "random-target"): base, ("s1-a2", "random-free"): made(0.9, draw=2), ("s2-a1", "random-free"): base}
    store(TABLE3, runs, results=tmp_path)
    stages = runs_folder(PAPER, out=tmp_path) / "s1-a2-onto-emodb-random-5" / STAGES
    stages.write_text(json.dumps({"1-fold-1": {"absent": ["surprise"]}, "1-fold-2": {"absent": []}}))
    drawn = figure(tmp_path)
    assert "no transfer" in drawn
    assert "loaded, unchanged" in drawn
    assert "only the output new" not in drawn  # not run
    text = page(tmp_path)
    section = text.split(f"### S1, {FREE}: gain over TT in percent")[1]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| emodb |")]
    first, second = rows[0], rows[1]
    assert text.count(f"S1, {FREE}: gain over TT") == 1
    assert 50 < float(first[3].split()[0].strip("*")) < 130
    assert first[3].split()[1:] == ["↑", "(↑)"]
    assert first[2] == "-"
    assert second[2].split() == ["**+0.0**", "•", "(•)"]
    assert "| emodb | 61.4 | +4.7 | **+11.7** |" in text
    assert "- emodb: surprise" in text
    assert f"- emodb, {FREE}: " in text
    assert "(S1-A2)" in text


def test_an_ablation_is_compared_with_all_corpora(tmp_path: Path) -> None:
    runs = {
        ("s1-a2-all", "random-free"): made(0.8, draw=1),
        ("s1-a2-without-savee", "random-free"): made(0.2, draw=2),
    }
    store(TABLE4, runs, results=tmp_path)
    text = page(tmp_path)
    assert f"### emodb, {FREE}" in text
    (line,) = (line for line in text.splitlines() if line.startswith("| without savee |"))
    assert line.split(" | ")[2].split()[1] == "↓"
    assert not any(line.startswith("| without nemo |") for line in text.splitlines())


def test_without_runs_the_page_has_the_published_numbers(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert text.count("Not run yet.") == 4
    assert "| average |  | +1.6 | **+7.3** |" in text
