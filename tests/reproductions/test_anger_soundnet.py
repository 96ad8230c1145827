"""AU-ROC by training run, and the verdicts on the claims of the paper on anger detection, from synthetic runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.made_runs import made_detector, result_of, write_run

from emotone.metrics.detection import auroc
from emotone.reproductions.papers.anger_soundnet.claims import TrainingRuns, p_over_runs, scoreboard, training_runs
from emotone.reproductions.papers.anger_soundnet.page import claims, figure, page
from emotone.reproductions.papers.anger_soundnet.tables import PAPER, TABLE2
from emotone.reproductions.stored import runs_folder, store_rows
from emotone.scoring.predictions import PredictionsTable

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import CellResult

CORPORA = ("ravdess", "savee", "emodb", "emovo", "nemo")
SKILLS = {"scratch": 0.0, "frozen-1": 1.0, "frozen-2": 2.0, "frozen-3": 1.0, "average": 2.0, "average-wide": 1.0}


def detector(skill: float) -> PredictionsTable:
    parts = [made_detector(skill, draw=draw, seeds=2, corpus=corpus) for draw, corpus in enumerate(CORPORA)]
    return PredictionsTable.concat(parts)


def store(results: Path, skills: dict[str, float]) -> list[CellResult]:
    """Store a synthetic run for each row, and return the results."""
    found = []
    for row, skill in skills.items():
        write_run(runs_folder(PAPER, out=results) / row, detector(skill), recipe={"name": row})
    for cell in TABLE2.cells:
        is_run = cell.row.id in skills and cell.train_corpus == "ravdess"
        found.append(result_of(cell, 0.5 if is_run else None, run=cell.row.id))
    store_rows(PAPER, TABLE2, [each.to_dict() for each in found], out=results)
    return found


def test_the_area_is_computed_within_a_training_run_and_over_the_windows_of_several_corpora(tmp_path: Path) -> None:
    results = store(tmp_path, {"frozen-2": 1.0})
    found = training_runs(results, runs_folder(PAPER, out=tmp_path))["frozen-2"]["English (RAVDESS, SAVEE)"]
    windows = detector(1.0).windows()
    for seed, value in enumerate(found.values):
        part = windows.where((windows.seed == seed) & np.isin(windows.corpus, ("ravdess", "savee")))
        positive = part.probabilities[:, part.labels.index("anger")]
        assert value == pytest.approx(float(auroc(part.truth == "anger", positive)))
    assert found.mean == pytest.approx(np.mean(found.values))
    assert found.text == f"{100 * found.mean:.1f} ± {100 * np.std(found.values, ddof=1):.1f}"


def test_a_test_over_training_runs_needs_two_of_the_same_seeds() -> None:
    two, one = TrainingRuns((0.5, 0.6)), TrainingRuns((0.5,))
    assert p_over_runs(two, one) is None
    assert p_over_runs(one, one) is None
    assert p_over_runs(two, TrainingRuns((0.6, 0.75))) == pytest.approx(0.1257, abs=1e-3)
    assert one.text == "50.0"


def test_better_transfer_confirms_the_claims_and_worse_transfer_does_not(tmp_path: Path) -> None:
    runs = runs_folder(PAPER, out=tmp_path)
    results = store(tmp_path, SKILLS)
    held = {each.claim.id: each.verdict for each in scoreboard({"table2": results}, runs).findings}
    for claim in ("training-corpus", "acted", "english", "language", "two-frozen", "filters"):
        assert held[claim] == "held"
    assert held["natural"] == "untested"
    reverse = {"scratch": 2.0, "frozen-1": 1.0, "frozen-2": 0.0, "frozen-3": 0.0, "average": 0.0, "average-wide": 1.0}
    results = store(tmp_path, reverse)
    failed = {each.claim.id: each.verdict for each in scoreboard({"table2": results}, runs).findings}
    for claim in ("training-corpus", "english", "language", "significant", "two-frozen", "filters", "chance"):
        assert failed[claim] == "failed"


def test_the_page_has_the_scoreboard_and_the_rows_that_can_not_be_measured(tmp_path: Path) -> None:
    store(tmp_path, {"scratch": 0.5, "frozen-2": 2.0})
    text = page(tmp_path)
    assert claims(tmp_path).summary in text
    drawn = figure(tmp_path)
    assert "transfer, two layers frozen: " in drawn
    assert "all five corpora, pooled" in drawn
    assert "| AngerSES | 58.1 | 66.9 | data absent |" in text
    assert "## AU-ROC by training run" in text
