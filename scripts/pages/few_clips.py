"""The page of learning curves of heads: UAR by the number of labelled clips, from scripts/learning_curves.py."""

from __future__ import annotations

import io
import re
from functools import cache
from typing import TYPE_CHECKING

from scripts.learning_curves import HEAD_CLIPS as CLIPS
from scripts.learning_curves import HEAD_DRAWS as DRAWS
from scripts.learning_curves import HEAD_FOLDER as FOLDER
from scripts.pages.markdown import RESULTS

from emotone.corpora.base import CORPORA
from emotone.reproductions.document import document, markdown_table
from emotone.scoring.finished_run import finished_runs
from emotone.scoring.learning_curve import SCRATCH, gains_of, points_of
from emotone.scoring.result_table import format_estimate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.scoring.learning_curve import CurvePoint

REPLICATES = 2_000  # of intervals
UNCHANGED, ADAPTED, FITTED = "A1", "adapted", "auto"
# What is done with the clips, in the order of the tables: name, colour, marker and dashes.
WAYS = {
    FITTED: ("head fitted further (auto)", "#d55e00", "D", "-"),
    ADAPTED: ("adapted without labels", "#0072b2", "o", "-"),
    SCRATCH: ("head from scratch", "#555555", "s", (0, (4, 2))),
}


def few_clips(results: Path = RESULTS) -> str:
    """Return the curves as tables."""
    lines = [
        "# Few labelled clips: the head of a model with a frozen encoder",
        "",
        "How the head is fitted is described in [transfer.md](../transfer.md). UAR x 100 with 95 % bootstrap intervals",
        f"clustered by speaker, computed from the predictions under `results/{FOLDER}`.",
        "Command: `python -m scripts.learning_curves --source default --heads --corpus NAME=DIR...`",
    ]
    points = _points(results)
    if not points:
        return document([*lines, "", "Not run yet."])
    lines += [
        "",
        "The clips are of one half of a corpus's speakers, and the other half is tested; then vice versa. Each number",
        f"is of {DRAWS} draws of halves and clips; subsets contain every label. The head from scratch is that of the",
        "recipe `whisper-base`, on the same encoder. Neither corpus is in the training data of the model.",
        "",
        "![UAR by number of clips](few-clips.svg)",
    ]
    for corpus in _corpora(points):
        lines += ["", f"## {CORPORA.get(corpus).title}", "", *_tables([one for one in points if one.corpus == corpus])]
    return document(lines)


def figure(results: Path = RESULTS) -> str:
    """Return the curves as an SVG, with a plot for each corpus; equal numbers give equal bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    points = _points(results)
    corpora = _corpora(points)
    drawn = Figure(figsize=(0.6 + 3.9 * max(1, len(corpora)), 3.8))
    for place, corpus in enumerate(corpora):
        axes = drawn.add_subplot(1, len(corpora), place + 1)
        of = [one for one in points if one.corpus == corpus]
        for way, (name, colour, marker, dashes) in WAYS.items():
            line = [one for one in of if one.plan == way]
            axes.plot(
                [CLIPS.index(one.clips) for one in line],
                [100 * one.score.number for one in line],
                color=colour,
                marker=marker,
                linestyle=dashes,
                markersize=5,
                label=name,
            )
        for one in of:
            if one.plan == UNCHANGED:
                axes.axhline(100 * one.score.number, color="#000000", linestyle=":", label="unchanged")
        axes.set_ylim(bottom=0)
        axes.set_xticks(range(len(CLIPS)), [str(clips) for clips in CLIPS])
        axes.set_title(CORPORA.get(corpus).title, fontsize=9)
        axes.set_xlabel("labelled clips")
        axes.grid(axis="y", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
        if place == 0:
            axes.set_ylabel("UAR x 100")
            axes.legend(frameon=False, fontsize=8, loc="lower right")
    drawn.tight_layout()
    written = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "emotone"}):
        FigureCanvasSVG(drawn).print_svg(written, metadata={"Date": None, "Creator": None})
    return re.sub(r"[ \t]+\n", "\n", written.getvalue())


@cache
def _points(results: Path) -> tuple[CurvePoint, ...]:
    return tuple(points_of(finished_runs(results / FOLDER), replicates=REPLICATES))


def _corpora(points: Sequence[CurvePoint]) -> list[str]:
    return list(dict.fromkeys(one.corpus for one in points))


def _tables(points: Sequence[CurvePoint]) -> list[str]:
    """Return the scores of one corpus, and the gains over a head from scratch."""
    by_place = {(one.plan, one.clips): one for one in points}
    (unchanged,) = (one for one in points if one.plan == UNCHANGED)
    rows = [
        (name, *(by_place[way, clips].score.text if (way, clips) in by_place else "" for clips in CLIPS))
        for way, (name, *_) in WAYS.items()
    ]
    gains = gains_of(list(points), replicates=REPLICATES)
    gained = [
        (
            name,
            *(
                "" if found is None else format_estimate(found, sign="+")
                for found in (gains.get((unchanged.corpus, unchanged.source, way, clips)) for clips in CLIPS)
            ),
        )
        for way, (name, *_) in WAYS.items()
        if way != SCRATCH
    ]
    header = ("clips", *map(str, CLIPS))
    score = unchanged.score
    return [
        f"{score.n} clips of {score.speakers} speakers, all tested. Unchanged model: {score.text}.",
        "",
        *markdown_table(header, rows),
        "",
        "Gain over a head from scratch with the same number of clips:",
        "",
        *markdown_table(header, gained),
    ]
