"""compare, report, reproduce: tables and pages of stored runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made
from tests.toy import write_emodb

from emotone.reproductions.base import Paper, PublishedFigure

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome


# ----------------------------------------------------------------------------------------------------------------------
# `emotone compare`: tables, JSON, and one line for every error.


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


# ----------------------------------------------------------------------------------------------------------------------
# `emotone report`: a file in each format, JSON, and one line for every error.


@pytest.fixture
def small_runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two finished evaluations of the same 4 speakers."""
    weak, strong = Made(skill=0.4, draw=1, speakers=4), Made(skill=0.7, draw=2, speakers=4)
    return weak.write(tmp_path / "weak"), strong.write(tmp_path / "strong")


@pytest.mark.parametrize(("name", "start"), [("a.html", "<!DOCTYPE"), ("deep/a.md", "# Eval"), ("a.tex", "% Written")])
def test_a_file(
    emotone: Callable[..., Any], small_runs: tuple[Path, Path], tmp_path: Path, name: str, start: str
) -> None:
    out = tmp_path / name
    result = emotone("report", *small_runs, "--out", out)
    assert (result.status, result.out) == (0, "")
    assert result.err.startswith(f"emotone: {out}: 2 runs, ")
    text = out.read_text(encoding="utf-8")
    assert text.startswith(start)
    assert len(text.encode()) < 2 * 2e6


def test_an_existing_file_is_overwritten(
    emotone: Callable[..., Any], small_runs: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "a.md"
    out.write_text("old")
    assert emotone("report", small_runs[0], "--out", out).status == 0
    assert out.read_text(encoding="utf-8").startswith("# Evaluation of")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_report_json(emotone: Callable[..., Any], small_runs: tuple[Path, Path], tmp_path: Path) -> None:
    other = Made(corpora=("elsewhere",), speakers=2).write(tmp_path / "other")
    result = emotone("report", *small_runs, other, "--out", tmp_path / "a.md", "--json")
    assert result.status == 0
    found = json.loads(result.out)
    assert (found["file"], found["bytes"]) == (str(tmp_path / "a.md"), (tmp_path / "a.md").stat().st_size)
    assert [(run["name"], run["folder"]) for run in found["runs"]] == [
        ("R1", str(small_runs[0])),
        ("R2", str(small_runs[1])),
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
def test_report_errors_are_one_line(
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


# ----------------------------------------------------------------------------------------------------------------------
# `emotone reproduce`: tables are listed and reproduced, and missing data are reported.


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb(tmp_path_factory.mktemp("emodb"))


def test_without_a_table_all_tables_are_listed(emotone: Callable[..., Outcome]) -> None:
    outcome = emotone("reproduce")
    assert outcome.status == 0
    assert "opensmile" in outcome.out
    listed = json.loads(emotone("reproduce", "baselines", "--json").out)
    assert {"paper": "baselines", "table": "opensmile"}.items() <= listed[0].items()


def places(out: Path) -> tuple[object, ...]:
    """Return the options with the folders of results; those of the repository are not used."""
    return "--out", out, "--stored", out / "none"


@pytest.mark.parametrize(("words", "nearest"), [(("baseline",), "baselines"), (("baselines", "smile"), "opensmile")])
def test_a_misspelt_name_is_an_error_with_the_nearest(
    emotone: Callable[..., Outcome], words: tuple[str, ...], nearest: str
) -> None:
    outcome = emotone("reproduce", *words)
    assert outcome.status == 2
    assert nearest in outcome.err


def test_a_table_is_reproduced(emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "baselines", "classifiers", "--quick", "--corpus", f"emodb={corpus}", *places(tmp_path))
    outcome = emotone(*arguments)
    assert outcome.status == 0
    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert any(
        row.startswith("emodb most frequent label, leave-one-speaker-out, scaled on the training speakers - 50.0")
        for row in rows
    )
    assert (
        "Leakage audit, what training and test data share (emodb, leave-one-speaker-out):\n  speakers: none shared"
        in outcome.out
    )
    assert "no data for these corpora: emovo, savee; add --corpus NAME=DIR" in outcome.err
    assert "emotone: emodb, most frequent label, leave-one-speaker-out" in outcome.err
    found = json.loads(emotone(*arguments, "--json", "--quiet").out)
    assert (found["paper"], found["table"]) == ("baselines", "classifiers")
    statuses = {row["status"] for row in found["rows"]}
    assert statuses == {"other data", "not run", "data absent"}
    assert found["audit"]["emodb, leave-one-speaker-out"][0] == "speakers: none shared"


def test_only_selected_cells_are_shown(emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "baselines", "classifiers", "--corpus", f"emodb={corpus}", *places(tmp_path), "--quiet")
    frequent, chance = (("--only", words) for words in ("most frequent label", "random predictions"))
    first = emotone(*arguments, *frequent, "--quick")
    assert "not run" not in first.out
    assert "Finished cells" not in first.out
    second = emotone(*arguments, *chance, "--quick")
    assert "most frequent label" not in second.out
    assert "Finished cells that are not selected: 1; --kept shows them." in second.out


def test_missing_weights_are_reported(emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path) -> None:
    arguments = ("reproduce", "segment-vggish", "table3", "--quick", "--corpus", f"emodb={corpus}", *places(tmp_path))
    outcome = emotone(*arguments, "--json")
    assert outcome.status == 0
    assert "no weights for these networks: --source yamnet=FILE\n" in outcome.err  # quick cells need no other
    assert {row["status"] for row in json.loads(outcome.out)["rows"]} == {"data absent"}
    for given, words in (
        ("yamnet", "--source needs NET=FILE, such as yamnet=yamnet.npz; given 'yamnet'"),
        ("yamnt=a.npz", "unknown network of table3 that loads weights 'yamnt'; did you mean 'yamnet'?"),
        (f"yamnet={tmp_path / 'a.npz'}", "a.npz: can't be read"),
    ):
        refused = emotone(*arguments, "--source", given)
        assert refused.status == 2
        assert words in refused.err


def test_recordings_that_fail_are_listed_and_the_exit_status_says_so(
    emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path
) -> None:
    broken = write_emodb(tmp_path / "broken", sentences=("a01",))
    next(broken.glob("wav/*.wav")).write_bytes(b"no sound")
    outcome = emotone(
        "reproduce", "baselines", "classifiers", "--quick", "--corpus", f"emodb={broken}", *places(tmp_path / "out")
    )
    assert outcome.status == 1
    assert outcome.err.count("left out:") == 1


def test_a_figure_is_computed_stored_and_drawn(
    emotone: Callable[..., Outcome], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures of papers need weights, so this one counts the clips."""
    counting = PublishedFigure(
        "figure0",
        "clips",
        ("emodb",),
        lambda corpora: {"clips": len(corpora["emodb"])},
        lambda data: f"<svg>{data['clips']}</svg>",
    )
    monkeypatch.setattr(Paper, "figure", lambda _self, name: counting if name == "figure0" else None)
    given = ["reproduce", "asr-reuse", "figure0", "--out", str(tmp_path / "out")]
    done = emotone(*given, "--corpus", f"emodb={corpus}")
    assert done.status == 0, done.err
    data, drawing = map(Path, done.out.split())
    stored = json.loads(data.read_text())["figures"]["figure0"]
    assert drawing.read_text() == f"<svg>{stored['clips']}</svg>"
    assert json.loads(emotone(*given, "--corpus", f"emodb={corpus}", "--json").out)["files"][0] == str(data)
    missing = emotone(*given)
    assert missing.status == 2
    assert "figure0 needs --corpus emodb=DIR" in missing.err
    refused = emotone(*given, "--corpus", f"emodb={corpus}", "--source", "hf:./own")
    assert refused.status == 2
    assert "figure0 has encoders of its own; leave out --source hf:./own" in refused.err
