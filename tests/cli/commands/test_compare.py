"""`emotone compare`: tables, JSON, and one line for every error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two finished evaluations of the same 24 speakers."""
    return Made(skill=0.4, draw=1).write(tmp_path / "weak"), Made(skill=0.7, draw=2).write(tmp_path / "strong")


def test_a_table(emotone: Callable[..., Any], runs: tuple[Path, Path]) -> None:
    result = emotone("compare", *runs)
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[:2] == [
        f"R1 = {runs[0]} (leave-one-speaker-out)",
        f"R2 = {runs[1]} (leave-one-speaker-out)",
    ]
    assert sum("  corrected t  " in line for line in lines) == 2
    assert sum("  McNemar  " in line for line in lines) == 1


def test_json(emotone: Callable[..., Any], runs: tuple[Path, Path]) -> None:
    result = emotone("compare", *runs, "--json")
    assert (result.status, result.err) == (0, "")
    given = json.loads(result.out)
    assert [run["folder"] for run in given["runs"]] == [str(run) for run in runs]
    difference = given["differences"][0]
    assert difference["low"] < difference["value"] < difference["high"]


def test_common(emotone: Callable[..., Any], runs: tuple[Path, Path], tmp_path: Path) -> None:
    fewer = Made(skill=0.7, draw=2, clips=8).write(tmp_path / "fewer")
    refused = emotone("compare", runs[0], fewer)
    assert (refused.status, refused.out) == (2, "")
    assert refused.err == (
        "emotone: error: R1 and R2 do not share all utterances of toy: 24 are in R1 only (first: toy/s0-08); "
        "add --common to compare the shared ones\n"
    )
    result = emotone("compare", runs[0], fewer, "--common")
    assert result.status == 0
    assert "Note: excluded: 24 are in R1 only (first: toy/s0-08) (toy: R1, R2)" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument 'RUN RUN...'; see: emotone compare --help"),
        (("weak",), "a comparison needs at least 2 runs; given 1"),
        (("weak", "nothing"), "contains no finished evaluation; pass the folder that `emotone evaluate` printed"),
        (("weak", "weak"), "was given twice; pass different runs"),
    ],
)
def test_errors_are_one_line(
    emotone: Callable[..., Any], runs: tuple[Path, Path], arguments: tuple[str, ...], words: str
) -> None:
    result = emotone("compare", *(runs[0].parent / name for name in arguments))
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("emotone: error: ")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_the_help_page_explains_the_statistics(emotone: Callable[..., Any]) -> None:
    page = emotone("compare", "--help").out
    for word in ("corrected t", "Holm", "second minus first", "Exit status", "Examples"):
        assert word in page
