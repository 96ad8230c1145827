"""The pages of learning curves: UAR by the number of training clips, from the runs of scripts/learning_curves.py."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.learning_curves import HEAD_CLIPS, HEAD_DRAWS, HEAD_FOLDER, RECIPES
from scripts.pages.markdown import RESULTS

from emotone.corpora.base import CORPORA
from emotone.reproductions.document import ENGINE, document, markdown_table
from emotone.scoring.finished_run import finished_runs, read_run
from emotone.scoring.learning_curve import SCRATCH, gains_of, points_of
from emotone.scoring.result_table import format_estimate
from emotone.transfer.plans import PLANS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.scoring.comparison import Difference
    from emotone.scoring.learning_curve import CurvePoint


# ----------------------------------------------------------------------------------------------------------------------
# Networks, from scratch and with transfer.

FROM_SCRATCH = "from scratch"
RENAMED = {"default": "small"}  # name of a model in the stored runs, and now
LONGER = "curve-alone-longer"  # prefix of the runs from scratch with more batches
REPLICATES = 2_000  # of intervals; a page has many of them
# Plans by the number of trained layers, with colours that are distinct for people with colour blindness.
STYLES = {
    SCRATCH: ("#555555", "s", (0, (4, 2))),
    "A2": ("#0072b2", "o", "-"),
    "A4": ("#009e73", "^", "-"),
    "A5": ("#d55e00", "D", "-"),
    "A8": ("#cc79a7", "v", "-"),
    "A1": ("#000000", "*", "-"),
}


class Curves(NamedTuple):
    """Results of one network: from scratch, and with transfer from a source with this network."""

    net: str
    points: list[CurvePoint]
    gains: dict[tuple[str, str, str, int], Difference]
    longer: list[CurvePoint]

    def corpora(self) -> list[str]:
        """Return the tested corpora."""
        return list(dict.fromkeys(point.corpus for point in self.points))


def transfer(results: Path = RESULTS) -> str:
    """Return the curves as tables with a summary."""
    lines = [
        "# Transfer plans and the number of training clips",
        "",
        "Transfer plans are described in [transfer.md](../transfer.md). UAR x 100 with 95 % bootstrap intervals",
        "clustered by speaker, computed from the predictions under `results/transfer-curves`.",
        *ENGINE,
        "Command: `python -m scripts.learning_curves --source small --corpus NAME=DIR...`",
    ]
    measured = _measured(results)
    if not measured:
        return document([*lines, "", "Not run yet."])
    lines += ["", "![UAR by number of clips](transfer.svg)"]
    for curves in measured:
        lines += ["", f"## Source {_source(curves)}, network `{curves.net}`", "", *_setting(curves)]
        for corpus in curves.corpora():
            lines += ["", f"### {CORPORA.get(corpus).title}", ""]
            lines += [*_of_corpus(corpus, curves.points, curves.gains), *_longer(corpus, curves.longer)]
        lines += ["", "### Summary", "", *_answer(curves.points, curves.gains)]
    return document(lines)


def figure(results: Path = RESULTS) -> str:
    """Return the curves as an SVG: a row for each network, a plot for each corpus; equal numbers give equal bytes."""
    from matplotlib.figure import Figure

    measured = _measured(results)
    across = max((len(curves.corpora()) for curves in measured), default=1)
    drawn = Figure(figsize=(0.6 + 3.9 * across, 3.8 * max(1, len(measured))))
    for row, curves in enumerate(measured):
        for place, corpus in enumerate(curves.corpora()):
            axes = drawn.add_subplot(len(measured), across, row * across + place + 1)
            _draw(axes, corpus, [point for point in curves.points if point.corpus == corpus])
            if place == 0:
                axes.set_ylabel(f"UAR x 100, {curves.net}" if len(measured) > 1 else "UAR x 100")
                axes.legend(frameon=False, fontsize=8, loc="lower right")
    drawn.tight_layout()
    return _svg(drawn)


def _svg(drawn: Any) -> str:
    """Return a figure of matplotlib as an SVG that depends on nothing but its content."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    written = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "emotone"}):
        FigureCanvasSVG(drawn).print_svg(written, metadata={"Date": None, "Creator": None})
    return re.sub(r"[ \t]+\n", "\n", written.getvalue())


@cache
def _measured(results: Path) -> list[Curves]:
    by_net: dict[str, list[Path]] = {}
    for folder in finished_runs(results / "transfer-curves"):
        by_net.setdefault(read_run(folder).about["recipe"]["net"]["name"], []).append(folder)
    made = []
    for net, folders in sorted(by_net.items()):
        points, longer = (
            points_of([each for each in folders if _is_longer(each) is wanted], replicates=REPLICATES)
            for wanted in (False, True)
        )
        made.append(Curves(net, points, gains_of(points, replicates=REPLICATES), longer))
    return made


def _is_longer(folder: Path) -> bool:
    return folder.name.startswith(LONGER)


def _longer(corpus: str, longer: Sequence[CurvePoint]) -> list[str]:
    """Return the score from scratch with more batches, if it was run."""
    for point in longer:
        training = read_run(point.folder).about["recipe"]["training"]
        if point.corpus == corpus:
            batches = training["epochs"] * training["steps_per_epoch"]
            return ["", f"From scratch with {batches} batches and {point.column} clips: {point.score.text}."]
    return []


def _draw(axes: Any, corpus: str, points: Sequence[CurvePoint]) -> None:
    columns = _columns(points)
    for plan, (colour, marker, dashes) in STYLES.items():
        of = [point for point in points if point.plan == plan]
        if of:
            axes.plot(
                [columns.index(point.column) for point in of],
                [100 * point.score.number for point in of],
                color=colour,
                marker=marker,
                linestyle=dashes if len(of) > 1 else "none",
                markersize=9 if len(of) == 1 else 5,
                label=plan or FROM_SCRATCH,
            )
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_title(CORPORA.get(corpus).title, fontsize=10)
    axes.set_xlabel("training clips")
    axes.grid(axis="y", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)


def _columns(points: Sequence[CurvePoint]) -> list[str]:
    return list(dict.fromkeys(point.column for point in sorted(points, key=lambda point: point.clips)))


def _source(curves: Curves) -> str:
    names = (point.source for point in curves.points if point.plan != SCRATCH)
    return next((f"`{RENAMED.get(name, name)}`" for name in names), "none")


def _setting(curves: Curves) -> list[str]:
    """Return the settings of the runs, from their descriptions."""
    one = next((point for point in curves.points if point.plan != SCRATCH), curves.points[0])
    run = read_run(one.folder)
    recipe = run.about["recipe"]
    training = recipe["training"]
    start = recipe.get("transfer", {"sha256": ""})["sha256"]
    known = Path(RECIPES[curves.net]).stem
    return [
        f"The source (sha256 {start[:12]}...) was trained on other corpora. It is compared with the same network from",
        "scratch. For any number of clips, a training has",
        f"{training['epochs']} epochs of {training['steps_per_epoch']} batches of {training['batch_size']}; other",
        f"settings are those of recipe `{known}`. Labels: {', '.join(run.predictions.labels)}.",
        "The protocol is speaker-independent: half of a corpus's speakers are for training and half for the test, and",
        f"vice versa. Subsets are nested and contain every label; trainings per fold: {run.about['seeds']}.",
    ]


def _of_corpus(
    corpus: str, points: Sequence[CurvePoint], gains: dict[tuple[str, str, str, int], Difference]
) -> list[str]:
    of = [point for point in points if point.corpus == corpus]
    columns = _columns(of)
    by_place = {(point.plan, point.column): point for point in of}
    chance = 100 / len(set(read_run(of[0].folder).predictions.truth))
    plans = [plan for plan in (SCRATCH, *PLANS) if any(point.plan == plan for point in of)]
    scores = [
        (
            plan or FROM_SCRATCH,
            *("" if (plan, column) not in by_place else by_place[plan, column].score.text for column in columns),
        )
        for plan in plans
    ]
    gain_rows = [(plan, *(_gain(by_place.get((plan, column)), gains) for column in columns)) for plan in plans if plan]
    gain_rows = [row for row in gain_rows if any(row[1:])]
    first = of[0].score
    lines = [
        f"{first.n} clips of {first.speakers} speakers, all tested; chance is {chance:.1f}. With so few speakers, the",
        "intervals are too narrow.",
        "",
        *markdown_table(("clips", *columns), scores),
    ]
    if gain_rows:
        lines += [
            "",
            "Gain over training from scratch with the same number of clips:",
            "",
            *markdown_table(("clips", *columns), gain_rows),
        ]
    return lines


def _gain(point: CurvePoint | None, gains: dict[tuple[str, str, str, int], Difference]) -> str:
    if point is None:
        return ""
    found = gains.get((point.corpus, point.source, point.plan, point.clips))
    return "" if found is None else format_estimate(found, sign="+")


def _answer(points: Sequence[CurvePoint], gains: dict[tuple[str, str, str, int], Difference]) -> list[str]:
    """Return the best plan for each corpus and number of clips."""
    lines = ["The best plan is selected on the test data, so its scores are slightly optimistic.", ""]
    for corpus in dict.fromkeys(point.corpus for point in points):
        of = [point for point in points if point.corpus == corpus]
        best_plans = []
        for column in _columns(of):
            at = [point for point in of if point.column == column]
            best = max(at, key=lambda point: point.score.number)
            best_plans.append(f"{column} clips {best.plan or FROM_SCRATCH} ({100 * best.score.number:.1f})")
        lines.append(f"- {CORPORA.get(corpus).title}, best with {'; '.join(best_plans)}.")
        lines += _worth(of)
    lines += _means(points, gains)
    return lines


def _worth(of: Sequence[CurvePoint]) -> list[str]:
    """Return the number of clips with which training from scratch reaches the best plan with the fewest clips."""
    alone = sorted((point for point in of if point.plan == SCRATCH), key=lambda point: point.clips)
    with_transfer = [point for point in of if point.plan != SCRATCH and point.clips]
    if not alone or not with_transfer:
        return []
    fewest = min(point.clips for point in with_transfer)
    best = max((point for point in with_transfer if point.clips == fewest), key=lambda point: point.score.number)
    reaching = next((point for point in alone if point.score.number >= best.score.number), None)
    needs = f"{reaching.column} clips" if reaching is not None else f"more than the {alone[-1].clips} available clips"
    return [f"  Training from scratch needs {needs} to reach {best.plan} with {fewest} clips."]


def _means(points: Sequence[CurvePoint], gains: dict[tuple[str, str, str, int], Difference]) -> list[str]:
    """Return the mean gain over corpora by plan and number of clips, for numbers that all corpora have."""
    corpora = {point.corpus for point in points}
    asked = sorted({point.clips for point in points if point.limited})
    rows = []
    for plan in (plan for plan in PLANS if any(point.plan == plan for point in points)):
        cells = []
        for clips in asked:
            of = [
                found.number
                for (_, _, of_plan, of_clips), found in gains.items()
                if (of_plan, of_clips) == (plan, clips)
            ]
            cells.append(f"{100 * sum(of) / len(of):+.1f}" if len(of) == len(corpora) else "")
        if any(cells):
            rows.append((plan, *cells))
    if not rows:
        return []
    header = ("mean gain over the corpora, clips", *map(str, asked))
    return ["", *markdown_table(header, rows)]


# ----------------------------------------------------------------------------------------------------------------------
# Heads of a model with a frozen encoder.

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
        f"clustered by speaker, computed from the predictions under `results/{HEAD_FOLDER}`.",
        "Command: `python -m scripts.learning_curves --source default --heads --corpus NAME=DIR...`",
    ]
    points = _head_points(results)
    if not points:
        return document([*lines, "", "Not run yet."])
    lines += [
        "",
        "The clips are of one half of a corpus's speakers, and the other half is tested; then vice versa. Each number",
        f"is of {HEAD_DRAWS} draws of halves and clips; subsets contain every label. The head from scratch is that of",
        "the recipe `whisper-base`, on the same encoder. Neither corpus is in the training data of the model.",
        "",
        "![UAR by number of clips](few-clips.svg)",
    ]
    for corpus in _head_corpora(points):
        lines += [
            "",
            f"## {CORPORA.get(corpus).title}",
            "",
            *_head_tables([one for one in points if one.corpus == corpus]),
        ]
    return document(lines)


def few_clips_figure(results: Path = RESULTS) -> str:
    """Return the curves as an SVG, with a plot for each corpus; equal numbers give equal bytes."""
    from matplotlib.figure import Figure

    points = _head_points(results)
    corpora = _head_corpora(points)
    drawn = Figure(figsize=(0.6 + 3.9 * max(1, len(corpora)), 3.8))
    for place, corpus in enumerate(corpora):
        axes = drawn.add_subplot(1, len(corpora), place + 1)
        of = [one for one in points if one.corpus == corpus]
        for way, (name, colour, marker, dashes) in WAYS.items():
            line = [one for one in of if one.plan == way]
            axes.plot(
                [HEAD_CLIPS.index(one.clips) for one in line],
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
        axes.set_xticks(range(len(HEAD_CLIPS)), [str(clips) for clips in HEAD_CLIPS])
        axes.set_title(CORPORA.get(corpus).title, fontsize=9)
        axes.set_xlabel("labelled clips")
        axes.grid(axis="y", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
        if place == 0:
            axes.set_ylabel("UAR x 100")
            axes.legend(frameon=False, fontsize=8, loc="lower right")
    drawn.tight_layout()
    return _svg(drawn)


@cache
def _head_points(results: Path) -> tuple[CurvePoint, ...]:
    return tuple(points_of(finished_runs(results / HEAD_FOLDER), replicates=REPLICATES))


def _head_corpora(points: Sequence[CurvePoint]) -> list[str]:
    return list(dict.fromkeys(one.corpus for one in points))


def _head_tables(points: Sequence[CurvePoint]) -> list[str]:
    """Return the scores of one corpus, and the gains over a head from scratch."""
    by_place = {(one.plan, one.clips): one for one in points}
    (unchanged,) = (one for one in points if one.plan == UNCHANGED)
    rows = [
        (name, *(by_place[way, clips].score.text if (way, clips) in by_place else "" for clips in HEAD_CLIPS))
        for way, (name, *_) in WAYS.items()
    ]
    gains = gains_of(list(points), replicates=REPLICATES)
    gained = [
        (
            name,
            *(
                "" if found is None else format_estimate(found, sign="+")
                for found in (gains.get((unchanged.corpus, unchanged.source, way, clips)) for clips in HEAD_CLIPS)
            ),
        )
        for way, (name, *_) in WAYS.items()
        if way != SCRATCH
    ]
    header = ("clips", *map(str, HEAD_CLIPS))
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
