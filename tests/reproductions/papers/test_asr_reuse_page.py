"""The table and the generated page of the paper on reusing speech recognisers, from synthetic runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made

from emotone.errors import RunError
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.library import load_recipe
from emotone.reproductions.base import CellResult
from emotone.reproductions.papers.asr_reuse.atlas import AtlasCell
from emotone.reproductions.papers.asr_reuse.claims import FOUR
from emotone.reproductions.papers.asr_reuse.page import atlas, figure, figure4, figure6, page
from emotone.reproductions.papers.asr_reuse.published import MEAN_POOLED
from emotone.reproductions.papers.asr_reuse.tables import FREE, PAPER, SHORT, TABLE
from emotone.reproductions.recipe_changes import changed
from emotone.reproductions.stored import runs_folder, store_figure, store_rows

if TYPE_CHECKING:
    from pathlib import Path


def test_every_cell_changes_the_layers_of_a_valid_recipe() -> None:
    layers = []
    for cell in TABLE.cells:
        recipe = changed(load_recipe(cell.recipe), cell.changes)
        assert isinstance(recipe, EmbeddingRecipe)
        layers.append((cell.corpus, recipe.encoder.layers))
    assert len(set(layers)) == len(TABLE.cells)
    assert ("emodb", (0, 1, 2, 3, 4, 5, 6)) in layers


def test_every_published_number_is_in_a_cell() -> None:
    published = {(cell.corpus, cell.row.id): cell.published for cell in TABLE.cells if cell.corpus in FREE}
    expected = {(corpus, row): value for corpus, rows in MEAN_POOLED.items() for row, value in rows.items()}
    assert {key: value for key, value in published.items() if value is not None} == expected


def test_the_page_shows_scores_next_to_published_ones(tmp_path: Path) -> None:
    rows = []
    for cell in TABLE.cells:
        name = "run" if (cell.corpus, cell.row.id) == ("emodb", "3") else ""
        if name:
            Made(skill=0.8, corpora=("emodb",), labels=FOUR).write(runs_folder(PAPER, out=tmp_path) / name)
        rows.append(CellResult(cell, None, "not run", name).to_dict())
    store_rows(PAPER, TABLE, rows, out=tmp_path)
    text = page(tmp_path)
    assert "layer 3" in figure(tmp_path)
    assert "layer 2" not in figure(tmp_path)
    assert "/ 91.4" in text
    assert "| emodb | Fine-tuning MP-1 | not run / 84.1 |" in text
    assert "| iemocap | Fine-tuning MP-3 |" in text
    (metrics,) = (
        line for line in text.splitlines() if line.startswith("| emodb | Fine-tuning MP-3 |") and "/" not in line
    )
    assert len(metrics.split("|")) == 7


def test_without_runs_the_page_has_the_published_numbers(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "All metrics" not in text
    assert "| Progressive net-2 | 58 | 61 | 57 |" in text


def test_stored_figures_are_on_the_page(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no figure4 of asr-reuse; run: emotone reproduce asr-reuse figure4"):
        figure4(tmp_path)
    maps: dict[str, Any] = {"maps": [{"layer": 1, "points": [[0, 1000]], "labels": ["anger"]}]}
    unit: dict[str, Any] = {
        "layer": 2,
        "unit": 7,
        "correlation": 0.7,
        "clips": 9,
        "units": 20,
        "output": [0, 1],
        "loudness": [1, 0],
    }
    for name, data in {"figure4": maps, "figure6": unit}.items():
        drawn = PAPER.figure(name)
        assert drawn is not None
        store_figure(PAPER, drawn, data, out=tmp_path)
    text = page(tmp_path)
    assert "](asr-reuse-figure4.svg)" in text
    assert "| **held** | 0.70 for unit 7 of layer 2" in text
    assert "layer 1" in figure4(tmp_path)
    assert "Unit 7" in figure6(tmp_path)


def test_systems_are_compared_with_p_values_where_both_have_a_run(tmp_path: Path) -> None:
    assert "## p-values" not in page(tmp_path)
    rows = []
    for cell in SHORT.cells:
        skill = {"baseline-96": 0.1, "mp-3": 0.9}.get(cell.row.id)
        name = "" if skill is None else f"run-{cell.row.id}"
        if skill is not None:
            made = Made(skill=skill, corpora=("emodb",), labels=FOUR, speakers=6)
            made.write(runs_folder(PAPER, out=tmp_path) / name)
        rows.append(CellResult(cell, None, "not run", name).to_dict())
    store_rows(PAPER, SHORT, rows, out=tmp_path)
    text = page(tmp_path)
    (line,) = (each for each in text.splitlines() if "Fine-tuning MP-3 - Baseline 96 units" in each)
    *_, folds, paired, corrected, adjusted, _ = (each.strip() for each in line.split("|"))
    assert folds == "6"
    assert corrected == adjusted  # a single comparison
    assert paired <= corrected
    assert "| **held** | better in 1 of 1 comparisons (emodb, mp-3 and baseline-96" in text
    assert "Without a run: Baseline 64 units" in text


def test_the_atlas_is_on_the_page_once_it_is_stored(tmp_path: Path) -> None:
    assert "layer atlas" not in page(tmp_path)
    cell = AtlasCell("emodb", "yamnet", "layer1", 0.0, 32, 0.5, 0.4, 0.6, 20, 4, 7)
    drawn = PAPER.figure("atlas")
    assert drawn is not None
    store_figure(PAPER, drawn, {"cells": [vars(cell)], "absent": {}}, out=tmp_path)
    assert "| YAMNet, sounds | layer1 | 32 | **50.0 [40.0, 60.0]** |" in page(tmp_path)
    assert "Emo-DB" in atlas(tmp_path)
