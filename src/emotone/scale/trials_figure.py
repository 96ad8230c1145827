"""The figure of a search: the score of every trial and the best so far, and a panel per setting."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from emotone.inference.plot import FAINT, INK, MUTED, SILENCE, STYLE, check_installed, save_figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.scale.search_space import Parameter, SearchSpace
    from emotone.scale.trials import TrialRecord

MAIN, BEST = "#2563eb", "#d97706"
WIDTH, TOP, PANEL, MARGIN = 10.0, 2.9, 1.9, 0.75  # inches
GAP = 0.25  # inches between rows
ACROSS = 3  # panels in a row
LETTERS = 16  # of a value on an axis


def write_figure(records: Sequence[TrialRecord], space: SearchSpace, path: Path, *, title: str, metric: str) -> None:
    """Write the figure as SVG or PNG. Equal trials give equal files.

    Raises:
        OutputError: the file can't be written.
        MissingExtraError: Matplotlib is not installed.

    """
    check_installed()
    from matplotlib import style
    from matplotlib.figure import Figure

    shown = [one for one in records if one.value is not None and one.state in {"complete", "stopped"}]
    rows = math.ceil(len(space.parameters) / ACROSS)
    height = TOP + rows * (PANEL + GAP) + GAP
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, height), facecolor="white")
        _draw_history(_axes(figure, width=WIDTH, height=TOP), shown, metric=metric)
        for number, parameter in enumerate(space.parameters):
            row, column = divmod(number, ACROSS)
            top = TOP + GAP + row * (PANEL + GAP)
            axes = _axes(figure, left=column * WIDTH / ACROSS, top=top, width=WIDTH / ACROSS, height=PANEL)
            _draw_parameter(axes, shown, parameter)
        figure.text(0.2 / WIDTH, 1 - 0.2 / height, title, fontsize=11, fontweight="bold", color=INK, va="center")
    save_figure(figure, path, title=title)


def _axes(figure: Any, *, left: float = 0.0, top: float = 0.0, width: float, height: float) -> Any:
    total = figure.get_size_inches()[1]
    bottom = total - top - height
    axes = figure.add_axes(
        ((left + MARGIN) / WIDTH, (bottom + 0.35) / total, (width - MARGIN - 0.15) / WIDTH, (height - 0.75) / total)
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SILENCE)
    axes.tick_params(colors=MUTED, length=3)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def _draw_history(axes: Any, records: Sequence[TrialRecord], *, metric: str) -> None:
    complete = [one for one in records if one.state == "complete"]
    stopped = [one for one in records if one.state == "stopped"]
    _dots(axes, [one.number for one in complete], complete, filled=True, label="complete")
    if stopped:
        _dots(axes, [one.number for one in stopped], stopped, filled=False, label="stopped early")
    best, steps = -math.inf, []
    for one in complete:
        best = max(best, one.value or 0.0)
        steps.append((one.number, 100 * best))
    if steps:
        axes.step(*zip(*steps, strict=True), where="post", color=BEST, linewidth=1.4, label="best so far")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, labelcolor=INK, ncols=3)
    axes.set_ylabel(f"{metric}, %", color=MUTED)
    axes.set_xlabel("trial", color=MUTED, labelpad=1)


def _draw_parameter(axes: Any, records: Sequence[TrialRecord], parameter: Parameter) -> None:
    chosen = [one for one in records if parameter.name in one.settings]
    values = [one.settings[parameter.name] for one in chosen]
    places: list[Any] = [parameter.among.index(str(value)) for value in values] if parameter.among else values
    for state in ("complete", "stopped"):
        picked = [number for number, one in enumerate(chosen) if one.state == state]
        _dots(
            axes,
            [places[number] for number in picked],
            [chosen[number] for number in picked],
            filled=state == "complete",
        )
    if parameter.among:
        axes.set_xticks(range(len(parameter.among)), [_short(value) for value in parameter.among], fontsize=7)
        axes.set_xlim(-0.5, len(parameter.among) - 0.5)
    elif parameter.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    axes.set_title(parameter.name, fontsize=8.5, color=INK, loc="left")


def _dots(axes: Any, places: Sequence[Any], records: Sequence[TrialRecord], *, filled: bool, label: str = "") -> None:
    heights = [100 * (one.value or 0.0) for one in records]
    face = MAIN if filled else "none"
    axes.scatter(
        places, heights, s=18, facecolors=face, edgecolors=MAIN, linewidths=0.9, alpha=0.8, label=label or None
    )


def _short(value: str) -> str:
    """Return a value on an axis: a list with an item per line, the name of a table."""
    found = json.loads(value)
    if isinstance(found, dict):
        found = found.get("name", value)
    items = found if isinstance(found, list) else [found]
    return "\n".join(str(item)[:LETTERS] for item in items)
