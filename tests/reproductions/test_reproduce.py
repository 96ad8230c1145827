"""Reproduction of published tables: every cell has a result, and finished runs are reused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.toy import emodb_utterances, write_emodb

from emotone.corpora.labels import label_set
from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.protocols import protocol
from emotone.recipes.library import load_recipe
from emotone.reproductions.base import (
    PAPERS,
    Cell,
    CellResult,
    Combination,
    Heading,
    Paper,
    PublishedFigure,
    PublishedTable,
    status_of,
)
from emotone.reproductions.cells import mean_of
from emotone.reproductions.document import grid_table, rows_table
from emotone.reproductions.reproduce import reproduce
from emotone.reproductions.stored import runs_folder, store_figure, store_rows, stored_results, stored_rows
from emotone.scoring.finished_run import finished_runs
from emotone.scoring.packed_runs import pack
from emotone.scoring.predictions import PredictionsTable
from emotone.scoring.scores import FOLD_MEAN, Score, scores_of

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    return emodb_utterances(write_emodb(tmp_path_factory.mktemp("emodb")))


def cell(**changes: Any) -> Cell:
    given: dict[str, Any] = {
        "row": Heading("majority", "guessing"),
        "column": Heading("loso", "strict"),
        "corpus": "emodb",
        "metric": FOLD_MEAN,
        "published": 0.5,
        "recipe": "majority",
        "labels": "emodb",
        "protocol": "leave-one-speaker-out",
        "quick": True,
    }
    return Cell(**{**given, **changes})


CELLS = (
    cell(),
    cell(column=Heading("random", "random"), protocol="random-5", published=0.9, quick=False),
    cell(corpus="savee", published=0.143),
    cell(row=Heading("chance", "guessing twice"), recipe="chance", published=None),
)
TABLE = PublishedTable("toy", "Guessing", "nowhere", "A note.", 0.02, CELLS)
PAPER = Paper("made", "Made up", "Nobody: Nothing. 2026", (TABLE,))


def test_every_cell_has_a_status(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    rows = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path)
    assert [row.status for row in rows] == ["reproduced", "differs", "data absent", "other data"]
    assert rows[0].score is not None
    assert (rows[0].score.value, rows[0].score.n, rows[0].score.speakers) == (0.5, 40, 4)
    assert rows[2].score is None
    kept = json.loads((runs_folder(PAPER, out=tmp_path) / "tables.json").read_text())
    assert kept["paper"] == "made"
    assert kept["tables"] == {"toy": [row.to_dict() for row in rows]}
    table = PredictionsTable.read(runs_folder(PAPER, out=tmp_path) / rows[0].run / "predictions.parquet")
    assert rows[0].score in scores_of(table)


def test_rows_have_the_promised_form(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    row = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path)[1].to_dict()
    promised = "setting corpus metric published ours protocol speaker_independent status"
    assert set(promised.split()) <= set(row)
    assert set(row["ours"]) == {"value", "low", "high", "n", "speakers", "seeds"}
    assert (row["setting"], row["protocol"], row["speaker_independent"]) == ("guessing, random", "random-5", False)


def test_finished_runs_are_reused(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    first = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path)
    missing = tuple(replace(utterance, path=tmp_path / "gone.wav") for utterance in utterances)
    assert reproduce(PAPER, TABLE, {"emodb": missing}, out=tmp_path) == first


def test_kept_returns_finished_cells_and_runs_nothing(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    nothing = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path, kept=True)
    assert [row.status for row in nothing] == ["not run", "not run", "data absent", "not run"]
    reproduce(PAPER, replace(TABLE, cells=CELLS[:1]), {"emodb": utterances}, out=tmp_path)
    kept = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path, kept=True)
    assert [row.status for row in kept] == ["reproduced", "not run", "data absent", "not run"]


def test_only_cells_with_all_words_are_run(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    words = (CELLS[0].corpus, CELLS[0].row.title, CELLS[0].column.title)
    chosen = [cell.matches(words) for cell in CELLS]
    assert 0 < sum(chosen) < len(CELLS)
    rows = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path, only=words)
    assert [bool(row.run) for row in rows] == chosen
    with pytest.raises(UsageError, match=r"no cell of .* has all of: emodb, brass; --kept lists the finished cells"):
        reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path, only=("emodb", "brass"))


def test_quick_runs_fewer_cells_and_returns_those_that_are_finished(
    utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    quick = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path, quick=True)
    assert [row.status for row in quick] == ["reproduced", "not run", "data absent", "other data"]
    whole = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path)
    quick = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path, quick=True)
    assert quick == whole
    kept = stored_rows(runs_folder(PAPER, out=tmp_path), TABLE)
    assert [row["run"] for row in kept] == [row.run for row in whole]


def test_the_callback_receives_every_cell(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    received: list[tuple[str, bool]] = []
    reproduce(
        PAPER,
        TABLE,
        {"emodb": utterances},
        out=tmp_path,
        finished=lambda result, evaluation: received.append((result.status, evaluation is not None)),
    )
    assert received == [("reproduced", True), ("differs", True), ("data absent", False), ("other data", True)]


def test_scores_are_computed_from_the_stored_predictions(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    rows = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path)
    kept = stored_rows(runs_folder(PAPER, out=tmp_path), TABLE)
    for row in kept:
        if row["ours"]:
            row["ours"]["value"] = 0.123
    store_rows(PAPER, TABLE, kept, out=tmp_path)
    stored = stored_results(PAPER, TABLE, results=tmp_path)
    assert [row.score for row in stored] == [row.score for row in rows]
    assert [row.status for row in stored] == ["reproduced", "differs", "data absent", "other data"]


def test_titles_can_change_without_losing_stored_runs(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    rows = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path)
    renamed = tuple(replace(each, row=replace(each.row, title=f"new {each.row.title}")) for each in CELLS)
    stored = stored_results(PAPER, replace(TABLE, cells=renamed), results=tmp_path)
    assert [row.run for row in stored] == [row.run for row in rows]


def test_a_run_without_the_score_of_its_cell_is_an_error(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    rows = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path)
    other = replace(TABLE, cells=(cell(metric="another"),))
    store_rows(PAPER, TABLE, [{**rows[0].to_dict(), "metric": "another"}], out=tmp_path)
    with pytest.raises(RunError, match="has no another of emodb"):
        stored_results(PAPER, other, results=tmp_path)


def test_runs_of_another_folder_of_results_are_used_and_it_is_not_changed(
    utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    stored, out = tmp_path / "stored", tmp_path / "out"
    first = reproduce(PAPER, replace(TABLE, cells=CELLS[:1]), {"emodb": utterances}, out=stored)
    pack_runs(stored / PAPER.key)
    before = {path: path.read_bytes() for path in stored.rglob("*") if path.is_file()}
    rows = reproduce(PAPER, TABLE, {"emodb": utterances}, out=out, stored=stored)
    assert rows[0] == first[0]
    assert rows[0].run not in {path.name for path in (out / PAPER.key).iterdir()}
    assert [run.name for run in finished_runs(out / PAPER.key)] == sorted({row.run for row in rows[1:] if row.run})
    assert before == {path: path.read_bytes() for path in stored.rglob("*") if path.is_file()}


def test_a_stored_run_is_the_result_of_a_cell_whose_corpora_are_not_given(
    utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    rows = reproduce(PAPER, TABLE, {"emodb": utterances}, out=tmp_path)
    assert reproduce(PAPER, TABLE, {}, out=tmp_path) == rows
    assert reproduce(PAPER, TABLE, {}, out=tmp_path / "new", stored=tmp_path, kept=True) == rows
    assert {row.status for row in reproduce(PAPER, TABLE, {}, out=tmp_path / "none")} == {"data absent"}


def test_a_training_is_not_repeated_for_fewer_tested_corpora(utterances: tuple[Utterance, ...], tmp_path: Path) -> None:
    home = at_home(utterances)
    cells = tuple(
        cell(corpus=name, metric="uar", protocol="train-on-ravdess", train_corpus="ravdess")
        for name in ("ravdess", "emodb")
    )
    table = replace(TABLE, cells=cells)
    both = reproduce(PAPER, table, {"ravdess": home, "emodb": utterances}, out=tmp_path)
    assert len({row.run for row in both}) == 1
    assert reproduce(PAPER, table, {"ravdess": home}, out=tmp_path) == both
    assert [run.name for run in finished_runs(tmp_path / PAPER.key)] == [both[0].run]
    another = next(each.label for each in home if each.label != home[20].label)
    relabelled = (*home[:20], replace(home[20], label=another), *home[21:])
    for given, recipe in ((home, "chance"), (relabelled, "majority")):
        changed = replace(table, cells=tuple(replace(each, recipe=recipe) for each in cells))
        own, *_ = reproduce(PAPER, changed, {"ravdess": given}, out=tmp_path / "new", stored=tmp_path)
        assert own.run != both[0].run


def at_home(utterances: tuple[Utterance, ...]) -> tuple[Utterance, ...]:
    """Return the clips as those of the 24 speakers of RAVDESS, the last four of which are tested."""
    return tuple(
        replace(each, corpus="ravdess", speaker=f"{1 + number % 24:02d}") for number, each in enumerate(utterances)
    )


def pack_runs(root: Path) -> None:
    """Move the runs of a folder into its packed runs."""
    runs = finished_runs(root)
    pack(root, runs)
    for run in runs:
        shutil.rmtree(run)


def score_of_emodb(
    value: float | None, *, low: float | None = None, high: float | None = None, n: int = 1, speakers: int = 1
) -> Score:
    return Score(
        metric="uar-fold-mean",
        corpus="emodb",
        value=value,
        low=low,
        high=high,
        n=n,
        speakers=speakers,
        protocol="random-5",
        speaker_independent=False,
        folds=5,
    )


def test_tables_show_both_scores_and_mark_differences() -> None:
    score = score_of_emodb(0.8, low=0.7, high=0.9, n=40, speakers=0)
    rows = [
        CellResult(CELLS[1], score, "differs", "run"),
        CellResult(CELLS[2], None, "data absent"),
        CellResult(CELLS[3], score, "other data"),
    ]
    cells = rows_table(rows).rows[0]
    assert cells[2:] == ("90.0", "80.0 [70.0, 90.0]", "40", "unknown", "random-5", "NO", "differs")
    grid = grid_table(rows)
    assert grid.columns == ("corpus", "system", "random", "strict")
    assert grid.rows == (
        ("emodb", "guessing", "80.0 [70.0, 90.0] / 90.0 *", "-"),
        ("savee", "guessing", "-", "data absent / 14.3"),
        ("emodb", "guessing twice", "-", "80.0 [70.0, 90.0]"),
    )
    assert grid.notes == ()


def test_tables_count_rows_without_number_and_run() -> None:
    rows = [CellResult(CELLS[0], None, "not run"), CellResult(CELLS[3], None, "not run")]
    grid = grid_table(rows)
    assert grid.rows == (("emodb", "guessing", "not run / 50.0"),)
    assert grid.notes == ("Further rows without a run: emodb 1.",)


@pytest.mark.parametrize(("value", "status"), [(0.52, "reproduced"), (0.4804, "reproduced"), (0.5206, "differs")])
def test_the_tolerance_applies_to_rounded_numbers(value: float, status: str) -> None:
    score = score_of_emodb(value, low=None, high=None, n=1, speakers=1)
    assert status_of(score, CELLS[0], tolerance=0.02) == status


def test_an_unknown_table_has_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="opensmile"):
        PAPERS.get("baselines").table("opensmle")


@pytest.mark.parametrize("name", PAPERS.names)
def test_papers_refer_to_known_recipes_protocols_and_labels(name: str) -> None:
    paper = PAPERS.get(name)
    assert paper.key == name
    for table in paper.tables:
        assert len({each.key for each in table.cells}) == len(table.cells)
        assert len({(each.title, each.corpus, each.metric) for each in table.cells}) == len(table.cells)
        assert any(each.quick for each in table.cells) or any(each.train_corpus for each in table.cells)
        for each in table.cells:
            load_recipe(each.recipe)
            protocol(each.protocol)
            label_set(each.labels)
            assert each.published is None or 0 < each.published < 1


def test_cells_with_one_training_are_one_run_on_the_given_corpora() -> None:
    cells = tuple(cell(corpus=corpus, train_corpus="ravdess") for corpus in ("ravdess", "emodb", "savee"))
    table = replace(TABLE, cells=(*cells, cell(corpus="emovo")))
    assert table.corpora() == ("ravdess", "emodb", "savee", "emovo")
    assert [each.required_corpora for each in cells] == [("ravdess",), ("ravdess", "emodb"), ("ravdess", "savee")]
    given = {"ravdess", "savee", "emovo"}
    assert table.run_corpora(cells[0], given=given) == table.run_corpora(cells[2], given=given) == ("ravdess", "savee")
    assert table.run_corpora(table.cells[3], given=given) == ("emovo",)


def test_a_combination_is_computed_from_the_runs_of_its_recipes(
    utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    both = Combination("both", ("majority", "chance"), mean_of)
    cells = (cell(), cell(row=Heading("both", "both"), combination=both, published=None))
    table = replace(TABLE, cells=cells)
    paper = replace(PAPER, tables=(table,))
    alone, mean = reproduce(paper, table, {"emodb": utterances}, out=tmp_path)
    assert mean.run.startswith("both-leave-one-speaker-out-")
    assert mean.score is not None
    assert mean.score.n == 40
    runs = {path.name.split("-")[0]: path for path in finished_runs(runs_folder(paper, out=tmp_path))}
    assert set(runs) == {"majority", "chance", "both"}
    found, first, second = (
        PredictionsTable.read(runs[name] / "predictions.parquet") for name in ("both", *both.recipes)
    )
    np.testing.assert_allclose(found.probabilities, (first.probabilities + second.probabilities) / 2)
    about = json.loads((runs["both"] / "run.json").read_text())
    assert about["combines"] == [runs["majority"].name, runs["chance"].name]
    before = (runs["both"] / "run.json").stat().st_mtime_ns
    again = reproduce(paper, table, {"emodb": utterances}, out=tmp_path)
    assert again == (alone, mean)
    assert (runs["both"] / "run.json").stat().st_mtime_ns == before
    absent = reproduce(paper, table, {}, out=tmp_path / "other")
    assert [result.status for result in absent] == ["data absent"] * 2


def test_tables_and_figures_share_a_file_and_each_keeps_the_others(tmp_path: Path) -> None:
    figure = PublishedFigure("drawn", "A figure", (), lambda _: {}, lambda data: f"<svg>{len(data)}</svg>")
    first, second = ([CellResult(cell(row=Heading(name, name)), None, "not run").to_dict()] for name in ("one", "two"))
    file = store_rows(PAPER, TABLE, first, out=tmp_path)
    assert store_figure(PAPER, figure, {"points": [1]}, out=tmp_path)[0] == file
    store_rows(PAPER, replace(TABLE, name="another"), second, out=tmp_path)
    store_figure(PAPER, figure, {"points": [1, 2]}, out=tmp_path)
    kept = json.loads(file.read_text())
    assert kept["tables"] == {"toy": first, "another": second}
    assert kept["figures"] == {"drawn": {"points": [1, 2]}}
