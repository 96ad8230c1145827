"""The script that changes the stored runs: what it adds, removes and renames."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from scripts.results import add, main, rename
from tests.made_runs import Made, write_run

from emotone.errors import RunError
from emotone.reproductions.base import PAPERS, CellResult
from emotone.reproductions.stored import rows_file, stored_runs
from emotone.scoring.finished_run import finished_runs, read_run

if TYPE_CHECKING:
    from pathlib import Path

TABLE = Made(speakers=2, clips=3).table()


def test_a_run_is_added_renamed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results"
    run = write_run(tmp_path / "mine-random-5-0123", TABLE, recipe={"name": "mine"})
    for arguments in (["add", str(run)], ["list"]):
        assert main(arguments, results=results) == 0
        assert capsys.readouterr().out == "mine-random-5-0123\n"
    assert main(["rename", "mine-random-5-0123", "ours-random-5-0123"], results=results) == 0
    assert finished_runs(results) == [results / "ours-random-5-0123"]
    assert read_run(results / "ours-random-5-0123").about["recipe"]["name"] == "ours"
    rename("ours-random-5-0123", "other", results=results)
    assert read_run(results / "other").about["recipe"]["name"] == "ours"
    assert main(["rename", "gone", "new"], results=results) == 1
    assert "has no packed run 'gone'" in capsys.readouterr().err
    with pytest.raises(RunError, match="has 'other' already"):
        rename("other", "other", results=results)
    assert main(["remove", "other"], results=results) == 0
    assert finished_runs(results) == []


def test_a_folder_of_runs_is_added_with_the_rows_of_its_tables(tmp_path: Path) -> None:
    paper = PAPERS.get("asr-reuse")
    table = paper.tables[0]
    made, results = tmp_path / "made", tmp_path / "results"
    for draw, name in enumerate(("one", "two")):
        write_run(made / paper.key / name, Made(speakers=2, clips=3, draw=draw).table())
    for out, run, cell in ((results, "one", table.cells[0]), (made, "two", table.cells[1])):
        rows = [CellResult(each, None, "not run", run if each is cell else "").to_dict() for each in table.cells]
        path = rows_file(paper, table, out=out)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"rows": rows}))
    assert add(made / paper.key, results=results) == ["one", "two"]
    found = stored_runs(paper, table, [results])
    assert {key: run.name for key, run in found.items()} == {table.cells[0].key: "one", table.cells[1].key: "two"}
    with pytest.raises(RunError, match="contains no finished run"):
        add(tmp_path, results=results)
