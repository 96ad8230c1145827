"""Curves as SVG that stands inside a page: text stays text, and colours follow the page's, in the light and the dark.

Each figure is drawn with Matplotlib's objects (no global state is kept), then cleaned of everything that would point
out of the page. The same numbers give the same bytes.
"""

from __future__ import annotations

import io
import re
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import missing_extra

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emotone.evaluation.report.numbers import CorpusReport
    from emotone.metrics.calibration import ReliabilityBin
    from emotone.metrics.detection import RocCurve
    from emotone.scoring.detection import AppliedThreshold, Per
    from emotone.scoring.scores import Score
    from emotone.scoring.speakers import SpeakerScore

# Matplotlib needs colours; these stand for the page's own.
INK, GRID, MAIN, PALE = "#010203", "#040506", "#070809", "#0a0b0c"
VARIABLES = {INK: "currentColor", GRID: "var(--line)", MAIN: "var(--main)", PALE: "var(--pale)"}
POINTS = 120  # of a ROC curve: a pixel is wider than a hundredth
NAMED = 30  # speakers that can be named below a plot
LETTERS = 12  # of a name below a plot
FOREIGN = "\u0530"  # letters below this are Latin, Greek or Cyrillic, which every Matplotlib can measure
LINES = ((MAIN, "-"), (INK, "-"), (MAIN, (0, (5, 2))), (INK, (0, (1, 1.5))))  # of runs in one picture
SMALL, MEDIUM, WIDE = (2.1, 2.1), (3.6, 3.3), (7.2, 3.0)  # inches


def roc_picture(
    label: str, curve: RocCurve, *, area: float, marks: Sequence[tuple[float, float]] = ()
) -> tuple[str, str]:
    """Return what a ROC curve is in words, and its SVG.

    Args:
        label: what is looked for.
        curve: of it.
        area: below the curve.
        marks: false and true positive rates to mark: those of thresholds that were chosen elsewhere.

    """
    figure = _figure(SMALL)
    axes = figure.add_axes((0.2, 0.19, 0.75, 0.75))
    rows = _thinned(curve)
    axes.plot([0, 1], [0, 1], color=GRID, linewidth=1, linestyle=(0, (4, 3)))
    axes.fill_between(curve.false_positive_rate[rows], curve.true_positive_rate[rows], color=PALE, linewidth=0)
    axes.plot(curve.false_positive_rate[rows], curve.true_positive_rate[rows], color=MAIN, linewidth=1.8)
    if marks:
        axes.plot(*zip(*marks, strict=True), color=INK, marker="o", markersize=3.5, linestyle="none", clip_on=False)
    axes.text(0.96, 0.08, f"{area:.3f}", ha="right", fontsize=11, color=INK)
    _unit_square(axes, x="false alarms", y="found", ticks=(0, 0.5, 1))
    words = f"ROC curve of {label} against all others; the area below it is {area:.3f}, where guessing has 0.5."
    return words, _svg(figure)


def roc_together(label: str, curves: Mapping[str, RocCurve]) -> tuple[str, str]:
    """Return what the ROC curves of several runs are in words, and their SVG in one square.

    Args:
        label: what is looked for.
        curves: by the name of the run; lines go round in `LINES`.

    """
    figure = _figure(MEDIUM)
    axes = figure.add_axes((0.15, 0.14, 0.8, 0.82))
    axes.plot([0, 1], [0, 1], color=GRID, linewidth=1, linestyle=(0, (4, 3)))
    areas = []
    for (name, curve), (colour, dashes) in zip(curves.items(), cycle(LINES), strict=False):
        rows = _thinned(curve)
        area = float(np.trapezoid(curve.true_positive_rate, curve.false_positive_rate))
        areas.append(f"{name} {area:.3f}")
        axes.plot(
            curve.false_positive_rate[rows],
            curve.true_positive_rate[rows],
            color=colour,
            linestyle=dashes,
            linewidth=1.8,
            label=areas[-1],
        )
    _unit_square(axes, x="false alarms", y="found", ticks=(0, 0.25, 0.5, 0.75, 1))
    axes.legend(loc="lower right", frameon=False, fontsize=9, labelcolor=INK)
    words = f"ROC curves of {label}; the areas below them are {', '.join(areas)}, where guessing has 0.5."
    return words, _svg(figure)


def reliability_picture(bins: Sequence[ReliabilityBin], *, ece: float) -> tuple[str, str]:
    """Return what a reliability diagram is in words, and its SVG."""
    figure = _figure(MEDIUM)
    axes = figure.add_axes((0.15, 0.31, 0.8, 0.65))
    counts = figure.add_axes((0.15, 0.14, 0.8, 0.12))
    filled = [found for found in bins if found.n]
    centres = [(found.low + found.high) / 2 for found in filled]
    width = 0.94 * (bins[0].high - bins[0].low)
    axes.bar(centres, [found.accuracy or 0.0 for found in filled], width=width, color=PALE, linewidth=0)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(
        [found.confidence for found in filled],
        [found.accuracy for found in filled],
        color=MAIN,
        marker="o",
        markersize=4,
        linewidth=1.4,
    )
    counts.bar(centres, [found.n for found in filled], width=width, color=GRID, linewidth=0)
    _unit_square(axes, x="", y="share that is right", ticks=(0, 0.25, 0.5, 0.75, 1))
    axes.set_xticklabels([])
    _frame(counts)
    counts.set_xlim(0, 1)
    counts.set_xticks((0, 0.25, 0.5, 0.75, 1), ("0", "0.25", "0.5", "0.75", "1"))
    counts.set_yticks(())
    counts.set_xlabel("probability of the answer (below: how many)", fontsize=9, color=INK)
    words = (
        f"Reliability diagram: the share of right answers against the probability that they were given, in "
        f"{len(filled)} ranges that hold answers; expected calibration error {ece:.3f}."
    )
    return words, _svg(figure)


def speakers_picture(speakers: Sequence[SpeakerScore], *, whole: Score, chance: Score | None) -> tuple[str, str]:
    """Return what a plot of speakers' scores is in words, and its SVG."""
    figure = _figure(WIDE)
    named = len(speakers) <= NAMED
    names = [_printed(found.speaker, number) for number, found in enumerate(speakers, start=1)]
    slanted = len(speakers) > 8 and max(map(len, names)) > 3
    bottom = 0.26 if named and slanted else 0.12
    axes = figure.add_axes((0.075, bottom, 0.905, 0.96 - bottom))
    ranks, values = np.arange(len(speakers)), np.array([100 * found.uar for found in speakers])
    if whole.low is not None and whole.high is not None:
        axes.axhspan(100 * whole.low, 100 * whole.high, color=PALE, linewidth=0)
    axes.axhline(100 * whole.number, color=MAIN, linewidth=1.2)
    if chance is not None:
        axes.axhline(100 * chance.number, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(ranks, values, color=MAIN, marker="o", markersize=5 if named else 2.5, linestyle="none")
    _frame(axes)
    axes.set_xlim(-0.6, len(speakers) - 0.4)
    axes.set_ylim(0, 102)
    axes.set_yticks((0, 25, 50, 75, 100))
    axes.set_ylabel("UAR x 100", fontsize=9, color=INK)
    if named:
        axes.set_xticks(
            ranks, names, rotation=45 if slanted else 0, ha="right" if slanted else "center", parse_math=False
        )
    else:
        axes.set_xticks(())
        axes.set_xlabel(f"{len(speakers)} speakers, the worst on the left", fontsize=9, color=INK)
    words = (
        f"UAR of {len(speakers)} speakers, the worst first: from {values.min():.1f} to {values.max():.1f}; "
        f"all together {whole.text}."
    )
    return words, _svg(figure)


def roc_pictures(corpus: CorpusReport, *, points: Sequence[AppliedThreshold] = ()) -> tuple[tuple[str, str], ...]:
    """Return a small picture for each label that has a curve: the one that is looked for, where there are two.

    Points of windows or of clips are marked on the curve of theirs.
    """
    detector, windows = corpus.detector, corpus.score("window-au-roc")
    labels = [detector.positive] if detector is not None else list(corpus.curves)
    clips = _marks(points, per="clip")
    found = [roc_picture(label, corpus.curves[label], area=corpus.auroc[label], marks=clips) for label in labels]
    if detector is not None and detector.windows is not None and windows is not None:
        marks = _marks(points, per="window")
        found.append(roc_picture(f"windows of {detector.positive}", detector.windows, area=windows.number, marks=marks))
    return tuple(found)


def _marks(points: Sequence[AppliedThreshold], *, per: Per) -> list[tuple[float, float]]:
    rates = ((point.false_positive_rate.value, point.recall.value) for point in points if point.per == per)
    return [(false, true) for false, true in rates if false is not None and true is not None]


def _printed(name: str, number: int) -> str:
    """Return a speaker's name as it fits below a plot, or the rank where Matplotlib's font has no such letters."""
    if not all(letter.isprintable() and letter < FOREIGN for letter in name):
        return f"{number}."
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}."


def _thinned(curve: RocCurve) -> Any:
    """Return positions of the points to draw: the first, the last, and those that are a step apart."""
    length = np.abs(np.diff(curve.false_positive_rate)) + np.abs(np.diff(curve.true_positive_rate))
    steps = np.floor(np.concatenate([[0.0], length.cumsum()]) * POINTS / 2)
    kept = np.flatnonzero(np.diff(steps, prepend=-1.0) > 0)
    return np.union1d(kept, [len(steps) - 1])


def _unit_square(axes: Any, *, x: str, y: str, ticks: tuple[float, ...]) -> None:
    _frame(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    names = [f"{tick:g}" for tick in ticks]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    axes.set_xlabel(x, fontsize=9, color=INK, labelpad=2)
    axes.set_ylabel(y, fontsize=9, color=INK, labelpad=2)


def _frame(axes: Any) -> None:
    axes.tick_params(colors=INK, labelsize=8, length=3, width=0.8, color=GRID)
    axes.patch.set_visible(False)
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(GRID)


def _figure(size: tuple[float, float]) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("matplotlib", "report", "a report in HTML") from error
    return Figure(figsize=size)


def _svg(figure: Any) -> str:
    """Return the figure as one element, whose colours are the page's."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.patch.set_visible(False)
    written = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "emotone", "path.simplify": True}):
        FigureCanvasSVG(figure).print_svg(
            written, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = _private_names(text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    return re.sub(r"\n\s*", "\n", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)).strip()


def _private_names(text: str) -> str:
    """Return the SVG with only those names that it uses itself: what lies beside it in a page has some too.

    The names that are left are hashes of what they name, so equal ones of two figures name equal things.
    """
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    return re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", text)
