"""Four tables of the third paper: whether the numbers were copied right, and which run each cell asks for."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

import pytest
from tests.toy import emodb_utterances, one_thread, signature_of, tiny_recipe, torch_bundles, write_emodb

from emotone.fitting.resolve import recipe_signature
from emotone.protocols import protocol
from emotone.recipes.library import load_net_recipe, load_recipe
from emotone.recipes.recipe import Recipe
from emotone.recipes.transfer import Pretraining, Transfer
from emotone.reproductions import reproduce as module
from emotone.reproductions.base import Paper, Table
from emotone.reproductions.papers.transferable_features import (
    ABLATED,
    ABLATION,
    ADAPTIVE,
    ALL,
    ALONE,
    APPROACHES,
    AVERAGE,
    DOMAINS,
    FREE,
    GAINS,
    OURS,
    PAPER,
    POOLED,
    QUICK,
    SCENARIOS,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLE5,
    published_gain,
    staged,
)
from emotone.reproductions.recipe_changes import changed
from emotone.reproductions.reproduce import folder_of, needed_sources, reproduce, runs_of
from emotone.reproductions.transferable_beyond import BEYOND
from emotone.scoring.scores import FOLD_MEAN

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import Cell
    from emotone.types import Utterance

__all__ = ["one_thread", "torch_bundles"]

ROUNDED = 0.0025  # of numbers with three digits, some of which are made of others with three


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("approach", APPROACHES)
def test_the_gains_have_the_published_averages(scenario: str, approach: str) -> None:
    column = APPROACHES.index(approach)
    assert set(GAINS[scenario]) == set(ALONE) == set(DOMAINS)
    gains = [GAINS[scenario][domain][column] for domain in DOMAINS]
    assert fmean(gains) == pytest.approx(AVERAGE[scenario][column], abs=ROUNDED)


@pytest.mark.parametrize("target", DOMAINS)
def test_table_4_begins_where_table_3_ends(target: str) -> None:
    for setting, value in zip(ABLATED, ABLATION[target, ALL], strict=True):
        gain = published_gain(target, setting)
        assert gain is not None
        if value is not None and (target, setting) != ("iemocap", "S2-A1"):  # .434 by Table 3, .441 by Table 4
            assert value == pytest.approx(ALONE[target] * (1 + gain), abs=ROUNDED)


@pytest.mark.parametrize("target", DOMAINS)
def test_table_5_has_the_best_of_all_that_can_be_read(target: str) -> None:
    best = max(value for (of, _), row in ABLATION.items() if of == target for value in row if value is not None)
    assert best <= ADAPTIVE[target][1] + ROUNDED
    assert ADAPTIVE[target][0] < ADAPTIVE[target][1]
    assert len(POOLED[target]) == 3


def test_the_two_stages_are_the_training_of_the_recipe_in_one() -> None:
    once, twice = load_net_recipe("multidomain"), load_net_recipe("multidomain-onto")
    assert twice.pretraining is not None
    assert recipe_signature(replace(twice, pretraining=None, transfer=None)) == recipe_signature(once)
    assert replace(twice.pretraining.training, epochs=once.training.epochs) == once.training


def test_a_setting_is_a_scenario_and_a_plan() -> None:
    recipe = changed(load_recipe("multidomain-onto"), staged("S2-A6", without="emovo"))
    assert isinstance(recipe, Recipe)
    assert recipe.transfer == Transfer(plan="A6")
    assert recipe.pretraining is not None
    assert (recipe.pretraining.scenario, recipe.pretraining.without) == ("S2", ("emovo",))
    assert recipe.name == "multidomain-s2-a6-without-emovo"
    base = load_net_recipe("multidomain-onto")
    found = changed(base, staged("S1-A2"))
    assert isinstance(found, Recipe)
    assert recipe_signature(found) == recipe_signature(base)


def test_the_same_question_in_two_tables_is_one_run() -> None:
    def runs(table: Table) -> set[tuple[object, ...]]:
        return {(each.recipe, each.changes, each.protocol, each.corpus, each.beside, each.pool) for each in table.cells}

    assert runs(TABLE3) & runs(TABLE4)
    assert runs(TABLE3) & runs(TABLE5)
    assert {table.runs for table in PAPER.tables} == {"runs"}


@pytest.mark.parametrize("table", PAPER.tables, ids=lambda table: table.name)
def test_the_papers_numbers_are_of_all_its_corpora(table: Table) -> None:
    published = [each for each in table.cells if each.published is not None]
    assert published
    for each in published:
        assert each.metric == FOLD_MEAN
        assert not protocol(each.protocol).speaker_independent
        assert set(each.needs) == ({each.corpus} if each.setting == "TT" else set(DOMAINS))
        assert each.pool == ()


@pytest.mark.parametrize("table", PAPER.tables, ids=lambda table: table.name)
def test_every_random_column_has_one_that_keeps_speakers_apart(table: Table) -> None:
    for each in table.cells:
        if each.corpus in FREE and each.column.startswith("random folds") and set(each.needs) <= set(FREE):
            twins = [
                other
                for other in table.cells
                if (other.setting, other.corpus) == (each.setting, each.corpus)
                and other.column == each.column.replace("random folds", "new speakers")
            ]
            assert len(twins) == 1
            assert protocol(twins[0].protocol).speaker_independent


def test_what_goes_beyond_the_paper_is_asked_in_every_column_of_ours_and_on_the_same_folds() -> None:
    columns = {(cell.column, cell.corpus) for cell in TABLE5.cells if OURS in cell.column}
    assert len(columns) == 2 * len(FREE) + 2
    for row in BEYOND:
        cells = [cell for cell in TABLE5.cells if cell.setting == row.setting]
        assert {(cell.column, cell.corpus) for cell in cells} == columns
        assert {cell.published for cell in cells} == {None}
        for cell in cells:
            (network,) = (
                each
                for each in TABLE5.cells
                if (each.setting, each.column, each.corpus) == ("CNN+LSTM, S1-A2", cell.column, cell.corpus)
            )
            assert cell.quick == network.quick
            assert (cell.metric, cell.labels) == (network.metric, network.labels)
            assert network.protocol == (f"onto-{cell.corpus}-{cell.protocol}" if row.alone else cell.protocol)
            assert cell.pool == (() if row.alone else network.pool)


def test_every_setting_beyond_the_paper_is_another_recipe_or_one_of_the_papers_own() -> None:
    staged_rows = [row for row in BEYOND if not row.alone]
    found = [changed(load_recipe(row.recipe), row.changes) for row in staged_rows]
    assert len({signature_of(recipe) for recipe in found}) == len(found)
    assert len({recipe.name for recipe in found}) == len(found)
    as_it_is = next(row for row in BEYOND if row.setting == "CNN+LSTM, S2-A1")
    assert as_it_is.changes == staged("S2-A1")  # the run of Table 3
    first, second = found[:2]
    assert isinstance(first, Recipe)
    assert isinstance(second, Recipe)
    assert first.pretraining is not None
    assert second.pretraining is not None
    assert (first.pretraining.training.sampling, first.pretraining.training.balance) == ("weighted", 0.0)
    assert second.pretraining.heads == "corpus"
    assert [recipe.name for recipe in found[:2]] == [
        "multidomain-s1-a2-corpora-alike",
        "multidomain-s1-a2-head-per-corpus",
    ]
    assert needed_sources(TABLE5) == ("mn04",)


def test_what_is_given_decides_what_can_be_run() -> None:
    def cell(setting: str, column: str) -> Cell:
        (found,) = (
            each for each in TABLE4.cells if (each.setting, each.column, each.corpus) == (setting, column, "emodb")
        )
        return found

    free, paper = "random folds, free corpora", "random folds, the paper's corpora"
    whole, without = cell("S2-A2, all", free), cell("S2-A2, without savee", free)
    assert not whole.can_be_run({"emodb"})
    assert whole.can_be_run({"emodb", "savee"})
    assert TABLE4.run_of(whole, given={"emodb", "savee", "rml"}) == ("emodb", "savee")
    assert not without.can_be_run({"emodb", "savee"})
    assert not without.can_be_run({"emodb", "nemo"})
    assert without.can_be_run({"emodb", "savee", "nemo"})
    assert TABLE4.run_of(without, given={"emodb", "savee", "nemo"}) == ("emodb", "savee", "nemo")
    assert not cell("S2-A2, all", paper).can_be_run(set(DOMAINS[1:]))
    assert cell("S2-A2, all", paper).can_be_run(set(DOMAINS))
    assert set(TABLE2.corpora()) == {*DOMAINS, *FREE}


@pytest.fixture
def corpora(tmp_path: Path) -> dict[str, tuple[Utterance, ...]]:
    target = emodb_utterances(write_emodb(tmp_path / "target" / "emodb", sentences=("a01", "a02")))
    other = emodb_utterances(write_emodb(tmp_path / "other" / "emodb", sentences=("a04",)))
    return {"emodb": target, "savee": tuple(replace(each, corpus="savee") for each in other)}


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_quick_cells_are_run_once_for_all_tables(
    corpora: dict[str, tuple[Utterance, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = tiny_recipe(name="multidomain", labels="six", training={"epochs": 1})
    both = Pretraining("S1", (), once.training)
    tiny = {"multidomain": once, "multidomain-onto": replace(once, transfer=Transfer(plan="A2"), pretraining=both)}
    monkeypatch.setattr(module, "load_recipe", tiny.__getitem__)
    beyond = {row.setting for row in BEYOND}
    tables = [
        replace(
            table,
            cells=tuple(each for each in table.cells if each.recipe in tiny and each.setting not in {"CNN", *beyond}),
        )
        for table in (TABLE3, TABLE4, TABLE5)
    ]
    paper = Paper("made", "Made up", "Nobody: Nothing. 2026", tuple(tables))
    found = {}
    for table in tables:
        rows = reproduce(paper, table, corpora, out=tmp_path, quick=True)
        done = [row for row in rows if row.score is not None]
        assert {row.cell.column.partition(",")[0] for row in done} == {QUICK}
        assert {row.status for row in done} == {"other data"}
        assert {row.cell.corpus for row in done} == {"emodb", "savee"}
        assert {row.status for row in rows if row.score is None} <= {"not run", "data absent"}
        assert runs_of(paper, table, out=tmp_path) == tmp_path / "made-runs"
        assert [entry.name for entry in folder_of(paper, table, out=tmp_path).iterdir()] == ["rows.json"]
        found[table.name] = {row.run for row in done}
    assert len(found["table3"]) == 6  # two targets: alone, and two scenarios
    assert found["table4"] < found["table3"]
    assert found["table5"] < found["table3"]
