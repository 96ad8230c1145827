r"""Tables of results, rendered as Markdown, HTML, LaTeX or aligned text, and the format of every number in them.

Cells are plain text; every renderer escapes what its format would interpret.

Contents:
    ResultTable                         columns, rows, alignment, caption and notes
    format_estimate, percent, p_value   how numbers are written
    escape_markdown, escape_tex         text that the format shows literally
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape as escape_html
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.metrics.intervals import Estimate

Align: TypeAlias = Literal["left", "right"]

NUMBER = re.compile(r"[-+<]?\s?[\d.]")  # start of a cell that is a number
MISSING = frozenset({"-", "", "unknown", "undefined", "not recorded"})  # allowed among the cells of a column of numbers
PROSE = 36  # characters; a column with a longer cell is text and may wrap
MAX_ROWS, FIRST_ROWS = 30, 20  # HTML folds the rows after the first 20 if there are more than 30
TEX_ROWS = 40  # rows of a LaTeX table: more do not fit on a page
SMALLEST_P = 0.0001  # smaller p are written as "< 0.0001"
INDEPENDENT = {True: "yes", False: "NO", None: "unknown"}
"""Speaker independence in the cells of a table."""

NBSP = "\u00a0"
_MARKDOWN = re.compile(r"([\\`*_~|$#]|\[(?![-+\d])|^[-+>](?=\s)|^\d+(?=[.)]\s))")
_TEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "{}#$%&_"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    NBSP: "~",
}


def format_estimate(estimate: Estimate | None, *, scale: float = 100, sign: str = "") -> str:
    """Return the scaled value with its interval, if any: "79.8 [74.6, 83.8]"; "undefined" without a value.

    Args:
        estimate: None gives "-".
        scale: factor of the value; 100 for rates.
        sign: sign option of the format, e.g. "+" for differences.

    Example:
        >>> from emotone.metrics.intervals import Estimate
        >>> format_estimate(Estimate(value=0.798, low=0.746, high=0.838)), format_estimate(Estimate(value=None))
        ('79.8 [74.6, 83.8]', 'undefined')

    """
    if estimate is None:
        return "-"
    if estimate.value is None:
        return "undefined"
    text = f"{scale * estimate.value:{sign}.1f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{scale * estimate.low:{sign}.1f}, {scale * estimate.high:{sign}.1f}]"


def percent(value: float | None, *, sign: str = "") -> str:
    """Return a rate times 100 with one decimal; "-" for None."""
    return "-" if value is None else f"{100 * value:{sign}.1f}"


def p_value(p: float | None) -> str:
    """Return a p-value with four decimals; "-" for None."""
    if p is None:
        return "-"
    return f"< {SMALLEST_P:g}" if p < SMALLEST_P else f"{p:.4f}"


@dataclass(frozen=True)
class ResultTable:
    """A table whose first column names the rows.

    Attributes:
        columns: names of the columns.
        rows: cells, one per column.
        caption: what the table shows, as a sentence.
        notes: remarks below the table.
        align: alignment of each column; by default, columns of numbers are right-aligned.
        shades: for a heat map, the values in [0, 1] behind the cells' colours; None for a cell without colour.

    Example:
        >>> table = ResultTable(("corpus", "UAR"), (("emodb", "79.8"),))
        >>> print(table.markdown())
        | corpus | UAR |
        | --- | ---: |
        | emodb | 79.8 |

    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    notes: tuple[str, ...] = ()
    align: tuple[Align, ...] = ()
    shades: tuple[tuple[float | None, ...], ...] = ()

    @property
    def alignment(self) -> tuple[Align, ...]:
        """Alignment of each column."""
        return self.align or tuple(self._default_alignment(index) for index in range(len(self.columns)))

    def _default_alignment(self, index: int) -> Align:
        numeric = index > 0 and all(row[index] in MISSING or NUMBER.match(row[index]) for row in self.rows)
        return "right" if numeric else "left"

    def markdown(self, *, escape: bool = True) -> str:
        """Return the table in Markdown, without final newline.

        Args:
            escape: escape the cells; False for cells that contain Markdown.

        """
        write = escape_markdown if escape else str
        rules = ("---:" if align == "right" else "---" for align in self.alignment)
        rows = [map(write, self.columns), rules, *(map(write, row) for row in self.rows)]
        lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        caption = [write(self.caption)] if self.caption else []
        return "\n\n".join([*caption, lines, *(f"Note: {write(note)}" for note in self.notes)])

    def text(self) -> str:
        """Return the table as aligned text for a terminal, without final newline."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]

        def line(cells: Sequence[str]) -> str:
            padded = (
                cell.rjust(width) if align == "right" else cell.ljust(width)
                for cell, width, align in zip(cells, widths, self.alignment, strict=True)
            )
            return "  ".join(padded).rstrip()

        rule = "  ".join("-" * width for width in widths)
        lines = "\n".join([line(self.columns), rule, *map(line, self.rows)])
        notes = ["\n".join(f"Note: {note}" for note in self.notes)] if self.notes else []
        return "\n\n".join([*([self.caption] if self.caption else []), lines, *notes])

    def html(self) -> str:
        """Return the table as an HTML element; the rows of a long table are folded."""
        shown = FIRST_ROWS if len(self.rows) > MAX_ROWS else len(self.rows)
        parts = [self._html_part(0, shown, self.caption)]
        if shown < len(self.rows):
            more = self._html_part(shown, len(self.rows), f"{self.caption} (more rows)")
            parts.append(f"<details><summary>{len(self.rows) - shown} more rows</summary>\n{more}\n</details>")
        return "\n".join([*parts, *(f'<p class="note"><b>Note:</b> {escape_html(note)}</p>' for note in self.notes)])

    def _html_part(self, first: int, last: int, caption: str) -> str:
        """Return the rows from `first` to before `last` as a table that scrolls."""
        title = escape_html(caption)
        numbers = [align == "right" and not self.shades for align in self.alignment]
        head = "\n".join(
            f'<th scope="col"{_CLASS_NUMBER * number}>{escape_html(name)}</th>'
            for name, number in zip(self.columns, numbers, strict=True)
        )
        rows = "\n".join(f"<tr>\n{self._html_cells(row)}\n</tr>" for row in range(first, last))
        heat = ' class="heatmap"' if self.shades else ""
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">\n<table{heat}>\n'
            f"<caption><span>{title}</span></caption>\n<thead><tr>\n{head}\n</tr></thead>\n"
            f"<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
        )

    def _html_cells(self, row: int) -> str:
        cells = []
        for column, (text, align) in enumerate(zip(self.rows[row], self.alignment, strict=True)):
            shade, cell = self.shades[row][column] if self.shades else None, escape_html(text)
            if column == 0:
                cells.append(f'<th scope="row">{cell}</th>')
            elif shade is not None:
                level = " high" if shade >= 0.78 else " middle" if shade >= 0.5 else ""
                cells.append(f'<td class="heat{level}" style="--share:{shade:.3f}">{cell}</td>')
            else:
                cells.append(f"<td{_CLASS_NUMBER * (align == 'right')}>{cell}</td>")
        return "\n".join(cells)

    def latex(self) -> str:
        """Return the table as a LaTeX float, for the packages fontenc (T1), booktabs and graphicx."""

        def line(cells: Sequence[str]) -> str:
            return f"{' & '.join(map(escape_tex, cells))} \\\\"

        rows = [line(row) for row in self.rows[:TEX_ROWS]]
        if len(self.rows) > TEX_ROWS:
            rows.append(rf"\multicolumn{{{len(self.columns)}}}{{l}}{{and {len(self.rows) - TEX_ROWS} more rows}} \\")
        lines = [
            r"\begin{table}[!htbp]",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{escape_tex(self.caption)}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{self._latex_columns()}}}",
            r"\toprule",
            line(self.columns),
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
        ]
        return "\n".join([*lines, *(rf"\par\noindent\textit{{Note:}} {escape_tex(note)}\par" for note in self.notes)])

    def _latex_columns(self) -> str:
        """Return the column specification; columns of long text share the width that the others leave."""
        wraps = [any(len(row[index]) > PROSE for row in self.rows) for index in range(len(self.columns))]
        width = 0.62 / max(1, sum(wraps))
        return "".join(
            rf"p{{{width:.2f}\linewidth}}" if wrap else align[0]
            for wrap, align in zip(wraps, self.alignment, strict=True)
        )


_CLASS_NUMBER = ' class="number"'


def escape_markdown(text: str) -> str:
    r"""Return text that Markdown shows literally, on one line.

    Example:
        >>> escape_markdown("a|b <i> *c*")
        'a\\|b &lt;i&gt; \\*c\\*'

    """
    line = " ".join(text.split()) if NBSP not in text else re.sub(r"[^\S\u00a0]+", " ", text)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", line)


def escape_tex(text: str) -> str:
    r"""Return text that LaTeX prints literally.

    Example:
        >>> escape_tex("-50 % of a_b")
        '$-$50 \\% of a\\_b'

    """
    line = re.sub(r"[^\S\u00a0]+", " ", text)
    escaped = "".join(_TEX.get(character, character) for character in line)
    # At the start of a row, these would be parsed as arguments of the preceding row's end.
    first = "{" + escaped[0] + "}" + escaped[1:] if escaped.startswith(("[", "*")) else escaped
    return re.sub(r"(?<![\w$-])-(?=\d)", "$-$", first)
