"""Paired tests over folds of one run against another: their direction, and runs without a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.made_runs import Made

from emotone.errors import RunError
from emotone.metrics import significance
from emotone.scoring.comparison import compare_runs
from emotone.scoring.evidence import CORRECTED, PAIRED, FoldGain, gain

if TYPE_CHECKING:
    from pathlib import Path


def test_the_tests_are_those_of_a_comparison(tmp_path: Path) -> None:
    worse, better = Made(skill=0.3).write(tmp_path / "a"), Made(skill=0.8, draw=1).write(tmp_path / "b")
    found = gain(worse, better, "toy")
    (uar,) = (each for each in compare_runs([worse, better]).differences if each.metric == "uar")
    expected = {adjusted.test.name: adjusted.test for adjusted in uar.tests}
    assert (found.paired, found.corrected) == (expected[PAIRED], expected[CORRECTED])
    assert found.change(corrected=False) == found.change(corrected=True) == "up"
    assert gain(better, worse, "toy").change(corrected=True) == "down"


def test_the_corrected_test_has_the_larger_p(tmp_path: Path) -> None:
    first, second = Made(skill=0.4).write(tmp_path / "a"), Made(skill=0.45, draw=1).write(tmp_path / "b")
    found = gain(first, second, "toy")
    assert found.paired is not None
    assert found.corrected is not None
    assert found.paired.p is not None
    assert found.corrected.p is not None
    assert found.paired.p < found.corrected.p


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    run = Made().write(tmp_path / "a")
    assert gain(run, run, "toy").change(corrected=False) == "same"


def test_other_utterances_can_not_be_compared(tmp_path: Path) -> None:
    first, second = Made().write(tmp_path / "a"), Made(clips=6).write(tmp_path / "b")
    with pytest.raises(RunError, match="do not share all utterances of toy"):
        gain(first, second, "toy")


@pytest.mark.parametrize(
    ("statistic", "p", "change"),
    [(3.0, 0.05, "up"), (-3.0, 0.01, "down"), (3.0, 0.051, "same"), (None, None, "same")],
)
def test_the_level_is_five_percent(statistic: float | None, p: float | None, change: str) -> None:
    test = significance.SignificanceTest(statistic, p, 5, PAIRED)
    assert FoldGain(test, None).change(corrected=False) == change
    assert FoldGain(test, None).change(corrected=True) == "unknown"
