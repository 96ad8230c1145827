"""Tables in every format, against their definition by hand, and the format of numbers."""

from __future__ import annotations

import re

import pytest

from emotone.metrics.intervals import Estimate
from emotone.scoring.result_table import (
    ResultTable,
    escape_markdown,
    escape_tex,
    format_estimate,
    p_value,
    percent,
)

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
