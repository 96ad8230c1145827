"""A picture of an explanation: the waveform, the importance of each moment below it, and that of each band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.inference.display import clock, printable
from emotone.inference.plot import STYLE, TITLE_CHARACTERS, check_installed, check_suffix, save_figure
from emotone.inference.plot_data import ticks, waveform_runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.inference.occlusion import Band, Moment
    from emotone.inference.plottable import Plottable

SIZE = (12.0, 4.6)  # inches
FOR, AGAINST, PALE, INK, MUTED = "#b42318", "#1f4e9c", "#c3c8d1", "#1f2328", "#667085"
WAVEFORM, TIMES, BANDS = (0.06, 0.56, 0.62, 0.27), (0.06, 0.14, 0.62, 0.36), (0.79, 0.14, 0.19, 0.69)
MIN_RANGE = 0.01  # of an axis of importances: smaller ones are rounding


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
        _draw_waveform(figure.add_axes(WAVEFORM), prediction)
        _draw_moments(figure.add_axes(TIMES), prediction, moments)
        if bands:
            _draw_bands(figure.add_axes(BANDS), bands)
    return figure


def _draw_waveform(axes: Any, prediction: Plottable) -> None:
    axes.set_xlim(0, prediction.duration)
    axes.set_ylim(-1.05, 1.05)
    axes.axis("off")
    for run in waveform_runs(prediction):
        shade = PALE if run.label is None else MUTED
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
    axes.tick_params(length=3, color=PALE)
