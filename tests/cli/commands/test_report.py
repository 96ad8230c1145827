"""`emotone report`: a file in each format, JSON, and one line for every error."""

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
    """Two finished evaluations of the same 4 speakers."""
    weak, strong = Made(skill=0.4, draw=1, speakers=4), Made(skill=0.7, draw=2, speakers=4)
    return weak.write(tmp_path / "weak"), strong.write(tmp_path / "strong")


@pytest.mark.parametrize(("name", "start"), [("a.html", "<!DOCTYPE"), ("deep/a.md", "# Eval"), ("a.tex", "% Written")])
def test_a_file(emotone: Callable[..., Any], runs: tuple[Path, Path], tmp_path: Path, name: str, start: str) -> None:
    out = tmp_path / name
    result = emotone("report", *runs, "--out", out)
    assert (result.status, result.out) == (0, "")
    assert result.err.startswith(f"emotone: {out}: 2 runs, ")
    text = out.read_text(encoding="utf-8")
    assert text.startswith(start)
    assert len(text.encode()) < 2 * 2e6


def test_an_existing_file_is_overwritten(emotone: Callable[..., Any], runs: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "a.md"
    out.write_text("old")
    assert emotone("report", runs[0], "--out", out).status == 0
    assert out.read_text(encoding="utf-8").startswith("# Evaluation of")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_json(emotone: Callable[..., Any], runs: tuple[Path, Path], tmp_path: Path) -> None:
    other = Made(corpora=("elsewhere",), speakers=2).write(tmp_path / "other")
    result = emotone("report", *runs, other, "--out", tmp_path / "a.md", "--json")
    assert result.status == 0
    found = json.loads(result.out)
    assert (found["file"], found["bytes"]) == (str(tmp_path / "a.md"), (tmp_path / "a.md").stat().st_size)
    assert [(run["name"], run["folder"]) for run in found["runs"]] == [
        ("R1", str(runs[0])),
        ("R2", str(runs[1])),
        ("R3", str(other)),
    ]
    assert [score["metric"] for run in found["runs"] for score in run["scores"]] == ["uar"] * 3
    assert found["compared"] == [["R1", "R2"]]
    assert [each["runs"] for each in found["incomparable"]] == [["R1", "R3"], ["R2", "R3"]]
    assert "emotone: R1 and R3 can't be compared: they share no recording" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument 'RUN...'; see: emotone report --help"),
        (("weak",), "Missing option '--out'"),
        (
            ("weak", "--out", "a.htm"),
            "unknown suffix of a report '.htm'; did you mean '.html'? Allowed: .html, .md, .tex",
        ),
        (("weak", "--out", "report"), "unknown suffix of a report 'report'"),
        (
            ("nothing", "--out", "a.md"),
            "contains no finished evaluation; pass the folder that `emotone evaluate` printed",
        ),
        (("weak", "weak", "--out", "a.md"), "was given twice; pass different runs"),
        (("weak", "--out", "weak/run.json/a.md"), "can't write"),
    ],
)
def test_errors_are_one_line(
    emotone: Callable[..., Any],
    runs: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(runs[0].parent)
    result = emotone("report", *arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("emotone: error: ")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_the_help_page_explains_the_report(emotone: Callable[..., Any]) -> None:
    page = emotone("report", "--help").out
    for word in ("Exit status", "Examples", "leakage audit", "stored predictions", ".tex"):
        assert word in page
