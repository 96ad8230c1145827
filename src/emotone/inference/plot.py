"""Pictures: of a prediction (waveform, utterances coloured by emotion, probabilities), and of an explanation."""

from __future__ import annotations

import io
import re
import warnings
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

from emotone.errors import missing_extra, unknown_name
from emotone.files import atomic_write
from emotone.inference.display import clock, colour, printable
from emotone.inference.plot_data import probability_runs, ticks, waveform_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from emotone.inference.occlusion import Band, Moment
    from emotone.inference.plot_data import Plottable

SUFFIXES = (".png", ".svg")
DOTS_PER_INCH = 200
WIDTH, LEFT, RIGHT = 12.0, 1.25, 0.75  # inches: the figure, and its margins
TITLE, WAVEFORM, NAMES, STRIP, ROW, AXIS = 0.72, 1.35, 0.3, 0.2, 0.4, 0.42  # inches: heights
GAP = 0.1
INK, MUTED, FAINT, SILENCE, SPEECH = "#1f2328", "#667085", "#e4e7ec", "#c3c8d1", "#f5f6f8"
LETTER = 0.068  # inches: mean width of a character of 8.5 points
FILL = 0.8  # of the height of a row
TITLE_CHARACTERS = 90
MANY_RUNS = 60  # lines of utterances are thinner from this number on
PATHS = re.compile(r'(?<= d=")[^"]*')
NUMBERS = re.compile(r"(\d+\.\d\d)\d+")
STYLE = {
    "font.family": "sans-serif",
    "font.size": 8.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "emotone",
    "text.parse_math": False,  # a file name may contain dollar signs
}

_Values: TypeAlias = "NDArray[np.float64]"

SIZE = (12.0, 4.6)  # inches, of the picture of an explanation
FOR, AGAINST = "#b42318", "#1f4e9c"
WAVEFORM_AXES, TIME_AXES, BAND_AXES = (0.06, 0.56, 0.62, 0.27), (0.06, 0.14, 0.62, 0.36), (0.79, 0.14, 0.19, 0.69)
MIN_RANGE = 0.01  # of an axis of importances: smaller ones are rounding


def write_picture(prediction: Plottable, path: str | Path) -> Any:
    """Write a PNG or SVG file, which is complete or absent, and return the figure. Equal predictions give equal files.

    Raises:
        UnknownNameError: neither .png nor .svg.
        OutputError: the file cannot be written.
        MissingExtraError: Matplotlib is not installed.

    """
    path = check_suffix(path)
    figure = draw(prediction)
    save_figure(figure, path, title=printable(prediction.file or "samples"))
    return figure


def save_figure(figure: Any, path: Path, *, title: str) -> None:
    """Write a Matplotlib figure as a PNG or SVG file, which is complete or absent. Equal figures give equal files.

    Raises:
        OutputError: the file cannot be written.

    """
    from matplotlib import style

    with atomic_write(path) as stream, style.context(["default", STYLE]), warnings.catch_warnings():
        # A file name may contain characters that the font lacks.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        if path.suffix.lower() == ".svg":
            _write_svg(figure, stream, title=title)
        else:
            figure.savefig(stream, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def check_suffix(path: str | Path) -> Path:
    """Return the path of a picture; raise `UnknownNameError` if its suffix is neither .png nor .svg."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise unknown_name("suffix of a picture", path.suffix, SUFFIXES)
    return path


def check_installed() -> None:
    """Check that pictures can be drawn; raise `MissingExtraError` if Matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise missing_extra("matplotlib", "plot", "a picture") from None
    del mpl


def draw(prediction: Plottable) -> Any:
    """Return the picture as a Matplotlib figure.

    Raises:
        MissingExtraError: Matplotlib is not installed.

    """
    check_installed()
    from matplotlib import style
    from matplotlib.figure import Figure

    rows = ROW * len(prediction.labels)
    height = TITLE + WAVEFORM + NAMES + STRIP + GAP + rows + AXIS
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, height), facecolor="white")
        _draw_title(figure, prediction, height=height)
        top = height - TITLE - WAVEFORM
        _draw_waveform(_axes(figure, bottom=top, height=WAVEFORM), prediction)
        top -= NAMES + STRIP
        _draw_utterances(_axes(figure, bottom=top, height=NAMES + STRIP), prediction)
        _draw_probabilities(_axes(figure, bottom=top - GAP - rows, height=rows), prediction)
    return figure


def _axes(figure: Any, *, bottom: float, height: float) -> Any:
    width, total = figure.get_size_inches()
    axes = figure.add_axes((LEFT / width, bottom / total, 1 - (LEFT + RIGHT) / width, height / total))
    axes.patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def _draw_title(figure: Any, prediction: Plottable, *, height: float) -> None:
    name = printable(prediction.file or "samples")
    if len(name) > TITLE_CHARACTERS:
        name = "…" + name[1 - TITLE_CHARACTERS :]
    clip, model = prediction.clip, prediction.model
    result = "no speech"
    if clip.label is not None and clip.confidence is not None:
        result = f"{clip.label} {100 * clip.confidence:.0f} %" + (" (unsure)" if clip.unsure else "")
    parts = [
        f"whole recording: {result}",
        clock(prediction.duration),
        *([] if prediction.channel == "mix" else [f"channel {prediction.channel}"]),
        f"model {model.name} {model.version}" + (", adapted" if prediction.adapted else ""),
    ]
    left = 0.25 / WIDTH
    figure.text(left, 1 - 0.3 / height, name, fontsize=12.5, fontweight="bold", color=INK, va="center")
    figure.text(left, 1 - 0.54 / height, "   ·   ".join(parts), fontsize=9, color=MUTED, va="center")


def _draw_waveform(axes: Any, prediction: Plottable) -> None:
    axes.set_xlim(0, prediction.duration)
    axes.set_ylim(-1.05, 1.05)
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    runs = list(waveform_runs(prediction))
    for label in (None, *prediction.labels):
        chosen = [run for run in runs if run.label == label]
        shade = SILENCE if label is None else colour(label, labels=prediction.labels)
        _fill(axes, [(run.edges, -run.outer, run.outer) for run in chosen], color=shade, alpha=0.4)
        _fill(axes, [(run.edges, -run.inner, run.inner) for run in chosen], color=shade, alpha=1.0)


def _draw_utterances(axes: Any, prediction: Plottable) -> None:
    """Draw a bar per utterance, pale where the model is unsure, with its name above where there is room for it."""
    axes.set_xlim(0, prediction.duration)
    axes.set_ylim(0, NAMES + STRIP)
    seconds_per_inch = prediction.duration / (WIDTH - LEFT - RIGHT)
    for unsure in (False, True):
        parts = [one for one in prediction.utterances if one.unsure == unsure]
        axes.broken_barh(
            [(one.start, one.end - one.start) for one in parts],
            (0, STRIP),
            facecolors=[colour(one.label, labels=prediction.labels) for one in parts],
            alpha=0.35 if unsure else 1.0,
            linewidth=0,
        )
    # A name may extend to the middle of the pauses around its utterance: names then never overlap.
    middles = [(one.end + other.start) / 2 for one, other in pairwise(prediction.utterances)]
    limits = pairwise([0.0, *middles, prediction.duration])
    for one, (first, last) in zip(prediction.utterances, limits, strict=False):
        centre = (one.start + one.end) / 2
        room = 2 * min(centre - first, last - centre) / seconds_per_inch
        for words in (f"{one.label} {100 * one.confidence:.0f} %", one.label):
            if len(words) * LETTER <= room:
                axes.text(centre, STRIP + 0.06, words, ha="center", va="bottom", color=INK)
                break
    axes.text(-1.0 * seconds_per_inch, STRIP / 2, "utterances", ha="left", va="center", color=MUTED, clip_on=False)
    if prediction.clip.speech:
        place = prediction.duration + 0.48 * seconds_per_inch
        axes.text(place, STRIP / 2, "whole", ha="right", va="center", color=MUTED, clip_on=False)
    else:
        axes.text(prediction.duration / 2, STRIP / 2, "no speech", ha="center", va="center", color=MUTED)


def _draw_probabilities(axes: Any, prediction: Plottable) -> None:
    """Draw a row per label: the windows as areas, the utterances as lines, and the whole recording at the right."""
    labels = prediction.labels
    axes.set_xlim(0, prediction.duration)
    axes.set_ylim(0, len(labels))
    places, names = ticks(prediction.duration)
    axes.set_xticks(places, names, color=MUTED)
    axes.tick_params(axis="x", length=3, color=SILENCE, pad=4)
    for place in places:
        axes.axvline(place, color=FAINT, linewidth=0.6, zorder=0)
    runs = list(probability_runs(prediction))
    seconds_per_inch = prediction.duration / (WIDTH - LEFT - RIGHT)
    for index, label in enumerate(labels):
        base = len(labels) - 1 - index
        shade = colour(label, labels=labels)
        floors = [np.full(len(run.inner), float(base)) for run in runs]
        windows = [base + FILL * run.inner[:, index] for run in runs]
        utterances = [base + FILL * run.outer[:, index] for run in runs]
        edges = [run.edges for run in runs]
        _fill(axes, zip(edges, floors, [floor + FILL for floor in floors], strict=True), color=SPEECH, alpha=1.0)
        _fill(axes, zip(edges, floors, windows, strict=True), color=shade, alpha=0.55)
        _line(axes, zip(edges, utterances, strict=True), color=shade, width=1.1 if len(runs) < MANY_RUNS else 0.7)
        axes.axhline(base, color=SILENCE, linewidth=0.6)
        middle = base + FILL / 2
        winner = label == prediction.clip.label
        axes.scatter([-0.95 * seconds_per_inch], [middle], s=34, marker="s", color=shade, linewidth=0, clip_on=False)
        weight = "bold" if winner else "normal"
        axes.text(-0.82 * seconds_per_inch, middle, label, va="center", color=INK, fontweight=weight)
        if prediction.clip.speech:
            axes.text(
                prediction.duration + 0.48 * seconds_per_inch,
                middle,
                f"{100 * prediction.clip.probabilities[label]:.0f} %",
                ha="right",
                va="center",
                color=INK,
                fontweight=weight,
            )


def _fill(axes: Any, steps: Iterable[tuple[_Values, _Values, _Values]], *, color: str, alpha: float) -> None:
    """Fill between two step functions [steps] over edges [steps + 1]; all of one colour are one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    outlines = []
    for edges, low, high in steps:
        across = np.repeat(edges, 2)[1:-1]
        forth = np.column_stack([across, np.repeat(high, 2)])
        back = np.column_stack([across, np.repeat(low, 2)])[::-1]
        outlines.append(Outline(np.concatenate([forth, back, forth[:1]]), closed=True))
    if outlines:
        whole = Outline.make_compound_path(*outlines)
        axes.add_patch(PathPatch(whole, facecolor=color, alpha=alpha, linewidth=0))


def _line(axes: Any, steps: Iterable[tuple[_Values, _Values]], *, color: str, width: float) -> None:
    """Draw step functions as one line with gaps."""
    gap = np.full((1, 2), np.nan)
    parts = [
        part
        for edges, heights in steps
        for part in (np.column_stack([np.repeat(edges, 2)[1:-1], np.repeat(heights, 2)]), gap)
    ]
    if parts:
        across, heights = np.concatenate(parts).T
        axes.plot(across, heights, color=color, linewidth=width, solid_capstyle="butt")


def _write_svg(figure: Any, stream: IO[bytes], *, title: str) -> None:
    """Write an SVG whose paths have two decimals, a hundredth of a point: a third of the size."""
    whole = io.StringIO()
    figure.savefig(whole, format="svg", metadata={"Title": title, "Date": None, "Creator": None})
    stream.write(PATHS.sub(lambda path: NUMBERS.sub(r"\1", path[0]), whole.getvalue()).encode("utf-8"))


def write_explanation(figure: Any, path: str | Path, *, title: str) -> None:
    """Write a figure as a PNG or SVG file, which is complete or absent.

    Raises:
        UnknownNameError: neither .png nor .svg.
        OutputError: the file cannot be written.

    """
    save_figure(figure, check_suffix(path), title=printable(title))


def draw_explanation(
    prediction: Plottable,
    *,
    label: str | None,
    moments: Sequence[Moment],
    bands: Sequence[Band],
    check: str,
) -> Any:
    """Return the picture as a Matplotlib figure; raise `MissingExtraError` if Matplotlib is not installed."""
    check_installed()
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(["default", STYLE]):
        figure = Figure(figsize=SIZE, facecolor="white")
        name = printable(prediction.file or "samples")
        name = name if len(name) <= TITLE_CHARACTERS else "…" + name[1 - TITLE_CHARACTERS :]
        share = "no speech" if label is None else f"{label} {100 * prediction.clip.probabilities[label]:.0f} %"
        model = f"{prediction.model.name} {prediction.model.version}"
        figure.text(0.02, 0.94, f"{name}: {share}", fontsize=12, fontweight="bold", color=INK, va="center")
        figure.text(0.02, 0.88, f"{model}   ·   {check}", color=MUTED, va="center")
        _draw_grey_waveform(figure.add_axes(WAVEFORM_AXES), prediction)
        _draw_moments(figure.add_axes(TIME_AXES), prediction, moments)
        if bands:
            _draw_bands(figure.add_axes(BAND_AXES), bands)
    return figure


def _draw_grey_waveform(axes: Any, prediction: Plottable) -> None:
    axes.set_xlim(0, prediction.duration)
    axes.set_ylim(-1.05, 1.05)
    axes.axis("off")
    for run in waveform_runs(prediction):
        shade = SILENCE if run.label is None else MUTED
        axes.stairs(run.outer, run.edges, baseline=-run.outer, fill=True, color=shade, alpha=0.5, linewidth=0)
        axes.stairs(run.inner, run.edges, baseline=-run.inner, fill=True, color=shade, linewidth=0)


def _draw_moments(axes: Any, prediction: Plottable, moments: Sequence[Moment]) -> None:
    """Draw a bar per moment: upwards where the label rests on it, downwards where it speaks against the label."""
    values = 100 * np.array([one.importance for one in moments])
    axes.bar(
        [one.start for one in moments],
        values,
        width=[one.end - one.start for one in moments],
        align="edge",
        color=[FOR if value > 0 else AGAINST for value in values],
        edgecolor="white",
        linewidth=0.8,
    )
    axes.set_xlim(0, prediction.duration)
    axes.set_ylim(*_limits(values))
    places, names = ticks(prediction.duration)
    axes.set_xticks(places, names, color=MUTED)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_xlabel(f"moments, of {clock(prediction.duration)}: fall of the probability without each, x 100")
    _frame(axes)


def _draw_bands(axes: Any, bands: Sequence[Band]) -> None:
    values = 100 * np.array([one.importance for one in bands])
    axes.barh(range(len(bands)), values, color=[FOR if value > 0 else AGAINST for value in values])
    axes.set_yticks(range(len(bands)), [f"{one.low}-{one.high} Hz" for one in bands], color=MUTED)
    axes.set_xlim(*_limits(values))
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_xlabel("bands: fall without each, x 100")
    _frame(axes)


def _limits(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    """Return the ends of an axis that contains 0 and all values."""
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    margin = 0.06 * max(high - low, 100 * MIN_RANGE)
    return low - margin * (low < 0), max(high, 100 * MIN_RANGE) + margin


def _frame(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3, color=SILENCE)
