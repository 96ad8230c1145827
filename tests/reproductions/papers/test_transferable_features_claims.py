"""Verdicts on the claims of the paper on transferable features, and the sections of its page, from given scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.made_runs import Made
from tests.reproductions.stored import results_of

from emotone.reproductions.papers.transferable_features.claims import scoreboard
from emotone.reproductions.papers.transferable_features.gains import gains
from emotone.reproductions.papers.transferable_features.sections import (
    adaptive_svm_section,
    corpora_section,
    coverage_section,
    questions_section,
)
from emotone.reproductions.papers.transferable_features.tables import PAPER

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import CellResult

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
