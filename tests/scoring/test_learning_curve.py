"""Curves from made-up runs: which run is which point, what is gained, and what is no curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made, write_run

from emotone.errors import RunError
from emotone.scoring.comparison import compare_runs
from emotone.scoring.learning_curve import gains_of, points_of

if TYPE_CHECKING:
    from pathlib import Path

FEW = 50  # replicates


def curve_run(folder: Path, *, plan: str = "", clips: int | None = None, skill: float = 0.5, draw: int = 0) -> Path:
    """Write a run as the script of learning curves leaves it; return its folder."""
    protocol = "speaker-folds-2" if clips is None else f"speaker-folds-2@{clips}"
    recipe: dict[str, Any] = {"name": f"curve-{plan or 'alone'}", "net": {"name": "log-mel-cnn"}}
    recipe["training"] = {"epochs": 10, "steps_per_epoch": 20, "batch_size": 8}
    if plan:
        recipe["transfer"] = {"source": "default", "plan": plan, "sha256": "0123456789abcdef"}
    made = Made(skill=skill, draw=draw, corpora=("savee",), speakers=6, protocol=protocol)
    return write_run(folder / f"{plan}-{clips}", made.table(), recipe=recipe, seeds=1)


def test_runs_are_put_in_order(tmp_path: Path) -> None:
    asked: list[tuple[str, int | None]] = [("A2", None), ("A2", 25), ("A1", None), ("", 25), ("", None)]
    runs = [curve_run(tmp_path, plan=plan, clips=clips) for plan, clips in asked]
    points = points_of(runs, replicates=FEW)
    assert [(point.source, point.plan, point.column) for point in points] == [
        ("", "", "25"),
        ("", "", "all (27)"),
        ("default", "A1", "0"),
        ("default", "A2", "25"),
        ("default", "A2", "all (27)"),
    ]
    assert {point.score.metric for point in points} == {"uar"}
    assert points[0].score.n == 54


def test_gains_are_over_nothing_with_as_many_clips(tmp_path: Path) -> None:
    alone = curve_run(tmp_path, clips=10, skill=0.2)
    taking = curve_run(tmp_path, plan="A5", clips=10, skill=0.9, draw=1)
    others = [curve_run(tmp_path, plan="A1"), curve_run(tmp_path, plan="A5", clips=20)]
    gains = gains_of(points_of([alone, taking, *others], replicates=FEW), replicates=FEW)
    (uar,) = (each for each in compare_runs([alone, taking], replicates=FEW).differences if each.metric == "uar")
    assert list(gains) == [("savee", "default", "A5", 10)]
    assert gains["savee", "default", "A5", 10].number == uar.number > 0.3


def test_two_runs_of_one_point_are_refused(tmp_path: Path) -> None:
    runs = [curve_run(tmp_path / name, plan="A1", clips=clips) for name, clips in (("a", None), ("b", 25))]
    with pytest.raises(RunError, match="are the same point: A1, 0"):
        points_of(runs, replicates=FEW)


def test_what_is_no_curve_is_refused(tmp_path: Path) -> None:
    several = write_run(tmp_path / "several", Made(corpora=("emodb", "savee")).table(), recipe={})
    with pytest.raises(RunError, match="on one corpus; given: emodb, savee"):
        points_of([several])
    with pytest.raises(RunError, match="needs runs of a recipe"):
        points_of([Made().write(tmp_path / "model")])
