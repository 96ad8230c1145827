"""Runs of the same recordings are compared as by `emotone compare`; the others have a reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.made_runs import LABELS, Made, write_run

from emotone.errors import missing_extra
from emotone.evaluation.report import overview
from emotone.evaluation.report.overview import RunGroups, group_runs
from emotone.evaluation.report.run_report import reports_of
from emotone.scoring.comparison import compare_runs
from emotone.scoring.predictions import PredictionsTable

if TYPE_CHECKING:
    from pathlib import Path

WEAK, STRONG = Made(skill=0.4, draw=1, speakers=6), Made(skill=0.7, draw=2, speakers=6)


def grouped(folder: Path, *tables: PredictionsTable) -> RunGroups:
    return group_runs(reports_of([write_run(folder / f"run-{n}", table) for n, table in enumerate(tables)]))


def changed(table: PredictionsTable, **columns: Any) -> PredictionsTable:
    return PredictionsTable(labels=table.labels, **{**table.columns(), **columns})


def test_groups_keep_their_names(tmp_path: Path) -> None:
    other = Made(corpora=("elsewhere",), speakers=6).table()
    found = grouped(tmp_path, WEAK.table(), other, STRONG.table())
    (comparison,) = found.comparisons
    assert [run.name for run in comparison.runs] == ["R1", "R3"]
    plain = compare_runs([tmp_path / "run-0", tmp_path / "run-2"])
    assert comparison.differences == tuple(replace(difference, second="R3") for difference in plain.differences)
    assert [each.runs for each in found.incomparable] == [("R1", "R2"), ("R2", "R3")]
    assert found.incomparable[0].reason == ("they share no recording: R1 has 54 of toy, R2 54 of elsewhere")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("truth", "the label of 54 of 54 recordings differs"),
        ("speaker", "the speaker of 54 of 54 recordings differs"),
    ],
)
def test_the_reason_names_the_difference(tmp_path: Path, column: str, words: str) -> None:
    table = STRONG.table()
    labels = dict(zip(LABELS, np.roll(LABELS, 1), strict=True))
    values = {
        "truth": np.array([labels[str(label)] for label in table.truth]),
        "speaker": np.char.add(table.speaker, "x"),
    }
    (pair,) = grouped(tmp_path, WEAK.table(), changed(table, **{column: values[column]})).incomparable
    assert pair.reason.startswith(words)


def test_fewer_recordings(tmp_path: Path) -> None:
    (pair,) = grouped(tmp_path, WEAK.table(), replace(STRONG, clips=8).table()).incomparable
    assert pair.reason.startswith("their recordings differ: 54 in R1, 48 in R2, 48 in both")


def test_a_failed_comparison_does_not_stop_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_scipy(*_: object, **__: object) -> None:
        raise missing_extra("scipy", "train", "a test of significance")

    monkeypatch.setattr(overview, "compare_runs", no_scipy)
    found = grouped(tmp_path, WEAK.table(), STRONG.table())
    assert found.comparisons == ()
    assert found.incomparable[0].runs == ("R1", "R2")
    assert "pip install 'emotone[train]'" in found.incomparable[0].reason


def test_one_run_has_no_comparison(tmp_path: Path) -> None:
    assert grouped(tmp_path, WEAK.table()) == RunGroups((), ())
