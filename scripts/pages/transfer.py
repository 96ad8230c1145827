"""The page of learning curves: what transfer gives for how many clips, from the runs of scripts/learning_curves.py."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.learning_curves import RECIPES
from scripts.pages.markdown import RESULTS, page, table

from emotone.corpora.base import CORPORA
from emotone.scoring.finished_run import read_run
from emotone.scoring.learning_curve import SCRATCH, gains_of, points_of
from emotone.scoring.result_table import format_estimate
from emotone.transfer.plans import PLANS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.scoring.comparison import Difference
    from emotone.scoring.learning_curve import CurvePoint

ALONE = "from nothing"
LONGER = "curve-alone-longer"  # the run that tells whether training from nothing would only have needed more batches
REPLICATES = 2_000  # of intervals; a page has many of them
# Plans in the order of how much learns, each with a colour that can be told apart without seeing red or green.
STYLES = {
    SCRATCH: ("#555555", "s", (0, (4, 2))),
    "A2": ("#0072b2", "o", "-"),
    "A4": ("#009e73", "^", "-"),
    "A5": ("#d55e00", "D", "-"),
    "A8": ("#cc79a7", "v", "-"),
    "A1": ("#000000", "*", "-"),
}


class Curves(NamedTuple):
    """What was measured with one net: from nothing, and from a source that has it."""

    net: str
    points: list[CurvePoint]
    gains: dict[tuple[str, str, str, int], Difference]
    longer: list[CurvePoint]

    def corpora(self) -> list[str]:
        """Return what was tested."""
        return list(dict.fromkeys(point.corpus for point in self.points))


def transfer(results: Path = RESULTS) -> str:
    """Return the curves as tables, what they say, and what was not tried."""
    lines = [
        "# What to take over, and how many clips are enough",
        "",
        "What the plans are: [../transfer.md](../transfer.md). UAR x 100 with 95 % bootstrap intervals clustered by",
        "speaker, computed from the predictions under `results/transfer-curves` each time this page is made.",
        "Again: `python -m scripts.learning_curves --source default --corpus NAME=DIR...`",
    ]
    measured = _measured(results)
    if not measured:
        return page([*lines, "", "Not run yet."])
    lines += ["", "![UAR by number of clips](transfer.svg)"]
    for curves in measured:
        lines += ["", f"## {_source(curves)}, of net `{curves.net}`", "", *_setting(curves)]
        for corpus in curves.corpora():
            lines += ["", f"### {CORPORA.get(corpus).title}", ""]
            lines += [*_of_corpus(corpus, curves.points, curves.gains), *_longer(corpus, curves.longer)]
        lines += ["", "### In short", "", *_answer(curves.points, curves.gains)]
    return page(lines)


def figure(results: Path = RESULTS) -> str:
    """Return the curves as an SVG, a row for each net and a square for each corpus; equal numbers give equal bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
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
    written = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "emotone"}):
        FigureCanvasSVG(drawn).print_svg(written, metadata={"Date": None, "Creator": None})
    return re.sub(r"[ \t]+\n", "\n", written.getvalue())


@cache
def _measured(results: Path) -> list[Curves]:
    by_net: dict[str, list[Path]] = {}
    for path in sorted((results / "transfer-curves").glob("*/predictions.parquet")):
        by_net.setdefault(read_run(path.parent).about["recipe"]["net"]["name"], []).append(path.parent)
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
    """Return what training from nothing gives with more batches, where that was run."""
    for point in longer:
        training = read_run(point.folder).about["recipe"]["training"]
        if point.corpus == corpus:
            batches = training["epochs"] * training["steps_per_epoch"]
            return ["", f"From nothing with {batches} batches and {point.column} clips: {point.score.text}."]
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
                label=plan or ALONE,
            )
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_title(CORPORA.get(corpus).title, fontsize=10)
    axes.set_xlabel("clips to learn from")
    axes.grid(axis="y", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)


def _columns(points: Sequence[CurvePoint]) -> list[str]:
    return list(dict.fromkeys(point.column for point in sorted(points, key=lambda point: point.clips)))


def _source(curves: Curves) -> str:
    return next((f"`{point.source}`" for point in curves.points if point.plan != SCRATCH), "Nothing taken over")


def _setting(curves: Curves) -> list[str]:
    """Return what was run, in words, from what the runs have kept of it."""
    one = next((point for point in curves.points if point.plan != SCRATCH), curves.points[0])
    run = read_run(one.folder)
    recipe = run.about["recipe"]
    training = recipe["training"]
    start = recipe.get("transfer", {"sha256": ""})["sha256"]
    known = Path(RECIPES[curves.net]).stem
    return [
        f"The model (sha256 {start[:12]}...) has heard none of these corpora; beside it stands the same net from",
        "nothing. However many clips there are, a training takes",
        f"{training['epochs']} epochs of {training['steps_per_epoch']} batches of {training['batch_size']}; all else",
        f"is as in recipe `{known}`. Labels: {', '.join(run.predictions.labels)}. Nobody who is tested was trained on:",
        "half of a corpus's speakers are trained on and the others tested, and vice versa. Draws are nested, and hold",
        f"every label; trainings per fold: {run.about['seeds']}.",
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
            plan or ALONE,
            *("" if (plan, column) not in by_place else by_place[plan, column].score.text for column in columns),
        )
        for plan in plans
    ]
    told = [(plan, *(_gain(by_place.get((plan, column)), gains) for column in columns)) for plan in plans if plan]
    told = [row for row in told if any(row[1:])]
    first = of[0].score
    lines = [
        f"{first.n} clips of {first.speakers} speakers, all tested; chance is {chance:.1f}. With so few speakers",
        "intervals are too narrow rather than too wide.",
        "",
        *table(("clips", *columns), scores),
    ]
    if told:
        lines += ["", "Above training from nothing with as many clips:", "", *table(("clips", *columns), told)]
    return lines


def _gain(point: CurvePoint | None, gains: dict[tuple[str, str, str, int], Difference]) -> str:
    if point is None:
        return ""
    found = gains.get((point.corpus, point.source, point.plan, point.clips))
    return "" if found is None else format_estimate(found, sign="+")


def _answer(points: Sequence[CurvePoint], gains: dict[tuple[str, str, str, int], Difference]) -> list[str]:
    """Return, for each number of clips that was asked for, what was best on each corpus."""
    lines = ["The best of several plans, chosen on the clips that are tested, would do a little worse on others.", ""]
    for corpus in dict.fromkeys(point.corpus for point in points):
        of = [point for point in points if point.corpus == corpus]
        said = []
        for column in _columns(of):
            at = [point for point in of if point.column == column]
            best = max(at, key=lambda point: point.score.number)
            said.append(f"{column} clips {best.plan or ALONE} ({100 * best.score.number:.1f})")
        lines.append(f"- {CORPORA.get(corpus).title}, best with {'; '.join(said)}.")
        lines += _worth(of)
    lines += _means(points, gains)
    return lines


def _worth(of: Sequence[CurvePoint]) -> list[str]:
    """Return how many clips training from nothing needs for what the best plan reaches with the fewest."""
    alone = sorted((point for point in of if point.plan == SCRATCH), key=lambda point: point.clips)
    taking = [point for point in of if point.plan != SCRATCH and point.clips]
    if not alone or not taking:
        return []
    fewest = min(point.clips for point in taking)
    best = max((point for point in taking if point.clips == fewest), key=lambda point: point.score.number)
    reaching = next((point for point in alone if point.score.number >= best.score.number), None)
    needs = f"{reaching.column} clips" if reaching is not None else f"more than the {alone[-1].clips} that there are"
    return [f"  {best.plan} with {fewest} clips is reached from nothing with {needs}."]


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
    return ["", *table(header, rows)]
