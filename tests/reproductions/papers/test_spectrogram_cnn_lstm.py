"""The tables, claims and page of the paper on spectrogram CNNs, from synthetic runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.made_runs import Made

from emotone.recipes.library import load_net_recipe
from emotone.reproductions.base import CellResult
from emotone.reproductions.papers.spectrogram_cnn_lstm.class_scores import CLASSIFIERS_OF_SCORES, combination
from emotone.reproductions.papers.spectrogram_cnn_lstm.page import claims, context_figure, figure, page
from emotone.reproductions.papers.spectrogram_cnn_lstm.tables import CLIPS, LENGTH, LSTM, PAPER
from emotone.reproductions.recipe_changes import changed
from emotone.reproductions.reproduce import needed_sources
from emotone.reproductions.stored import rows_file, runs_folder
from emotone.scoring.predictions import PredictionRow, PredictionsTable

if TYPE_CHECKING:
    from pathlib import Path


def test_every_cell_has_a_recipe_and_chunks_are_scored_where_the_paper_scores_them() -> None:
    for table in PAPER.tables:
        for cell in table.cells:
            windows = load_net_recipe(cell.recipe).windows
            assert windows.seconds == 0.512 or cell.metric == CLIPS or table.name == "context"
            assert windows.min_seconds > 0  # such windows have rows of their own
    assert needed_sources(PAPER.table("table5")) == ("mini-xception", "alexnet")


def test_published_numbers_are_those_of_the_papers_split_on_its_corpora() -> None:
    published = {
        (table.name, cell.row.id): cell.published for table in PAPER.tables for cell in table.cells if cell.published
    }
    assert published["table2", "fc2"] == 0.273
    assert published["table4", "r5"] == 0.394
    assert published["lstm", "lstm-chunks-alone"] == 0.70
    places = {(cell.corpus, cell.column.id) for table in PAPER.tables for cell in table.cells if cell.published}
    assert places == {("enterface", "random")}


def test_without_runs_claims_are_untested_and_the_page_has_the_published_numbers(tmp_path: Path) -> None:
    board = claims(tmp_path)
    assert board.count("untested") == len(board.findings) == 12
    text = page(tmp_path)
    assert "| enterface | R1, 1024 filters over time | data absent / 39.7 | data absent |" in text
    assert "| enterface | QDA on R1's class scores | data absent / 39.1 | data absent |" in text
    assert "| Table 5 | softmax | 30.5 |" in text
    assert "| LSTM on raw chunks | not run | not run |" in text


def test_the_last_length_of_the_context_is_the_system_of_the_table_on_context() -> None:
    of_length = next(cell for cell in LENGTH.cells if cell.row.id == "context-16")
    of_system = next(cell for cell in LSTM.cells if cell.row.id == "lstm")
    same = [changed(load_net_recipe(cell.recipe), cell.changes) for cell in (of_length, of_system)]
    assert same[0] == same[1]


def test_a_claim_is_held_where_most_comparisons_agree(tmp_path: Path) -> None:
    skills = {"lstm-chunks": 0.9, "r1": 0.1}
    rows = []
    for cell in LSTM.cells:
        name = f"{cell.row.id}-run" if cell.row.id in skills and cell.corpus == "emodb" else ""
        if name and not (runs_folder(PAPER, out=tmp_path) / name).exists():
            Made(skill=skills[cell.row.id], corpora=("emodb",)).write(runs_folder(PAPER, out=tmp_path) / name)
        rows.append(CellResult(cell, None, "not run", name).to_dict())
    rows_file(PAPER, LSTM, out=tmp_path).write_text(json.dumps({"rows": rows}))
    finding = claims(tmp_path).findings[-1]
    assert finding.verdict == "held"
    assert finding.evidence.startswith("better in 2 of 2 comparisons (emodb, random split: ")
    assert "LSTM on raw chunks | not run" in page(tmp_path)  # of two corpora, one is missing
    for draw in (figure, context_figure):
        assert draw(tmp_path).startswith("<svg")


@pytest.mark.parametrize("name", CLASSIFIERS_OF_SCORES)
@pytest.mark.parametrize("protocol", ["random-60-20-20", "speakers-60-20-20"])
def test_a_classifier_of_scores_corrects_labels_that_are_confused(name: str, protocol: str) -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(60):
        truth = number % 3
        scores = rng.dirichlet(np.where(np.arange(3) == (truth + 1) % 3, 20.0, 4.0), size=3)  # of the next label
        for segment, chances in ((None, scores.mean(axis=0)), *enumerate(scores)):
            rows.append(
                PredictionRow(
                    utterance=f"toy/{number}",
                    corpus="toy",
                    protocol=protocol,
                    fold="split",
                    seed=1,
                    speaker=f"s{number % 4}",
                    truth="abc"[truth],
                    probabilities=chances,
                    system="f00d",
                    segment=segment,
                )
            )
    before = PredictionsTable.from_rows(rows, labels="abc")
    after = combination(name).compute([before])
    for of_rows in (PredictionsTable.windows, PredictionsTable.whole_utterances):
        wrong, right = (float(np.mean((table := of_rows(each)).prediction == table.truth)) for each in (before, after))
        assert wrong < 0.3
        assert right > 0.8
