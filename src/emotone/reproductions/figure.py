"""Figures of pages: one row per setting, with a mark and its interval for each system, as an SVG for light and dark.

The text is that of the page's reader: no codes. Equal numbers give equal bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.scoring.scores import Score

XMLNS = "http://www.w3.org/2000/svg"
NAMES = {"emodb": "Emo-DB", "ravdess": "RAVDESS", "savee": "SAVEE", "emovo": "EMOVO", "nemo": "nEMO"}
"""Corpus -> short name."""
LEFT, WIDTH, ROW, TOP, BOTTOM, RIGHT = 230, 430, 30, 78, 56, 24  # pixels
RADIUS, LETTER = 5, 6.6  # of marks; mean width of a letter
COLOURS = (("#0b5cad", "#7cb7ff"), ("#b3470e", "#ffab70"), ("#3d7a1f", "#9bd67c"))
"""Of each system, on a light and on a dark background."""
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-size:14px;font-weight:600}"
    ".grid{stroke:#d0d7de}.chance{stroke:#59636e;stroke-dasharray:5 4}.back{fill:#fff}"
)
DARK = "text{fill:#e6edf3}.grid{stroke:#3d444d}.chance{stroke:#9198a1}.back{fill:#0d1117}"


@dataclass(frozen=True)
class Mark:
    """A number with its interval, times 100.

    Attributes:
        system: name in the legend; marks of one system have one colour and shape.
        value: position.
        low: end of the interval, equal to `value` without one.
        high: the other end.

    """

    system: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """A row of a figure: its title, and at most one mark of each system."""

    title: str
    marks: tuple[Mark, ...]


def mark_of(system: str, score: Score) -> Mark:
    """Return the mark of a score with its interval, if it has one."""
    value = 100 * score.number
    low, high = (value if end is None else 100 * end for end in (score.low, score.high))
    return Mark(system, value, low, high)


def interval_figure(
    title: str, rows: Sequence[Row], *, axis: str, line: tuple[str, float] | None = None, limits: tuple[int, int]
) -> str:
    """Return a figure as SVG: rows from top to bottom, numbers on the horizontal axis.

    Args:
        title: what the figure shows.
        rows: without empty ones.
        axis: quantity and its interval, e.g. "UAR x 100, 95 % intervals".
        line: name and position of a vertical line, such as chance.
        limits: of the axis; multiples of 10.

    """
    systems = list(dict.fromkeys(mark.system for row in rows for mark in row.marks))
    width, height = LEFT + WIDTH + RIGHT, TOP + ROW * len(rows) + BOTTOM
    lines = [
        f'<svg xmlns="{XMLNS}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}{_colours(0)}@media(prefers-color-scheme:dark){{{DARK}{_colours(1)}}}</style>",
        f'<rect class="back" width="{width}" height="{height}"/>',
        text_element(16, 24, title, anchor="start", kind="title"),
        *_legend(systems),
        *_axis(limits, axis, rows=len(rows)),
    ]
    if line is not None:
        place = _place(line[1], limits)
        bottom = TOP + ROW * len(rows)
        lines.append(f'<path class="chance" d="M{place} {TOP - 6}V{bottom}"/>')
        lines.append(text_element(place, TOP - 10, line[0], anchor="middle"))
    for number, row in enumerate(rows):
        lines.append(text_element(LEFT - 12, TOP + ROW * number + 19, row.title, anchor="end"))
        offset = ROW / (len(systems) + 1)
        for mark in row.marks:
            system = systems.index(mark.system)
            height_of_mark = round(TOP + ROW * number + offset * (system + 1), 1)
            lines.append(_mark(mark, system, height_of_mark, limits))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _colours(theme: int) -> str:
    return "".join(
        f".s{number}{{fill:{colours[theme]};stroke:{colours[theme]}}}" for number, colours in enumerate(COLOURS)
    )


def _legend(systems: Sequence[str]) -> Iterator[str]:
    place = 20.0
    for number, system in enumerate(systems):
        yield _shape(number, place, 45)
        yield text_element(place + 12, 49, system, anchor="start")
        place = round(place + 40 + LETTER * len(system), 1)


def _axis(limits: tuple[int, int], title: str, *, rows: int) -> Iterator[str]:
    bottom = TOP + ROW * rows
    for tick in range(limits[0], limits[1] + 1, 10):
        place = _place(tick, limits)
        yield f'<path class="grid" d="M{place} {TOP - 6}V{bottom}"/>'
        yield text_element(place, bottom + 18, str(tick), anchor="middle")
    yield text_element(LEFT + WIDTH / 2, bottom + 40, title, anchor="middle")


def _mark(mark: Mark, system: int, height: float, limits: tuple[int, int]) -> str:
    low, high = (_place(end, limits) for end in (mark.low, mark.high))
    tip = f"{mark.system}: {mark.value:.1f} [{mark.low:.1f}, {mark.high:.1f}]"
    line = f'<path class="s{system}" stroke-width="2" d="M{low} {height}H{high}"/>'
    return f"<g><title>{escape(tip)}</title>{line}{_shape(system, _place(mark.value, limits), height)}</g>"


def _shape(system: int, x: float, y: float) -> str:
    """Return a circle, a square or a diamond: systems differ without their colours, too."""
    if system == 0:
        return f'<circle class="s0" cx="{x}" cy="{y}" r="{RADIUS}"/>'
    size = 2 * RADIUS - 1
    corner = f'x="{round(x - size / 2, 1)}" y="{round(y - size / 2, 1)}" width="{size}" height="{size}"'
    turn = f' transform="rotate(45 {x} {y})"' if system == 2 else ""
    return f'<rect class="s{system}" {corner}{turn}/>'


def _place(value: float, limits: tuple[int, int]) -> float:
    inside = min(max(value, limits[0]), limits[1])
    return round(LEFT + WIDTH * (inside - limits[0]) / (limits[1] - limits[0]), 1)


def opened(title: str, width: int, height: int, *, left: int, style: str, dark: str) -> Iterator[str]:
    """Yield the first lines of an SVG: its size, its style on light and dark backgrounds, and its title at `left`."""
    yield f'<svg xmlns="{XMLNS}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
    yield f"<style>{style}@media(prefers-color-scheme:dark){{{dark}}}</style>"
    yield f'<rect class="back" width="{width}" height="{height}"/>'
    yield text_element(left, 24, title, kind="title")


def text_element(x: float, y: float, text: str, *, anchor: str = "", kind: str = "") -> str:
    """Return a text at a place in pixels, with a class of the style, and an anchor other than that of the SVG."""
    place = f' text-anchor="{anchor}"' if anchor else ""
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{place}{style}>{escape(text)}</text>'
