"""Figures as inline SVG: text remains text, and colours follow the light or dark theme of the page.

Figures are drawn with Matplotlib's object interface (no global state); external references are removed. Equal data give
equal bytes.
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

    from emotone.evaluation.report.run_report import CorpusReport
    from emotone.metrics.calibration import ReliabilityBin
    from emotone.metrics.detection import RocCurve
    from emotone.scoring.breakdowns import SpeakerScore
    from emotone.scoring.detection import AppliedThreshold, Per
    from emotone.scoring.scores import Score

# Placeholders for the page's own colours, which Matplotlib cannot express.
INK, GRID, MAIN, PALE = "#010203", "#040506", "#070809", "#0a0b0c"
VARIABLES = {INK: "currentColor", GRID: "var(--line)", MAIN: "var(--main)", PALE: "var(--pale)"}
POINTS = 120  # of a ROC curve, at the resolution of the figure
NAMED = 30  # speakers with a name on the axis
LETTERS = 12  # of a name on the axis
FOREIGN = "\u0530"  # letters below this are Latin, Greek or Cyrillic, which Matplotlib's font contains
LINES = ((MAIN, "-"), (INK, "-"), (MAIN, (0, (5, 2))), (INK, (0, (1, 1.5))))  # of runs in one figure
SMALL, MEDIUM, WIDE = (2.1, 2.1), (3.6, 3.3), (7.2, 3.0)  # inches


def roc_picture(
    label: str, curve: RocCurve, *, area: float, marks: Sequence[tuple[float, float]] = ()
) -> tuple[str, str]:
    """Return a description of a ROC curve, and its SVG.

    Args:
        label: the positive label.
        curve: its ROC curve.
        area: AU-ROC.
        marks: false and true positive rates of operating points.

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
    _unit_square(axes, x="false positive rate", y="recall", ticks=(0, 0.5, 1))
    words = f"ROC curve of {label} against all others; AU-ROC {area:.3f}, chance 0.5."
    return words, _svg(figure)


def roc_comparison(label: str, curves: Mapping[str, RocCurve]) -> tuple[str, str]:
    """Return a description of the ROC curves of several runs, and their SVG in one figure.

    Args:
        label: the positive label.
        curves: by name of the run.

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
    _unit_square(axes, x="false positive rate", y="recall", ticks=(0, 0.25, 0.5, 0.75, 1))
    axes.legend(loc="lower right", frameon=False, fontsize=9, labelcolor=INK)
    words = f"ROC curves of {label}; AU-ROC {', '.join(areas)}, chance 0.5."
    return words, _svg(figure)


def reliability_picture(bins: Sequence[ReliabilityBin], *, ece: float) -> tuple[str, str]:
    """Return a description of a reliability diagram, and its SVG."""
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
    _unit_square(axes, x="", y="accuracy", ticks=(0, 0.25, 0.5, 0.75, 1))
    axes.set_xticklabels([])
    _frame(counts)
    counts.set_xlim(0, 1)
    counts.set_xticks((0, 0.25, 0.5, 0.75, 1), ("0", "0.25", "0.5", "0.75", "1"))
    counts.set_yticks(())
    counts.set_xlabel("confidence (bars: number of predictions)", fontsize=9, color=INK)
    words = (
        f"Reliability diagram: accuracy against confidence in {len(filled)} bins; expected calibration error {ece:.3f}."
    )
    return words, _svg(figure)


def speakers_picture(speakers: Sequence[SpeakerScore], *, whole: Score, chance: Score | None) -> tuple[str, str]:
    """Return a description of a plot of speakers' scores, and its SVG."""
    figure = _figure(WIDE)
    named = len(speakers) <= NAMED
    names = [_axis_name(found.speaker, number) for number, found in enumerate(speakers, start=1)]
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
        axes.set_xlabel(f"{len(speakers)} speakers in ascending order", fontsize=9, color=INK)
    words = (
        f"UAR of {len(speakers)} speakers in ascending order: from {values.min():.1f} to {values.max():.1f}; "
        f"all speakers {whole.text}."
    )
    return words, _svg(figure)


def roc_pictures(corpus: CorpusReport, *, points: Sequence[AppliedThreshold] = ()) -> tuple[tuple[str, str], ...]:
    """Return a small ROC curve of each label; for two labels, of the positive one.

    Operating points are marked on the curve of windows or clips that they refer to.
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


def _axis_name(name: str, number: int) -> str:
    """Return a speaker's name, shortened for the axis, or the rank if Matplotlib's font lacks its letters."""
    if not all(letter.isprintable() and letter < FOREIGN for letter in name):
        return f"{number}."
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}."


def _thinned(curve: RocCurve) -> Any:
    """Return the indices of the points to draw: the first, the last, and those that are a step apart."""
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
    """Return the figure as one element with the colours of the page."""
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
    """Return the SVG without unused ids, which could clash with other figures of the page.

    The remaining ids are hashes of their elements, so equal ids of two figures refer to equal elements.
    """
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    return re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", text)
