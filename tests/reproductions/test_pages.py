"""Pages of papers: combined systems, changes of recipes, figures, scoreboards, and those on transfer and anger."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from tests.made_runs import Made, made_detector, result_of, results_of, write_run
from tests.toy import signature_of

from emotone.errors import ConfigError, RunError
from emotone.metrics.detection import auroc
from emotone.recipes.library import load_recipe
from emotone.recipes.recipe import Recipe
from emotone.reproductions.base import CellResult
from emotone.reproductions.cells import changed, mean_of, mean_so_far
from emotone.reproductions.document import Claim, Coverage, Scoreboard, coverage_of, overview
from emotone.reproductions.figure import Mark, Row, interval_figure, mark_of
from emotone.reproductions.papers import baselines
from emotone.reproductions.papers.anger_soundnet import page as anger_soundnet
from emotone.reproductions.papers.anger_soundnet.claims import TrainingRuns, p_over_runs, scoreboard, training_runs
from emotone.reproductions.papers.anger_soundnet.tables import PAPER as ANGER_PAPER
from emotone.reproductions.papers.anger_soundnet.tables import TABLE2
from emotone.reproductions.papers.baselines import OPENSMILE, PAPER
from emotone.reproductions.papers.segment_vggish.tables import PAPER as SEGMENT_PAPER
from emotone.reproductions.papers.transferable_features.page import figure, page
from emotone.reproductions.papers.transferable_features.tables import PAPER as TRANSFER_PAPER
from emotone.reproductions.papers.transferable_features.tables import TABLE3, TABLE4
from emotone.reproductions.stored import runs_folder, store_rows
from emotone.scoring.finished_run import STAGES
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.scores import Score

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import PublishedTable


# ----------------------------------------------------------------------------------------------------------------------
# The generated pages of the baselines and of the paper on anger detection, from synthetic runs.


def test_baselines_show_the_overestimation_by_random_folds(tmp_path: Path) -> None:
    runs = {
        "train-scaled": Made(skill=0.2, corpora=("emodb",)),
        "random": Made(skill=0.9, corpora=("emodb",), protocol="random-5"),
    }
    rows = []
    for cell in OPENSMILE.cells:
        made = runs.get(cell.column.id) if (cell.corpus, cell.row.id) == ("emodb", "is10") else None
        name = cell.column.id if made is not None else ""
        if made is not None:
            made.write(runs_folder(PAPER, out=tmp_path) / name)
        rows.append(CellResult(cell, None, "not run", name).to_dict())
    store_rows(PAPER, OPENSMILE, rows, out=tmp_path)
    text = baselines.page(tmp_path)
    (line,) = (line for line in text.splitlines() if line.startswith("- emodb, IS10: "))
    random, independent = (int(part.split()[0]) for part in line.removeprefix("- emodb, IS10: ").split(", "))
    assert random > independent + 20
    assert "| savee | eGeMAPS | data absent / 34.8 |" in text


def test_without_runs_the_page_of_anger_detection_has_the_published_numbers(tmp_path: Path) -> None:
    text = anger_soundnet.page(tmp_path)
    assert "| masc | transfer, two layers frozen | data absent / 62.6 | - |" in text
    assert "One of the two runs is missing." in text


# ----------------------------------------------------------------------------------------------------------------------
# Systems that are computed from the predictions of others.

LABELS = ("fear", "joy")


def table(chances: dict[str, list[float]], *, seed: int = 1) -> PredictionsTable:
    """Return the probabilities of fear in the windows of each clip, and the mean for the clip."""
    rows = []
    for clip, values in chances.items():
        for segment, chance in ((None, float(np.mean(values))), *enumerate(values)):
            rows.append(
                PredictionRow(
                    utterance=f"toy/{clip}",
                    corpus="toy",
                    protocol="random-60-20-20",
                    fold="split",
                    seed=seed,
                    speaker="s1",
                    truth="joy",
                    probabilities=(chance, 1 - chance),
                    system="f00d",
                    segment=segment,
                )
            )
    return PredictionsTable.from_rows(rows, labels=LABELS)


def test_a_mean_has_the_mean_probabilities_and_their_largest_label() -> None:
    found = mean_of([table({"a": [0.9, 0.2]}), table({"a": [0.3, 0.2]})])
    np.testing.assert_allclose(found.windows().probabilities[:, 0], [0.6, 0.2])
    assert found.windows().prediction.tolist() == ["fear", "joy"]


@pytest.mark.parametrize("other", [{"b": [0.5]}, {"a": [0.5, 0.5]}])
def test_systems_with_other_windows_have_no_mean(other: dict[str, list[float]]) -> None:
    with pytest.raises(RunError, match="only systems with the same clips, windows and seeds can be combined"):
        mean_of([table({"a": [0.5]}), table(other)])


def test_windows_are_averaged_with_those_before_them_in_their_own_clip() -> None:
    one = table({"a": [0.9, 0.1, 0.2], "b": [0.4, 0.8]})
    both = PredictionsTable.concat([one, table({"a": [0.0, 0.0, 0.0], "b": [0.0, 0.0]}, seed=2)])
    found = mean_so_far(both, windows=2)
    first = found.where(found.seed == 1)
    np.testing.assert_allclose(first.windows().probabilities[:, 0], [0.9, 0.5, 0.15, 0.4, 0.6])
    assert not found.where(found.seed == 2).probabilities[:, 0].any()
    np.testing.assert_array_equal(first.whole_utterances().probabilities, one.whole_utterances().probabilities)


# ----------------------------------------------------------------------------------------------------------------------
# Figures of pages: marks lie on the axis, and the file has all words in both themes.

ROWS = (
    Row("Emo-DB & more", (Mark("first", 50, 40, 60), Mark("second", 75, 75, 75), Mark("third", 60, 50, 70))),
    Row("SAVEE", (Mark("second", 100, 90, 110),)),
)


def drawn(rows: tuple[Row, ...] = ROWS) -> str:
    return interval_figure("Title", rows, axis="recall", line=("chance", 25), limits=(0, 100))


def test_all_words_are_in_the_figure() -> None:
    root = ET.fromstring(drawn())  # noqa: S314 - our own text
    words = {"".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Title", "recall", "chance", "Emo-DB & more", "SAVEE", "first", "second", "third", "0", "100"} <= words
    assert "first: 50.0 [40.0, 60.0]" in drawn()
    assert "prefers-color-scheme:dark" in drawn()
    assert drawn() == drawn()


def test_marks_are_placed_by_their_number_and_ends_stay_inside() -> None:
    lines = [[float(part) for part in pair] for pair in re.findall(r'd="M([\d.]+) [\d.]+H([\d.]+)"', drawn())]
    first, second, third, outside = lines
    width = first[1] - first[0]  # 20 points
    assert second[0] == second[1] == pytest.approx(first[0] + 35 / 20 * width, abs=0.2)
    assert third[1] - third[0] == pytest.approx(width, abs=0.2)
    assert outside[1] - outside[0] == pytest.approx(width / 2, abs=0.2)  # 90 to 110 ends at 100


def test_a_score_without_an_interval_is_a_point() -> None:
    score = Score(value=0.5, n=4, metric="uar", corpus="emodb", protocol="random-5", speaker_independent=None, folds=1)
    assert mark_of("a", score) == Mark("a", 50, 50, 50)
    assert mark_of("a", replace(score, low=0.4, high=0.7)) == Mark("a", 50, 40, 70)


# ----------------------------------------------------------------------------------------------------------------------
# Recipes with other settings: validated like files, with other signatures.


def test_settings_in_tables_are_replaced_and_nothing_else() -> None:
    recipe = load_recipe("anger-soundnet")
    assert isinstance(recipe, Recipe)
    found = changed(recipe, (("windows.hop", 0.3), ("training.epochs", 7), ("seed", 5)))
    assert isinstance(found, Recipe)
    assert (found.windows.hop, found.training.epochs, found.seed) == (0.3, 7, 5)
    back = changed(found, (("windows.hop", 0.6), ("training.epochs", recipe.training.epochs), ("seed", recipe.seed)))
    assert back == recipe
    assert recipe.windows.hop == 0.6
    assert changed(recipe, ()) is recipe


def test_baselines_can_be_changed() -> None:
    found = changed(load_recipe("is09-mlp"), (("functionals.feature_set", "IS10"),))
    assert signature_of(found) != signature_of(load_recipe("is09-mlp"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((("windows.hopp", 0.3),), r"anger-soundnet with windows.hopp = 0.3: windows: .*did you mean 'hop'"),
        ((("net.filters", 0),), "at least 1 filter"),
        ((("windows.hop", "often"),), "a value of type float was expected"),
        ((("colour", 1),), "unknown key 'colour'"),
    ],
)
def test_an_invalid_change_is_reported_as_in_a_file(changes: tuple[tuple[str, object], ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        changed(load_recipe("anger-soundnet"), changes)


# ----------------------------------------------------------------------------------------------------------------------
# Verdicts on claims, their counts, and the tables that pages show.

CLAIM = Claim("id", "more is better", "1 to 2", "Table 1")


def board(**settings: str) -> Scoreboard:
    findings = (CLAIM.finding(True, "1 to 3"), CLAIM.finding(False, "3 to 1"), CLAIM.untested("no data"))
    return Scoreboard("key", "Title", "Citation", findings, Coverage(10, 2, 5), (("a", "b"),), **settings)


def test_a_scoreboard_counts_verdicts_and_shows_the_evidence() -> None:
    found = board()
    assert found.summary == "1 held, 1 failed, 1 untested"
    lines = found.lines()
    assert lines[0] == "## What the paper claims, and what we find: 1 held, 1 failed, 1 untested"
    assert "| more is better | 1 to 2 | Table 1 | **held** | 1 to 3 |" in lines
    assert "| more is better | 1 to 2 | Table 1 | **untested** | no data |" in lines
    assert any(line.startswith("2 of 10 published numbers are measured") for line in lines)
    assert "| a | b |" in lines


def test_the_overview_has_a_row_and_a_section_for_each_publication() -> None:
    other = Scoreboard("other", "Other", "Citation", (CLAIM.untested("no data"),), Coverage(3, 0, 0))
    lines = overview([board(page="key.md"), other])
    assert "| [Title](key.md) | 1 | 1 | 1 | 2 of 10 | 5 |" in lines
    assert "| Other | 0 | 0 | 1 | 0 of 3 | 0 |" in lines
    assert "| all | 1 | 1 | 2 |  |  |" in lines
    assert "[All tables](key.md)" in lines
    assert [line for line in lines if line.startswith("## ")] == ["## Title", "## Other"]


def test_coverage_counts_published_numbers_and_counterparts() -> None:
    nothing = [each for of_table in results_of(SEGMENT_PAPER, {}).values() for each in of_table]
    assert coverage_of(nothing) == Coverage(28, 0, 0)
    values = {
        ("table5", "iemocap", "baseline-2-200", "random"): 0.5,
        ("table5", "savee", "baseline-2-200", "random"): 0.5,
    }
    found = [each for of_table in results_of(SEGMENT_PAPER, values).values() for each in of_table]
    assert coverage_of(found, also_published=4) == Coverage(32, 1, 1)


# ----------------------------------------------------------------------------------------------------------------------
# The generated page of the paper on transferable features: from synthetic runs, and without any.

FREE = "random folds, free corpora"


def store(table: PublishedTable, made: dict[tuple[str, str], Made], *, results: Path) -> None:
    """Store synthetic runs on Emo-DB, by row id and column id."""
    rows = []
    for cell in table.cells:
        run = made.get((cell.row.id, cell.column.id)) if cell.corpus == "emodb" else None
        name = "" if run is None else f"{cell.row.id}-{cell.protocol}"
        if run is not None:
            run.write(runs_folder(TRANSFER_PAPER, out=results) / name)
        rows.append(CellResult(cell, None, "not run", name).to_dict())
    store_rows(TRANSFER_PAPER, table, rows, out=results)


def made(skill: float, *, draw: int) -> Made:
    return Made(skill=skill, draw=draw, corpora=("emodb",))


def test_gains_have_the_arrows_of_their_tests(tmp_path: Path) -> None:
    base = made(0.3, draw=1)
    runs = {("tt", "random-target"): base, ("s1-a2", "random-free"): made(0.9, draw=2), ("s2-a1", "random-free"): base}
    store(TABLE3, runs, results=tmp_path)
    stages = runs_folder(TRANSFER_PAPER, out=tmp_path) / "s1-a2-onto-emodb-random-5" / STAGES
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


# ----------------------------------------------------------------------------------------------------------------------
# AU-ROC by training run, and the verdicts on the claims of the paper on anger detection, from synthetic runs.

CORPORA = ("ravdess", "savee", "emodb", "emovo", "nemo")
SKILLS = {"scratch": 0.0, "frozen-1": 1.0, "frozen-2": 2.0, "frozen-3": 1.0, "average": 2.0, "average-wide": 1.0}


def detector(skill: float) -> PredictionsTable:
    parts = [made_detector(skill, draw=draw, seeds=2, corpus=corpus) for draw, corpus in enumerate(CORPORA)]
    return PredictionsTable.concat(parts)


def store_detectors(results: Path, skills: dict[str, float]) -> list[CellResult]:
    """Store a synthetic run for each row, and return the results."""
    found = []
    for row, skill in skills.items():
        write_run(runs_folder(ANGER_PAPER, out=results) / row, detector(skill), recipe={"name": row})
    for cell in TABLE2.cells:
        is_run = cell.row.id in skills and cell.train_corpus == "ravdess"
        found.append(result_of(cell, 0.5 if is_run else None, run=cell.row.id))
    store_rows(ANGER_PAPER, TABLE2, [each.to_dict() for each in found], out=results)
    return found


def test_the_area_is_computed_within_a_training_run_and_over_the_windows_of_several_corpora(tmp_path: Path) -> None:
    results = store_detectors(tmp_path, {"frozen-2": 1.0})
    found = training_runs(results, runs_folder(ANGER_PAPER, out=tmp_path))["frozen-2"]["English (RAVDESS, SAVEE)"]
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
    runs = runs_folder(ANGER_PAPER, out=tmp_path)
    results = store_detectors(tmp_path, SKILLS)
    held = {each.claim.id: each.verdict for each in scoreboard({"table2": results}, runs).findings}
    for claim in ("training-corpus", "acted", "english", "language", "two-frozen", "filters"):
        assert held[claim] == "held"
    assert held["natural"] == "untested"
    reverse = {"scratch": 2.0, "frozen-1": 1.0, "frozen-2": 0.0, "frozen-3": 0.0, "average": 0.0, "average-wide": 1.0}
    results = store_detectors(tmp_path, reverse)
    failed = {each.claim.id: each.verdict for each in scoreboard({"table2": results}, runs).findings}
    for claim in ("training-corpus", "english", "language", "significant", "two-frozen", "filters", "chance"):
        assert failed[claim] == "failed"


def test_the_page_has_the_scoreboard_and_the_rows_that_can_not_be_measured(tmp_path: Path) -> None:
    store_detectors(tmp_path, {"scratch": 0.5, "frozen-2": 2.0})
    text = anger_soundnet.page(tmp_path)
    assert anger_soundnet.claims(tmp_path).summary in text
    drawn = anger_soundnet.figure(tmp_path)
    assert "transfer, two layers frozen: " in drawn
    assert "all five corpora, pooled" in drawn
    assert "| AngerSES | 58.1 | 66.9 | data absent |" in text
    assert "## AU-ROC by training run" in text
