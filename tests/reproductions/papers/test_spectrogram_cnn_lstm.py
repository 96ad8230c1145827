"""The tables, claims and page of the paper on spectrogram CNNs, from synthetic runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.made_runs import Made

from emotone.errors import RunError
from emotone.recipes.library import load_net_recipe
from emotone.reproductions.base import CellResult
from emotone.reproductions.cells import changed
from emotone.reproductions.papers.spectrogram_cnn_lstm.class_scores import CLASSIFIERS_OF_SCORES, combination
from emotone.reproductions.papers.spectrogram_cnn_lstm.figures import draw_curves, found_filters, measures
from emotone.reproductions.papers.spectrogram_cnn_lstm.page import (
    claims,
    context_figure,
    figure,
    figure5,
    figure7,
    page,
)
from emotone.reproductions.papers.spectrogram_cnn_lstm.tables import CLIPS, LENGTH, LSTM, PAPER
from emotone.reproductions.reproduce import needed_sources
from emotone.reproductions.stored import runs_folder, store_figure, store_rows
from emotone.scoring.predictions import PredictionRow, PredictionsTable

if TYPE_CHECKING:
    from pathlib import Path


def test_every_cell_has_a_recipe_and_chunks_are_scored_where_the_paper_scores_them() -> None:
    for table in PAPER.tables:
        for cell in table.cells:
            windows = load_net_recipe(cell.recipe).windows
            assert windows.seconds == 0.512 or cell.metric == CLIPS or table.name.endswith("context")
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
    assert board.count("untested") == len(board.findings) == 14
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
    store_rows(PAPER, LSTM, rows, out=tmp_path)
    finding = next(each for each in claims(tmp_path).findings if each.claim.id == "context")
    assert finding.verdict == "held"
    assert finding.evidence.startswith("better in 2 of 2 comparisons (emodb, random split: ")
    assert "LSTM on raw chunks | not run" in page(tmp_path)  # of two corpora, one is missing
    assert "LSTM on R1's layers" not in page(tmp_path).partition("## Confusion matrices")[2]  # it has no run
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


def test_filters_are_selected_by_the_measures_that_their_outputs_follow(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(0.5, 4.0, (200, 26)).astype(np.float32)
    values = measures(rows)
    outputs = rng.normal(size=(200, 30))
    for place, name in enumerate(values):
        outputs[:, 3 * place] = np.nan_to_num(values[name]) + 0.01 * rng.normal(size=200)
    weights = rng.normal(size=(30, 2, 64, 5))
    found = found_filters(outputs, rows, weights, selected_on=np.arange(200) % 2 == 0)
    best = {each.measure: each for each in reversed(found)}  # the first of each measure
    assert [best[name].number for name in values] == [3 * place for place in range(len(values))]
    assert all(each.correlation > 0.9 for each in best.values())
    assert np.abs(np.array(found[0].weights)).max() == 127
    data = {"filters": [asdict(each) for each in found], "before": [0.1] * len(found)}
    filters = PAPER.figure("figure5")
    assert filters is not None
    store_figure(PAPER, filters, data, out=tmp_path)
    drawn = figure5(tmp_path)
    assert drawn.count("<image") == 2 * len(found)
    assert "formants" in drawn
    assert next(each for each in claims(tmp_path).findings if each.claim.id == "filters").verdict == "held"
    assert "(spectrogram-cnn-lstm-figure5.svg)" in page(tmp_path)


def test_filters_need_chunks_that_differ() -> None:
    with pytest.raises(RunError, match="no chunks that differ in pitch below 150 Hz"):
        found_filters(
            np.zeros((4, 3)), np.zeros((4, 26), np.float32), np.zeros((3, 2, 64, 5)), selected_on=np.ones(4) > 0
        )


def test_learning_curves_are_drawn_from_their_data() -> None:
    curves = [{"system": name, "loss": [2.0, 1.5], "uar": [0.2, 0.4]} for name in ("R1", "LSTM on raw chunks")]
    drawn = draw_curves({"curves": curves})
    assert drawn == draw_curves({"curves": curves})
    assert drawn.count('fill="none"') == 4
    assert "LSTM on raw chunks" in drawn


def test_a_figure_that_is_not_stored_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="run: emotone reproduce spectrogram-cnn-lstm figure7"):
        figure7(tmp_path)
