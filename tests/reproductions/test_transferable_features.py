"""The paper on transferable features: cells and claims."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

import pytest
import tomli_w
from tests.made_runs import Made, results_of
from tests.toy import emodb_utterances, signature_of, tiny_recipe, write_emodb

from emotone.config import to_mapping
from emotone.fitting.resolve import recipe_signature
from emotone.protocols import protocol
from emotone.recipes.library import load_net_recipe, load_recipe
from emotone.recipes.recipe import Recipe
from emotone.recipes.transfer import Pretraining, Transfer
from emotone.reproductions.base import Paper, PublishedTable
from emotone.reproductions.cells import changed
from emotone.reproductions.papers.transferable_features import published
from emotone.reproductions.papers.transferable_features.claims import scoreboard
from emotone.reproductions.papers.transferable_features.published import ALL, CORPORA, PLANS, SCENARIOS, table3_uar
from emotone.reproductions.papers.transferable_features.sections import (
    adaptive_svm_section,
    corpora_section,
    coverage_section,
    gains,
    questions_section,
)
from emotone.reproductions.papers.transferable_features.tables import (
    EXTENSIONS,
    FREE,
    PAPER,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLE5,
    setting_changes,
)
from emotone.reproductions.reproduce import needed_sources, reproduce
from emotone.reproductions.stored import runs_folder, stored_rows
from emotone.scoring.scores import FOLD_MEAN

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import Cell, CellResult
    from emotone.types import Utterance


# ----------------------------------------------------------------------------------------------------------------------
# Tables of the paper on transferable features: consistency of the published numbers, and the run of each cell.

ROUNDED = 0.0025  # tolerance for products of numbers with three digits


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("plan", PLANS)
def test_the_gains_have_the_published_averages(scenario: str, plan: str) -> None:
    column = PLANS.index(plan)
    assert set(published.GAINS[scenario]) == set(published.TARGET_ONLY) == set(CORPORA)
    gains = [published.GAINS[scenario][target][column] for target in CORPORA]
    assert fmean(gains) == pytest.approx(published.AVERAGE[scenario][column], abs=ROUNDED)


@pytest.mark.parametrize("target", CORPORA)
def test_tables_3_and_4_agree(target: str) -> None:
    for setting, value in zip(published.TABLE4_SETTINGS, published.TABLE4[target, ALL], strict=True):
        if value is not None and (target, setting) != ("iemocap", "S2-A1"):  # .434 in Table 3, .441 in Table 4
            assert table3_uar(target, setting) == pytest.approx(value, abs=ROUNDED)


@pytest.mark.parametrize("target", CORPORA)
def test_table_5_has_the_best_network_of_table_4(target: str) -> None:
    best = max(value for (of, _), row in published.TABLE4.items() if of == target for value in row if value is not None)
    svm, network = published.TABLE5[target]
    assert best <= network + ROUNDED
    assert svm < network
    assert len(published.TABLE2[target]) == len(published.SYSTEMS)


def test_both_stages_have_the_settings_of_the_recipe_with_one_stage() -> None:
    once, twice = load_net_recipe("multidomain"), load_net_recipe("multidomain-onto")
    assert twice.pretraining is not None
    assert recipe_signature(replace(twice, pretraining=None, transfer=None)) == recipe_signature(once)
    assert replace(twice.pretraining.training, epochs=once.training.epochs) == once.training


def test_a_setting_is_a_scenario_and_a_plan() -> None:
    recipe = changed(load_recipe("multidomain-onto"), setting_changes("S2-A6", excluded="emovo"))
    assert isinstance(recipe, Recipe)
    assert recipe.transfer == Transfer(plan="A6")
    assert recipe.pretraining is not None
    assert (recipe.pretraining.scenario, recipe.pretraining.without) == ("S2", ("emovo",))
    assert recipe.name == "multidomain-s2-a6-without-emovo"
    base = load_net_recipe("multidomain-onto")
    found = changed(base, setting_changes("S1-A2"))
    assert isinstance(found, Recipe)
    assert recipe_signature(found) == recipe_signature(base)


def test_tables_share_their_runs() -> None:
    def runs(table: PublishedTable) -> set[tuple[object, ...]]:
        return {
            (each.recipe, each.changes, each.protocol, each.corpus, each.other_corpora, each.optional_corpora)
            for each in table.cells
        }

    assert runs(TABLE3) & runs(TABLE4)
    assert runs(TABLE3) & runs(TABLE5)


@pytest.mark.parametrize("table", PAPER.tables, ids=lambda table: table.name)
def test_published_numbers_require_all_corpora_of_the_paper(table: PublishedTable) -> None:
    cells = [each for each in table.cells if each.published is not None]
    assert cells
    for each in cells:
        assert each.metric == FOLD_MEAN
        assert not protocol(each.protocol).speaker_independent
        assert set(each.required_corpora) == ({each.corpus} if each.row.id == "tt" else set(CORPORA))
        assert each.optional_corpora == ()


@pytest.mark.parametrize("table", PAPER.tables, ids=lambda table: table.name)
def test_every_column_of_random_folds_has_one_of_speaker_independent_folds(table: PublishedTable) -> None:
    for each in table.cells:
        if each.corpus in FREE and each.column.id.startswith("random-") and set(each.required_corpora) <= set(FREE):
            twins = [
                other
                for other in table.cells
                if (other.row, other.corpus) == (each.row, each.corpus)
                and other.column.id == each.column.id.replace("random-", "speakers-")
            ]
            assert len(twins) == 1
            assert protocol(twins[0].protocol).speaker_independent


def test_extensions_have_the_folds_of_the_network_in_every_column_of_free_corpora() -> None:
    columns = {(cell.column, cell.corpus) for cell in TABLE5.cells if cell.column.id.endswith("-free")}
    assert len(columns) == 2 * len(FREE) + 2
    for extension in EXTENSIONS:
        cells = [cell for cell in TABLE5.cells if cell.row == extension.row]
        assert {(cell.column, cell.corpus) for cell in cells} == columns
        assert {cell.published for cell in cells} == {None}
        for cell in cells:
            (network,) = (
                each
                for each in TABLE5.cells
                if (each.row.id, each.column, each.corpus) == ("cnn-lstm-s1-a2", cell.column, cell.corpus)
            )
            assert cell.quick == network.quick
            assert (cell.metric, cell.labels) == (network.metric, network.labels)
            prefix = f"onto-{cell.corpus}-" if extension.target_only else ""
            assert network.protocol == prefix + cell.protocol
            assert cell.optional_corpora == (() if extension.target_only else network.optional_corpora)


def test_extensions_are_different_recipes() -> None:
    found = [changed(load_recipe(each.recipe), each.changes) for each in EXTENSIONS if not each.target_only]
    assert len({signature_of(recipe) for recipe in found}) == len(found)
    assert len({recipe.name for recipe in found}) == len(found)
    (without_labels,) = (each for each in EXTENSIONS if each.row.id == "cnn-lstm-s2-a1")
    assert without_labels.changes == setting_changes("S2-A1")  # the run of Table 3
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


def test_a_cell_is_runnable_if_its_corpora_are_given() -> None:
    def cell(row: str, column: str) -> Cell:
        (found,) = (
            each for each in TABLE4.cells if (each.row.id, each.column.id, each.corpus) == (row, column, "emodb")
        )
        return found

    free, paper = "random-free", "random-paper"
    whole, without = cell("s2-a2-all", free), cell("s2-a2-without-savee", free)
    assert not whole.is_runnable({"emodb"})
    assert whole.is_runnable({"emodb", "savee"})
    assert TABLE4.run_corpora(whole, given={"emodb", "savee", "rml"}) == ("emodb", "savee")
    assert not without.is_runnable({"emodb", "savee"})
    assert not without.is_runnable({"emodb", "nemo"})
    assert without.is_runnable({"emodb", "savee", "nemo"})
    assert TABLE4.run_corpora(without, given={"emodb", "savee", "nemo"}) == ("emodb", "savee", "nemo")
    assert not cell("s2-a2-all", paper).is_runnable(set(CORPORA[1:]))
    assert cell("s2-a2-all", paper).is_runnable(set(CORPORA))
    assert set(TABLE2.corpora()) == {*CORPORA, *FREE}


@pytest.fixture
def corpora(tmp_path: Path) -> dict[str, tuple[Utterance, ...]]:
    target = emodb_utterances(write_emodb(tmp_path / "target" / "emodb", sentences=("a01", "a02")))
    other = emodb_utterances(write_emodb(tmp_path / "other" / "emodb", sentences=("a04",)))
    return {"emodb": target, "savee": tuple(replace(each, corpus="savee") for each in other)}


def write_recipe(path: Path, recipe: Recipe) -> str:
    """Write a recipe's file, without the optional tables that it does not have; return its path."""
    tables = {key: value for key, value in to_mapping(recipe).items() if value is not None}
    path.write_text(tomli_w.dumps(tables), encoding="utf-8")
    return str(path)


@pytest.mark.usefixtures("one_thread", "torch_bundles")
def test_quick_cells_are_run_once_for_all_tables(corpora: dict[str, tuple[Utterance, ...]], tmp_path: Path) -> None:
    once = tiny_recipe(name="multidomain", labels="six", training={"epochs": 1})
    twice = replace(once, transfer=Transfer(plan="A2"), pretraining=Pretraining("S1", (), once.training))
    tiny = {
        "multidomain": write_recipe(tmp_path / "once.toml", once),
        "multidomain-onto": write_recipe(tmp_path / "twice.toml", twice),
    }
    extensions = {each.row for each in EXTENSIONS}
    tables = [
        replace(
            table,
            cells=tuple(
                replace(each, recipe=tiny[each.recipe])
                for each in table.cells
                if each.recipe in tiny and each.row not in extensions
            ),
        )
        for table in (TABLE3, TABLE4, TABLE5)
    ]
    paper = Paper("made", "Made up", "Nobody: Nothing. 2026", tuple(tables))
    runs = {}
    for table in tables:
        results = reproduce(paper, table, corpora, out=tmp_path, quick=True)
        done = [result for result in results if result.score is not None]
        assert {result.cell.column.id.partition("-")[0] for result in done} == {"single"}
        assert {result.status for result in done} == {"other data"}
        assert {result.cell.corpus for result in done} == {"emodb", "savee"}
        assert {result.status for result in results if result.score is None} <= {"not run", "data absent"}
        assert stored_rows(runs_folder(paper, out=tmp_path), table) == [result.to_dict() for result in results]
        runs[table.name] = {result.run for result in done}
    assert len(runs["table3"]) == 6  # two targets: target only, and two scenarios
    assert runs["table4"] < runs["table3"]
    assert runs["table5"] < runs["table3"]


# ----------------------------------------------------------------------------------------------------------------------
# Verdicts on the claims of the paper on transferable features, and the sections of its page, from given scores.

SINGLE, RANDOM = "single-free", "random-free"


def write(runs: Path) -> None:
    """Write the run that every result names."""
    made = Made(corpora=("emodb",), protocol="onto-emodb-random-5")
    made.write(runs / "run")


def values(better: float) -> dict[tuple[str, str, str, str], float]:
    """Return scores that agree with the paper if `better` is above 0.5, and contradict it below."""
    found = {}
    for target in ("emodb", "savee"):
        for row, value in (("cnn-lstm", better), ("cnn", 0.5), ("svm-is10", 0.5)):
            found["table2", target, row, SINGLE] = value
        found["table3", target, "tt", "single-target"] = 0.5
        found["table3", target, "s1-a2", SINGLE] = better
        found["table3", target, "s2-a2", SINGLE] = 0.5
        for setting, other in (("s1-a2", better), ("s2-a2", 1 - better)):
            found["table4", target, f"{setting}-all", SINGLE] = 0.5
            for excluded in ("emodb", "emovo", "savee", "ravdess"):
                found["table4", target, f"{setting}-without-{excluded}", SINGLE] = other
    found["table3", "emodb", "tt", "random-target"] = 0.614 if better > 0.5 else 0.5
    for plan, value in (("a1", 1 - better), ("a2", better), ("a3", 0.5), ("a4", 0.45), ("a5", 0.4)):
        found["table3", "emodb", f"s2-{plan}", RANDOM] = value
    found["table5", "emodb", "adaptive-svm", RANDOM] = 0.55 if better > 0.5 else 0.75
    return found


def verdicts(results: dict[str, list[CellResult]], runs: Path) -> dict[str, str]:
    return {finding.claim.id: finding.verdict for finding in scoreboard(results, runs).findings}


def test_without_runs_every_claim_is_untested(tmp_path: Path) -> None:
    assert set(verdicts(results_of(PAPER, {}), tmp_path).values()) == {"untested"}


def test_scores_confirm_or_contradict_the_claims(tmp_path: Path) -> None:
    write(tmp_path)
    held, failed = (verdicts(results_of(PAPER, values(better)), tmp_path) for better in (0.6, 0.3))
    assert held.pop("best-plan") == failed.pop("best-plan") == "untested"
    assert set(held.values()) == {"held"}
    assert set(failed.values()) == {"failed"}


def test_sections_show_questions_corpora_gains_and_unmeasured_cells(tmp_path: Path) -> None:
    write(tmp_path)
    results = results_of(PAPER, values(0.6))
    measured = [each for of_table in results.values() for each in of_table if each.score is not None]
    board = scoreboard(results, tmp_path)
    questions = [line for line in questions_section(board) if line.startswith("- RQ")]
    assert len(questions) == 4
    assert "CNN+LSTM is better than CNN, trained on all corpora: **held**" in questions[0]
    corpora = corpora_section(measured, tmp_path)
    assert "| emodb | 287 | 375 |" in corpora
    assert "| nemo | - | 3672 |" in corpora
    assert any("In no stored run: emovo, ravdess, nemo." in line for line in corpora)
    svm = adaptive_svm_section(results, tmp_path)
    assert "| emodb | published | 79.7 | 85.6 | +7.4 % | significant |" in svm
    assert any(
        line.startswith("| emodb | ours, random folds, free corpora | 55.0 | 60.0 (S2-A2) | +9.1 % |") for line in svm
    )
    coverage = coverage_section(results)
    assert "| table5 | random folds, free corpora | 1 | 50 |" in coverage


def test_gains_of_several_targets_have_an_average_and_a_deviation(tmp_path: Path) -> None:
    write(tmp_path)
    Made(corpora=("savee",), protocol="onto-savee-random-5").write(tmp_path / "other")
    results = results_of(PAPER, values(0.6))["table3"]
    only_emodb = [each for each in results if each.cell.corpus == "emodb" and each.score is not None]
    assert not any(line.startswith("| average") for line in gains(only_emodb, tmp_path))
    named = [each if each.cell.corpus == "emodb" else _in_run(each, "other") for each in results if each.score]
    lines = gains(named, tmp_path)
    assert "| average |  | - | +20.0 | - | - | - | - | - | - |" in lines
    assert "| Std |  | - | 0.0 | - | - | - | - | - | - |" in lines


def _in_run(result: CellResult, run: str) -> CellResult:
    return type(result)(result.cell, result.score, result.status, run)
