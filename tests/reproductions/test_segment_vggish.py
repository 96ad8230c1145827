"""The paper on segments: cells, claims and page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.made_runs import made_segments, results_of, write_run
from tests.toy import emodb_utterances, write_emodb

from emotone.errors import SourceError
from emotone.features.windows import window_starts
from emotone.nets.architectures.segment_networks import SegmentMlp
from emotone.recipes.library import load_recipe
from emotone.reproductions.base import Cell, CellResult, Heading, Paper, PublishedTable
from emotone.reproductions.cells import changed
from emotone.reproductions.papers.segment_vggish.claims import scoreboard
from emotone.reproductions.papers.segment_vggish.page import figure, page
from emotone.reproductions.papers.segment_vggish.tables import (
    CITED,
    FIGURE3,
    METRICS,
    PAPER,
    PUBLISHED_TABLE4,
    TABLE3,
    TABLE4,
    TABLE5,
    UNITS,
    segmentation_row,
    units_row,
)
from emotone.reproductions.reproduce import needed_sources, reproduce
from emotone.reproductions.stored import runs_folder, store_rows
from emotone.scoring.predictions import PredictionsTable
from emotone.scoring.scores import scores_of
from emotone.scoring.segments import AVERAGE, clip_confusion_of, segment_values

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance


# ----------------------------------------------------------------------------------------------------------------------
# Tables of the segment paper: the published numbers, and runs that need weights.

WIDTH = 0.02
TINY = (
    ("net.width", WIDTH),
    ("training.epochs", 2),
    ("training.patience", 1),
    ("training.batch_size", 8),
    ("windows.seconds", 0.5),
    ("windows.hop", 0.25),
)


def numbers(table: PublishedTable, row: str) -> dict[str, float | None]:
    """Return the published numbers of a row on IEMOCAP, by column."""
    return {cell.column.title: cell.published for cell in table.cells if cell.row.id == row}


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_published_numbers_are_those_of_the_paper() -> None:
    overlapping = numbers(TABLE3, "vggish-overlapping-four-random")
    assert overlapping == {"SA": 0.561, "ACA": 0.125, "SCA": 0.621, "ALCA": 0.687, "BCA": 0.703}
    assert numbers(TABLE3, "vggish-non-overlapping-four-random")["BCA"] == 0.707
    assert numbers(TABLE4, "vggish-100-random")["ALCA"] == 0.684
    assert numbers(TABLE4, "vggish-200-random") == overlapping
    assert numbers(TABLE4, "vggish-400-random")["SA"] == 0.559
    table5 = {
        cell.row.id: cell.published for cell in TABLE5.cells if (cell.corpus, cell.column.id) == ("iemocap", "random")
    }
    assert {name: value for name, value in table5.items() if value is not None} == {
        "baseline-2-200": 0.511,
        "vggish-non-overlapping": 0.668,
        "vggish-overlapping": 0.687,
    }
    assert CITED["audio-BRE"] == 0.646
    assert all(len(values) == len(METRICS) for values in PUBLISHED_TABLE4.values())
    assert set(FIGURE3) == {"non-overlapping", "overlapping"}


@pytest.mark.usefixtures("one_thread", "torch_bundles")
@pytest.mark.parametrize("table", PAPER.tables, ids=lambda table: table.name)
def test_only_the_papers_corpus_and_split_have_published_numbers(table: PublishedTable) -> None:
    for cell in table.cells:
        if cell.published is not None:
            assert (cell.corpus, cell.protocol, cell.labels) == ("iemocap", "random-8-1-1", "four")
    assert set(table.corpora()) == {"iemocap", "emodb", "ravdess", "savee", "emovo", "nemo"}
    assert {cell.corpus for cell in table.cells if cell.quick} == {"emodb", "savee"}
    assert {"random-8-1-1", "speakers-8-1-1"} <= {cell.protocol for cell in table.cells}
    assert needed_sources(table) == ("vggish", "yamnet", *(["mn04"] if table is TABLE5 else []))


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_systems_at_clip_level_use_the_weights_of_the_trunk() -> None:
    systems = {(cell.row.id, cell.column.id): cell for cell in TABLE5.cells if cell.row.id.startswith("clip-")}
    assert len(systems) == 7 * 3  # systems, splits
    assert {cell.recipe for cell in systems.values()} == {"segment-pool"}
    assert "segment-pool" not in needed_sources(TABLE5)


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_table_5_has_every_baseline_that_the_paper_tried() -> None:
    baselines = {cell.row.id: cell for cell in TABLE5.cells if cell.row.id.startswith("baseline")}
    nets: dict[str, Any] = {}
    for setting, one in baselines.items():
        recipe: Any = changed(load_recipe(one.recipe), one.changes)
        nets[setting] = recipe.net_spec
    assert set(nets.values()) == {SegmentMlp(depth=depth, units=units) for depth in (2, 3, 4) for units in (100, 200)}
    assert len(set(nets.values())) == len(nets)
    assert nets["baseline-2-200"] == SegmentMlp(depth=2, units=200)
    assert nets["baseline-3-100"] == SegmentMlp(depth=3, units=100)


def cell(metric: str, **changes: Any) -> Cell:
    given: dict[str, Any] = {
        "row": Heading("yamnet", "YAMNet"),
        "column": Heading(metric.lower(), metric),
        "corpus": "emodb",
        "metric": METRICS[metric],
        "published": None,
        "recipe": "segment-yamnet",
        "labels": "four",
        "protocol": "random-8-1-1",
        "changes": TINY,
    }
    return Cell(**{**given, **changes})


TOY = PublishedTable("toy", "Segments", "nowhere", "A note.", 0.02, tuple(cell(metric) for metric in METRICS))


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    return emodb_utterances(write_emodb(tmp_path_factory.mktemp("emodb"), sentences=("a01", "a02", "a04")))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from emotone.nets.architectures.sound_events import Yamnet
    from emotone.transfer.weights import SourceWeights, write_weights

    torch.manual_seed(1)
    tensors = {name: values.numpy() for name, values in Yamnet(width=WIDTH).build(64, 9).state_dict().items()}
    path = tmp_path_factory.mktemp("weights") / "narrow.safetensors"
    write_weights(path, SourceWeights("narrow", tensors, licence="CC0-1.0"))
    return path


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_cells_without_their_weights_are_data_absent(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    rows = reproduce(PAPER, TOY, {"emodb": utterances}, out=tmp_path)
    assert {row.status for row in rows} == {"data absent"}
    assert not list(runs_folder(PAPER, out=tmp_path).glob("*/predictions.parquet"))


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_with_weights_the_five_accuracies_are_of_one_run(
    utterances: tuple[Utterance, ...], weights: Path, tmp_path: Path
) -> None:
    rows = reproduce(PAPER, TOY, {"emodb": utterances}, out=tmp_path, sources={"yamnet": str(weights)})
    assert {row.status for row in rows} == {"other data"}
    (run,) = {row.run for row in rows}
    table = PredictionsTable.read(runs_folder(PAPER, out=tmp_path) / run / "predictions.parquet")
    assert [row.score for row in rows] == [
        score for score in scores_of(table) if score.metric in METRICS.values() and score.setting == "system"
    ]
    # The model's prediction for a clip is that of ALCA: the recipes pool segments by mean logits.
    by_metric = {score.metric: score.value for score in scores_of(table) if score.setting == "system"}
    assert by_metric["accuracy"] == by_metric[METRICS["ALCA"]]
    kept = reproduce(PAPER, TOY, {"emodb": utterances}, out=tmp_path, sources={"yamnet": str(weights)}, kept=True)
    assert kept == rows
    gone = str(weights.with_name("gone.npz"))
    with pytest.raises(SourceError, match=r"gone.npz: can't be read"):
        reproduce(PAPER, TOY, {"emodb": utterances}, out=tmp_path, sources={"yamnet": gone})


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_a_segment_starts_at_every_hop_of_a_clip(
    utterances: tuple[Utterance, ...], weights: Path, tmp_path: Path
) -> None:
    import soundfile

    paper = Paper("made", "Made up", "Nobody: Nothing. 2026", (TOY,))
    rows = reproduce(paper, TOY, {"emodb": utterances}, out=tmp_path, sources={"yamnet": str(weights)})
    table = PredictionsTable.read(runs_folder(paper, out=tmp_path) / rows[0].run / "predictions.parquet")
    paths = {utterance.key: utterance.path for utterance in utterances}
    windows = table.windows()
    for name in set(windows.utterance.tolist()):
        own = windows.where(windows.utterance == name)
        duration = soundfile.info(paths[name]).duration
        assert own.segment.tolist() == list(range(len(own)))
        assert own.start.tolist() == [0.25 * number for number in range(len(own))]
        assert own.start[-1] < duration <= 0.25 * len(own)
        assert own.end.max() <= duration + 1e-3


@pytest.mark.usefixtures("one_thread", "torch_bundles")
@pytest.mark.parametrize("trunk", ["yamnet", "mn04"])
def test_rows_of_speech_only_exclude_other_segments_from_training_and_test(trunk: str) -> None:
    cells = {cell.row.id: cell for cell in TABLE5.cells}
    with_speech, plain = cells[f"{trunk}-overlapping-speech"], cells[f"{trunk}-overlapping"]
    recipe: Any = changed(load_recipe(with_speech.recipe), with_speech.changes)
    assert recipe.training.speech_only
    assert recipe.windows.speech_only
    other: Any = changed(load_recipe(plain.recipe), plain.changes)
    assert recipe.net == other.net
    assert not other.training.speech_only


@pytest.mark.usefixtures("one_thread", "torch_bundles")
@pytest.mark.parametrize("seconds", [0.2, 1.0, 2.01, 2.5, 2.505, 8.0])
def test_padded_mn04_has_a_segment_for_every_half_second(seconds: float) -> None:
    (changes,) = {cell.changes for cell in TABLE5.cells if cell.row.id == "mn04-overlapping-padded"}
    recipe: Any = changed(load_recipe("segment-mn04"), changes)
    window, hop = recipe.windows.frames(recipe.feature)
    rows = recipe.feature.frames(round(seconds * 32000))
    starts = window_starts(rows, window=window, hop=hop, min_frames=recipe.windows.min_frames(recipe.feature))
    assert len(starts) == math.ceil(seconds / 0.5)
    assert recipe.net_spec.rows == window == 100


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_windows_of_8_seconds_cover_every_row() -> None:
    """Without padding, 8 s had fewer rows than a hop of 8 s, and the training failed."""
    recipe: Any = load_recipe("segment-pool")
    window, hop = recipe.windows.frames(recipe.feature)
    assert (window, hop) == (800, 800)
    assert window_starts(1701, window=window, hop=hop, min_frames=1).tolist() == [0, 800, 1600]


# ----------------------------------------------------------------------------------------------------------------------
# Verdicts on the claims of the segment paper, from given scores.


def verdicts(values: dict[tuple[str, str, str, str], float], **recalls: list[tuple[float, float]]) -> dict[str, str]:
    board = scoreboard(results_of(PAPER, values), recalls)
    return {finding.claim.id: finding.verdict for finding in board.findings}


def test_without_runs_every_claim_is_untested() -> None:
    assert set(verdicts({}).values()) == {"untested"}


@pytest.mark.parametrize(("second", "expected"), [(0.7, "held"), (0.5, "failed")])
def test_overlap_is_compared_on_the_same_corpus(second: float, expected: str) -> None:
    rows = [segmentation_row("yamnet", name, "four", "random").id for name in ("non-overlapping", "overlapping")]
    values = {("table3", "savee", rows[0], column): 0.6 for column in ("alca", "sca", "bca")}
    values |= {("table3", "savee", rows[1], column): second for column in ("alca", "sca")}
    values["table3", "savee", rows[1], "bca"] = 0.6
    found = verdicts(values, savee=[(60.0, 100 * second), (60.0, 61.0)])
    assert (found["alca"], found["sca"], found["recalls"]) == (expected, expected, expected)
    assert found["ties"] == expected  # the gap of 0 becomes -0.1 or 0.1
    assert found["sa"] == "untested"


def test_units_and_systems() -> None:
    values = {
        ("table4", "emodb", units_row("yamnet", units, "random").id, "alca"): value
        for units, value in zip(UNITS, (0.5, 0.6, 0.5), strict=True)
    }
    for depth in (2, 3, 4):
        for units in (100, 200):
            values["table5", "emodb", f"baseline-{depth}-{units}", "random"] = 0.5 + (depth == 2) * units / 1000
    values["table5", "emodb", "yamnet-non-overlapping", "random"] = 0.8
    values["table5", "emodb", "yamnet-overlapping", "random"] = 0.8
    values["table5", "emodb", "yamnet-fine-tuned-1e-4", "random"] = 0.9
    found = verdicts(values)
    assert (found["units"], found["baseline"], found["transfer"]) == ("held", "held", "held")
    values["table5", "savee", "baseline-2-200", "random"] = 0.9
    values["table5", "savee", "yamnet-non-overlapping", "random"] = 0.8
    values["table5", "emodb", "baseline-4-200", "random"] = 0.75
    found = verdicts(values)
    assert (found["baseline"], found["transfer"]) == ("failed", "failed")


# ----------------------------------------------------------------------------------------------------------------------
# The generated page of the segment paper: from synthetic runs, and without any.


def store(table: PublishedTable, tables: dict[tuple[str, str], PredictionsTable], *, out: Path) -> None:
    """Store synthetic runs on SAVEE, by row id and column id."""
    rows = []
    for cell in table.cells:
        made = tables.get((cell.row.id, cell.column.id)) if cell.corpus == "savee" else None
        run = "" if made is None else f"run-{id(made)}"
        rows.append(CellResult(cell, None, "not run", run).to_dict())
        if made is not None:
            write_run(runs_folder(PAPER, out=out) / run, made)
    store_rows(PAPER, table, rows, out=out)


def of_all_metrics(row: str, table: PredictionsTable) -> dict[tuple[str, str], PredictionsTable]:
    return {(row, column.lower()): table for column in METRICS}


def test_the_page_has_scores_deviations_and_confusion_matrices(tmp_path: Path) -> None:
    segmentations = {"non-overlapping": 1, "overlapping": 2}
    rows = [segmentation_row("yamnet", name, "four", "random") for name in segmentations]
    tables = [made_segments(draw=draw, seeds=3, corpus="savee") for draw in segmentations.values()]
    stored = [of_all_metrics(row.id, made) for row, made in zip(rows, tables, strict=True)]
    store(TABLE3, stored[0] | stored[1], out=tmp_path)
    text = page(tmp_path)
    for row, made in zip(rows, tables, strict=True):
        value = 100 * segment_values(made.windows())[AVERAGE]
        (grid, spread) = (line for line in text.splitlines() if line.startswith(f"| savee | {row} |"))
        assert f"| {value:.1f} [" in grid
        assert spread.split(" | ")[2] == "3"
        assert f"| {value:.1f} ± " in spread
    matrices = [clip_confusion_of(made, "savee") for made in tables]
    first, second = (100 * matrix[0, 0] / matrix[0].sum() for matrix in matrices)
    assert "### savee, random split" in text
    assert f"| fear | {first:.1f} / {second:.1f} |" in text
    row = segmentation_row("vggish", "overlapping", "four", "random")
    assert f"| iemocap | {row} | data absent / 56.1 | data absent / 12.5 |" in text


def test_differences_have_intervals_and_are_counted(tmp_path: Path) -> None:
    first, second = (made_segments(skill, draw=1, seeds=3, corpus="savee") for skill in (1.0, 4.0))
    store(TABLE3, of_all_metrics(segmentation_row("yamnet", "overlapping", "four", "speakers").id, first), out=tmp_path)
    fewer, more = (units_row("yamnet", units, "speakers").id for units in (100, 200))
    store(TABLE4, of_all_metrics(fewer, first) | of_all_metrics(more, second), out=tmp_path)
    systems = {("yamnet-overlapping", "speakers"): first, ("mn04-overlapping", "speakers"): second}
    store(TABLE5, {**systems, ("yamnet-overlapping", "random"): first}, out=tmp_path)
    section = page(tmp_path).split("## Significance of differences")[1].split("##")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if "→" in line]
    changes = ["N = 100 → N = 200", "YAMNet, frozen, overlapping → mn04, frozen, overlapping"]
    rows = [row for row in cells if row[0] == "savee"]
    assert [row[:3] for row in rows] == [["savee", "speaker-independent split", change] for change in changes]
    low, high = (
        100 * float(np.mean(whole.prediction == whole.truth))
        for whole in (first.whole_utterances(), second.whole_utterances())
    )
    for _, _, _, difference, utterances, speakers, *_ in rows:
        assert difference.startswith(f"{high - low:+.1f} [")
        assert (utterances, speakers) == ("36", "6")
    assert cells[2:] == [[change, "1", "1", "1", f"{high - low:+.1f}"] for change in changes]


def test_segments_are_counted_next_to_the_published_numbers(tmp_path: Path) -> None:
    made = {
        name: made_segments(draw=draw, corpus="savee") for draw, name in enumerate(("non-overlapping", "overlapping"))
    }
    store(TABLE5, {(f"yamnet-{name}", "loso"): table for name, table in made.items()}, out=tmp_path)
    section = page(tmp_path).split("## Clips and segments")[1].split("##")[0]
    assert "| iemocap, published | overlapping | 51180 | 19.75 | 30.06 | 23.76 | 26.44 |" in section
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| savee")]
    counts = {name: str(len(table.windows())) for name, table in made.items()}
    clips = str(len(made["overlapping"].whole_utterances()))
    assert [row[1:3] for row in rows] == [["clips", clips], *([name, count] for name, count in counts.items())]


def test_the_figure_has_both_segmentations(tmp_path: Path) -> None:
    rows = [segmentation_row("yamnet", name, "four", "random").id for name in ("non-overlapping", "overlapping")]
    made = [of_all_metrics(row, made_segments(draw=draw, corpus="savee")) for draw, row in enumerate(rows)]
    store(TABLE3, made[0] | made[1], out=tmp_path)
    text = figure(tmp_path)
    assert "SAVEE, known speakers" in text
    assert "new speakers" not in text
    assert text.count("<g>") == 2


def test_without_runs_the_page_has_the_published_numbers(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "| iemocap, published | VGGish, overlapping | 6 | 56.1 ± 1.1 | 12.5 ± 1.0 | 62.1 ± 1.9 |" in text
    assert f"| iemocap | {units_row('vggish', 400, 'random')} | data absent / 55.9 |" in text
    assert "anger as happiness 26.72" in text
    assert "Leakage audit" not in text
