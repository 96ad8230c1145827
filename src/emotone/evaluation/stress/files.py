"""A stress run as files: the scores as JSON and CSV, every label that they are computed from, and a picture.

The picture has the changed labels and the lost UAR in every setting, with intervals and bounds.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from emotone.evaluation.stress.run import Outcome
from emotone.evaluation.stress.scores import ALL, unchanged_uar
from emotone.files import atomic_write
from emotone.inference.plot import STYLE, check_installed, check_suffix, save_figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from emotone.evaluation.stress.run import StressRun
    from emotone.evaluation.stress.scores import StressScore
    from emotone.inference.result import ModelInfo
    from emotone.metrics.intervals import Estimate

SCHEMA = "emotone.stress/1"
SCORES_JSON, SCORES_CSV, OUTCOMES_CSV = "stress.json", "stress.csv", "outcomes.csv"
ESTIMATE = ("value", "low", "high")
COLUMNS = (
    "corpus",
    "perturbation",
    "setting",
    "n",
    "speakers",
    "bound",
    *(f"{name}_{part}" for name in ("changed", "uar", "uar_lost") for part in ESTIMATE),
    "silent",
    "exceeded",
)

WIDTH, ROW, MARGIN = 8.0, 0.24, 1.1  # inches
CHANGED, LOST, BOUND = "#1f4e9c", "#b3661c", "#b42318"
OFFSET = 0.16  # rows between the two values of a setting


def to_dict(run: StressRun, scores: Sequence[StressScore]) -> dict[str, Any]:
    """Return a stress run as one JSON object `emotone.stress/1`, without its outcomes."""
    uar = unchanged_uar(run)
    usable = {outcome.utterance for outcome in run.outcomes}
    speakers = {outcome.speaker for outcome in run.outcomes}
    return {
        "schema": SCHEMA,
        "model": asdict(run.model),
        "seed": run.seed,
        "recordings": len(usable),
        "speakers": 0 if "" in speakers else len(speakers),
        "uar": None if uar is None else asdict(uar),
        "scores": [score.to_dict() for score in scores],
        "without_speech": list(run.silent),
        "problems": [asdict(problem) for problem in run.problems],
    }


def write_stress(folder: Path, run: StressRun, scores: Sequence[StressScore]) -> None:
    """Write the scores as `stress.json` and `stress.csv`, and the labels of every recording as `outcomes.csv`.

    Rates are in [0, 1]. Existing files are overwritten.

    Raises:
        OutputError: the folder can't be written.

    """
    with atomic_write(folder / SCORES_JSON, text=True) as stream:
        stream.write(json.dumps(to_dict(run, scores), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    _write_csv(folder / SCORES_CSV, COLUMNS, (_row(score) for score in scores))
    names = tuple(field.name for field in fields(Outcome))
    _write_csv(folder / OUTCOMES_CSV, names, (tuple(asdict(outcome).values()) for outcome in run.outcomes))


def _row(score: StressScore) -> tuple[object, ...]:
    return (
        score.corpus,
        score.perturbation,
        score.setting,
        score.changed.n,
        score.changed.speakers,
        score.bound,
        *_cells(score.changed),
        *_cells(score.uar),
        *_cells(score.lost),
        score.silent,
        score.exceeded,
    )


def _cells(estimate: Estimate | None) -> tuple[float | None, ...]:
    return tuple(None if estimate is None else getattr(estimate, part) for part in ESTIMATE)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic_write(path, text=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_stress_picture(scores: Sequence[StressScore], path: Path, *, model: ModelInfo) -> Any:
    """Write the scores over all recordings as a PNG or SVG file, and return the figure.

    Raises:
        UnknownNameError: neither .png nor .svg.
        OutputError: the file cannot be written.
        MissingExtraError: Matplotlib is not installed.

    """
    path = check_suffix(path)
    check_installed()
    from matplotlib import style
    from matplotlib.figure import Figure

    shown = [score for score in scores if score.corpus == ALL]
    height = ROW * len(shown) + MARGIN
    title = f"robustness of {model.name} {model.version}"
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, height), facecolor="white")
        axes = figure.add_axes((0.27, 0.55 / height, 0.70, 1 - MARGIN / height))
        _draw(axes, shown)
        axes.set_title(title, fontsize=10, loc="left")
    save_figure(figure, path, title=title)
    return figure


def _draw(axes: Any, scores: Sequence[StressScore]) -> None:
    rows = range(len(scores))
    _dots(axes, [score.changed for score in scores], offset=-OFFSET, color=CHANGED, label="labels changed")
    if any(score.lost is not None for score in scores):
        _dots(axes, [score.lost for score in scores], offset=OFFSET, color=LOST, label="UAR lost")
    bounds = [100 * score.bound for score in scores]
    axes.scatter(bounds, rows, marker="|", s=170, color=BOUND, linewidths=1.6, label="bound", zorder=3)
    axes.set_yticks(rows, [score.name for score in scores])
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.axvline(0, color="#667085", linewidth=0.8)
    axes.grid(axis="x", color="#e4e7ec", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("percent of the recordings, and of UAR (bars: 95 % intervals over speakers)")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, borderaxespad=0.2)


def _dots(axes: Any, estimates: Sequence[Estimate | None], *, offset: float, color: str, label: str) -> None:
    known = [(row, one, one.value) for row, one in enumerate(estimates) if one is not None and one.value is not None]
    for row, one, _ in known:
        if one.low is not None and one.high is not None:
            axes.plot([100 * one.low, 100 * one.high], [row + offset] * 2, color=color, linewidth=1.4, alpha=0.6)
    axes.scatter(
        [100 * value for *_, value in known], [row + offset for row, *_ in known], s=16, color=color, label=label
    )
