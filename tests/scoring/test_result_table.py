"""Result tables, and learning curves drawn from stored runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made, write_run

from emotone.errors import RunError
from emotone.metrics.intervals import Estimate
from emotone.scoring.comparison import compare_runs
from emotone.scoring.learning_curve import gains_of, points_of
from emotone.scoring.result_table import ResultTable, escape_markdown, escape_tex, format_estimate, p_value, percent

if TYPE_CHECKING:
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# Tables in every format, against their definition by hand, and the format of numbers.

TABLE = ResultTable(
    ("corpus", "UAR", "comment"),
    (("emodb", "79.8 [74.6, 83.8]", "a|b"), ("savee", "-", "<c>")),
    caption="Scores x 100.",
    notes=("savee: no run",),
)


def test_markdown() -> None:
    assert TABLE.markdown().splitlines() == [
        "Scores x 100.",
        "",
        "| corpus | UAR | comment |",
        "| --- | ---: | --- |",
        "| emodb | 79.8 [74.6, 83.8] | a\\|b |",
        "| savee | - | &lt;c&gt; |",
        "",
        "Note: savee: no run",
    ]


def test_markdown_in_cells_is_kept_on_request() -> None:
    assert "| `x` |" in ResultTable(("a",), (("`x`",),)).markdown(escape=False)
    assert "| \\`x\\` |" in ResultTable(("a",), (("`x`",),)).markdown()


def test_terminal_text_is_aligned() -> None:
    assert TABLE.text().splitlines() == [
        "Scores x 100.",
        "",
        "corpus                UAR  comment",
        "------  -----------------  -------",
        "emodb   79.8 [74.6, 83.8]  a|b",
        "savee                   -  <c>",
        "",
        "Note: savee: no run",
    ]


def test_html_escapes_cells_and_marks_numbers() -> None:
    html = TABLE.html()
    assert '<td class="number">79.8 [74.6, 83.8]</td>' in html
    assert "<td>&lt;c&gt;</td>" in html
    assert '<th scope="row">emodb</th>' in html
    assert "<caption><span>Scores x 100.</span></caption>" in html
    assert '<p class="note"><b>Note:</b> savee: no run</p>' in html


def test_html_of_a_heat_map() -> None:
    html = ResultTable(("a", "b", "c"), (("x", "9", "1"),), shades=((None, 0.9, 0.2),)).html()
    assert '<table class="heatmap">' in html
    assert '<td class="heat high" style="--share:0.900">9</td>' in html
    assert '<td class="heat" style="--share:0.200">1</td>' in html


def test_long_tables_are_folded_in_html_and_cut_in_latex() -> None:
    table = ResultTable(("speaker", "n"), tuple((f"s{n}", str(n)) for n in range(50)), caption="Speakers.")
    assert table.html().count("<details>") == 1
    assert all(f">s{n}<" in table.html() for n in range(50))
    assert "and 10 more rows" in table.latex()
    assert len(re.findall(r"^s\d", table.latex(), flags=re.MULTILINE)) == 40
    assert table.markdown().count("\n| s") == 51


def test_latex_columns_follow_the_alignment_and_long_text_wraps() -> None:
    table = ResultTable(("name", "n", "text"), (("a", "1", "x" * 40),))
    assert r"\begin{tabular}{lrp{0.62\linewidth}}" in table.latex()


@pytest.mark.parametrize(
    ("cells", "align"),
    [(("1", "-2.5", "+3 [1, 4]"), "right"), (("1", "-", "undefined"), "right"), (("1", "x"), "left")],
)
def test_columns_of_numbers_are_right_aligned(cells: tuple[str, ...], align: str) -> None:
    assert ResultTable(("row", "value"), tuple(("r", cell) for cell in cells)).alignment == ("left", align)


def test_the_alignment_can_be_given() -> None:
    assert ResultTable(("row", "value"), (("r", "1"),), align=("right", "left")).alignment == ("right", "left")


@pytest.mark.parametrize(
    ("estimate", "scale", "sign", "text"),
    [
        (Estimate(value=0.798, low=0.746, high=0.838), 100, "", "79.8 [74.6, 83.8]"),
        (Estimate(value=0.05, low=-0.01, high=0.1), 100, "+", "+5.0 [-1.0, +10.0]"),
        (Estimate(value=2.25), 1, "", "2.2"),
        (Estimate(value=None, note="why"), 100, "", "undefined"),
        (None, 100, "", "-"),
    ],
)
def test_estimates(estimate: Estimate | None, scale: float, sign: str, text: str) -> None:
    assert format_estimate(estimate, scale=scale, sign=sign) == text


def test_rates_and_p_values() -> None:
    assert (percent(0.1234), percent(0.5, sign="+"), percent(None)) == ("12.3", "+50.0", "-")
    assert (p_value(0.5), p_value(0.00001), p_value(None)) == ("0.5000", "< 0.0001", "-")


@pytest.mark.parametrize(
    ("text", "markdown", "tex"),
    [
        ("two\nlines", "two lines", "two lines"),
        ("12\u00a0%", "12\u00a0%", r"12~\%"),
        ("[1.0, 2.0]", "[1.0, 2.0]", "{[}1.0, 2.0]"),
        ("[a](b)", "\\[a](b)", "{[}a](b)"),
        ("- item", "\\- item", "- item"),
        ("-1.5 a-1", "-1.5 a-1", "$-$1.5 a-1"),
        ("* x", "\\* x", "{*} x"),
    ],
)
def test_escapes(text: str, markdown: str, tex: str) -> None:
    assert escape_markdown(text) == markdown
    assert escape_tex(text) == tex


# ----------------------------------------------------------------------------------------------------------------------
# Curves from made-up runs: which run is which point, what is gained, and what is no curve.

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
