"""The paper on layers of speech recognisers: claims, page, figures and atlas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from tests.hub_models import WIDTH, write_model
from tests.made_runs import Made, results_of

from emotone.errors import RunError, SourceError
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.library import load_recipe
from emotone.recipes.recipe import Recipe
from emotone.reproductions.base import CellResult
from emotone.reproductions.cells import changed
from emotone.reproductions.papers.asr_reuse.atlas import AtlasCell, atlas_lines, compute_atlas, draw_atlas, layer_cell
from emotone.reproductions.papers.asr_reuse.claims import FOUR, confusions, scoreboard
from emotone.reproductions.papers.asr_reuse.figures import (
    COLOURS,
    LoudnessUnit,
    draw_loudness,
    draw_maps,
    layer_maps,
    loudness_unit,
    step_loudness,
)
from emotone.reproductions.papers.asr_reuse.page import atlas, figure, figure4, figure6, page
from emotone.reproductions.papers.asr_reuse.tables import (
    FREE,
    MEAN_POOLED,
    NETWORKS,
    PAPER,
    SHORT,
    SYSTEMS,
    TABLE,
    TABLE1,
)
from emotone.reproductions.stored import runs_folder, store_figure, store_rows, stored_figure
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.types import Utterance

# ----------------------------------------------------------------------------------------------------------------------
# Claims of the paper on reusing speech recognisers, from synthetic scores and predictions.

LABELS = ("anger", "happiness", "neutral", "sadness")


def predicted(*pairs: tuple[str, str]) -> PredictionsTable:
    """Return a table of clips with a true and a predicted label each."""
    rows = []
    for number, (truth, label) in enumerate(pairs):
        probabilities = np.full(len(LABELS), 0.1)
        probabilities[LABELS.index(label)] = 0.7
        rows.append(PredictionRow(f"a/{number}", "a", "loso", "f", 1, "s", truth, probabilities, "f00d"))
    return PredictionsTable.from_rows(rows, labels=LABELS)


def verdicts(values: dict[tuple[str, str, str, str], float], **tables: PredictionsTable) -> dict[str, str]:
    predictions = {("emodb", row.removeprefix("row")): table for row, table in tables.items()}
    board = scoreboard(results_of(PAPER, values), predictions)
    return {finding.claim.id: finding.verdict for finding in board.findings}


def test_without_runs_nothing_is_claimed() -> None:
    assert set(verdicts({}).values()) == {"untested"}


def test_networks_are_compared_on_the_same_corpus() -> None:
    values = {("networks", "emodb", row, "uar"): value for row, value in {"mp-3": 0.8, "baseline-96": 0.7}.items()}
    values |= {("networks", "emodb", "rnn-2", "uar"): 0.75, ("networks", "savee", "mp-2", "uar"): 0.9}
    found = verdicts(values)
    assert found["probe"] == "held"
    assert found["recurrent"] == found["progressive"] == "untested"
    found = verdicts({**values, ("networks", "emodb", "mp-2", "uar"): 0.76})
    assert found["recurrent"] == "failed"


def test_layers_are_those_of_whisper_and_of_letters() -> None:
    values = {("table1", "emodb", "1", "uar"): 0.8, ("table1", "emodb", "2", "uar"): 0.9}
    assert verdicts(values)["layer"] == "held"
    values |= {("networks", "emodb", f"letter-gru-mp-{layer}", "uar"): 0.6 - 0.1 * layer for layer in (1, 2)}
    assert verdicts(values)["layer"] == "failed"  # half of the comparisons


def test_anger_and_sadness_are_separated_where_clips_are_more_probably_their_own() -> None:
    right = [("anger", "anger"), ("sadness", "sadness")]
    assert verdicts({}, row1=predicted(*right))["anger-sadness"] == "held"
    assert verdicts({}, row1=predicted(*right, ("anger", "sadness")))["anger-sadness"] == "failed"


def test_the_two_most_frequent_confusions_are_those_of_happiness() -> None:
    right = [(label, label) for label in LABELS]
    wrong = [("anger", "happiness"), ("happiness", "neutral")]
    assert verdicts({}, row3=predicted(*right, *wrong))["confusions"] == "held"
    assert verdicts({}, row3=predicted(*right, *wrong, *[("sadness", "neutral")] * 2))["confusions"] == "failed"
    shares = confusions(predicted(*right, *wrong))
    np.testing.assert_allclose(shares[0], [0.5, 0.5, 0, 0])


@pytest.mark.parametrize(("correlation", "verdict"), [(0.7, "held"), (-0.7, "held"), (0.5, "failed")])
def test_a_unit_follows_the_loudness_as_well_as_the_papers(correlation: float, verdict: str) -> None:
    unit = LoudnessUnit(2, 7, correlation, 50, 1536, (0.0, 1.0), (0.0, 1.0))
    finding = scoreboard(results_of(PAPER, {}), {}, unit).findings[-1]
    assert (finding.claim.id, finding.verdict) == ("loudness", verdict)
    assert "unit 7 of layer 2" in finding.evidence


def test_the_coverage_counts_the_papers_numbers() -> None:
    values = {("networks", "iemocap", "rnn-1", "accuracy"): 0.5, ("networks", "emodb", "rnn-1", "uar"): 0.5}
    coverage = scoreboard(results_of(PAPER, values), {}).coverage
    assert (coverage.published, coverage.measured, coverage.counterparts) == (41, 1, 1)


def test_every_network_of_the_paper_has_cells_with_a_valid_recipe() -> None:
    assert {system.title for system in SYSTEMS.values()} >= set(TABLE1)
    for system in SYSTEMS.values():
        recipe = changed(load_recipe(system.recipe), system.changes)
        assert isinstance(recipe, Recipe)
        assert recipe.training.annealing is not None
    assert len({cell.key for cell in NETWORKS.cells}) == len(NETWORKS.cells) == len(SYSTEMS) * len(FREE) + len(TABLE1)


# ----------------------------------------------------------------------------------------------------------------------
# The table and the generated page of the paper on reusing speech recognisers, from synthetic runs.


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


# ----------------------------------------------------------------------------------------------------------------------
# Maps of layers, and the unit that follows the loudness: found, stored, drawn.

SVG = "{http://www.w3.org/2000/svg}"


def test_a_map_separates_what_a_layer_separates(rng: np.random.Generator) -> None:
    labels = ["anger"] * 20 + ["sadness"] * 20
    apart = np.concatenate([rng.normal(0, 1, (20, 8)), rng.normal(20, 1, (20, 8))])
    (found,) = layer_maps({2: apart}, labels)
    assert found.layer == 2
    points = np.array(found.points)
    assert points.min() == 0
    assert points.max() == 1000
    first, second = points[:20].mean(axis=0), points[20:].mean(axis=0)
    assert np.linalg.norm(first - second) > 300


def test_a_map_needs_clips() -> None:
    with pytest.raises(RunError, match=r"at least 4 clips with the labels anger, sadness, neutral, happiness; given 3"):
        layer_maps({1: np.zeros((3, 2))}, ["anger"] * 3)


def test_the_loudness_of_a_step_is_its_level() -> None:
    signal = np.concatenate([np.zeros(3200), np.full(3200, 0.1)]).astype(np.float32)
    levels = step_loudness(signal, steps=20)
    np.testing.assert_allclose(levels[:8], -80.0)
    np.testing.assert_allclose(levels[11:18], -20.0, atol=1e-5)


def test_the_unit_is_selected_on_some_clips_and_measured_on_others(rng: np.random.Generator) -> None:
    loudness = [rng.normal(size=steps) for steps in (40, 30, 50, 20, 5)]  # the last one is too short
    outputs = {
        1: [rng.normal(size=(len(levels), 3)) for levels in loudness],
        2: [np.stack([rng.normal(size=len(levels)), -2 * levels, np.ones(len(levels))], 1) for levels in loudness],
    }
    found = loudness_unit(outputs, loudness)
    assert (found.layer, found.unit, found.clips, found.units) == (2, 1, 2, 6)
    assert found.correlation == -1.0
    np.testing.assert_allclose(found.output, [-value for value in found.loudness], atol=0.02)
    with pytest.raises(RunError, match=r"2 clips of 10 steps \(0.2 s\) or more; given 1"):
        loudness_unit({1: outputs[1][:1]}, loudness[:1])


def test_figures_are_stored_and_drawn(tmp_path: Path) -> None:
    maps = {"maps": [{"layer": 1, "points": [[0, 1000], [500, 0]], "labels": ["anger", "sadness"]}]}
    figure = PAPER.figure("figure4")
    assert figure is not None
    data, drawing = store_figure(PAPER, figure, maps, out=tmp_path)
    assert json.loads(data.read_text())["figures"] == {"figure4": maps}
    assert stored_figure(PAPER, "figure4", results=tmp_path) == maps
    assert stored_figure(PAPER, "figure6", results=tmp_path) is None
    circles = ET.parse(drawing).getroot().findall(f"{SVG}circle")  # noqa: S314 - our own
    assert len(circles) == len(COLOURS) + 2
    assert draw_maps(maps) == drawing.read_text()


def test_the_curves_of_a_unit_are_drawn() -> None:
    unit = {
        "layer": 2,
        "unit": 7,
        "correlation": 0.6,
        "clips": 9,
        "units": 20,
        "output": [0.0, 1.0],
        "loudness": [1, 0],
    }
    paths = ET.fromstring(draw_loudness(unit)).findall(f"{SVG}path")  # noqa: S314 - our own
    assert len(paths) == 4
    assert PAPER.figure("figure9") is None


# ----------------------------------------------------------------------------------------------------------------------
# The layer atlas: recall by layer, its table and its figure.


def clips(speakers: int) -> list[Utterance]:
    return [
        Utterance(f"{speaker}-{label}-{take}", "emodb", Path("a.wav"), 0.0, None, f"s{speaker}", "", label)
        for speaker in range(speakers)
        for label in ("anger", "neutral")
        for take in range(4)
    ]


def stored(**absent: str) -> dict[str, Any]:
    cells = [
        AtlasCell(corpus, source, layer, place, 10, uar, uar - 0.1, uar + 0.1, 40, 5, 4)
        for corpus in ("emodb", "savee")
        for source, layer, place, uar in (("yamnet", "layer1", 0.0, 0.4), ("yamnet", "embedding", 1.0, 0.6))
    ]
    return {"cells": [vars(cell) for cell in cells], "absent": absent}


@pytest.mark.parametrize(("speakers", "noise", "expected"), [(3, 0.1, 1.0), (12, 0.1, 1.0), (3, 1000.0, 0.5)])
def test_the_recall_is_that_of_speakers_who_were_not_trained_on(speakers: int, noise: float, expected: float) -> None:
    given = clips(speakers)
    rng = np.random.default_rng(0)
    values = np.array([[1.0, 0.0] if clip.label == "anger" else [0.0, 1.0] for clip in given])
    found = layer_cell((values + rng.normal(0, noise, values.shape)).astype(np.float32), given, corpus="emodb")
    assert found.uar == pytest.approx(expected, abs=0.0 if expected == 1 else 0.25)
    assert found.low <= found.uar <= found.high
    assert (found.clips, found.speakers, found.labels, found.values) == (len(given), speakers, 2, 2)


def test_the_table_has_a_row_for_every_layer_and_marks_the_best() -> None:
    text = "\n".join(atlas_lines(stored(mn04="not here")))
    assert "| YAMNet, sounds | layer1 | 10 | 40.0 [30.0, 50.0] | 40.0 [30.0, 50.0] |" in text
    assert "| YAMNet, sounds | embedding | 10 | **60.0 [50.0, 70.0]** | **60.0 [50.0, 70.0]** |" in text
    assert "Emo-DB, 4 labels, 40 clips, 5 speakers" in text
    assert "not measured: mn04." in text


def test_the_figure_has_a_line_for_each_source_in_each_panel_and_a_dark_theme() -> None:
    drawn = draw_atlas(stored())
    root = ET.fromstring(drawn)  # noqa: S314 - our own text
    assert len([each for each in root.iter(f"{SVG}path") if each.get("fill") == "none"]) == 2
    assert len(list(root.iter(f"{SVG}circle"))) == 4
    assert "prefers-color-scheme:dark" in drawn
    assert "SAVEE" in drawn
    assert draw_atlas(stored()) == drawn


def test_an_atlas_needs_weights() -> None:
    with pytest.raises(RunError, match="the weights of no source are on this machine"):
        compute_atlas({"emodb": clips(2)})
    with pytest.raises(SourceError, match="there is no folder missing"):
        compute_atlas({"emodb": clips(2)}, ["hf:./missing"])


def test_an_atlas_has_encoders_of_the_users(tmp_path: Path, corpus: tuple[Utterance, ...]) -> None:
    pytest.importorskip("transformers", reason="needs the extra transformers")
    write_model(tmp_path, "hubert")
    source = f"hf:{tmp_path}"
    data = compute_atlas({"emodb": corpus}, [source])
    assert [(cell["source"], cell["layer"]) for cell in data["cells"]] == [
        (source, "convolutions"),
        (source, "layer1"),
        (source, "layer2"),
    ]
    assert f"| {source} | layer2 | {WIDTH} |" in "\n".join(atlas_lines(data))
    root = ET.fromstring(draw_atlas(data))  # noqa: S314 - our own text
    assert len(list(root.iter(f"{SVG}circle"))) == 3
