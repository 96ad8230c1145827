"""The page of accuracy against cost, its figure, and the README's first table, from stored runs and measured costs.

    python -m scripts.pages.costs

measures the costs: processor time per recording, and megabytes, of each model and of openSMILE. It writes
results/bench/costs.json. Processor time of one thread depends little on other load; run it on an otherwise idle machine
all the same.
"""

from __future__ import annotations

import io
import json
import platform
import re
import time
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from scripts.pages.markdown import RESULTS, ROOT

import emotone
from emotone.audio.read import read
from emotone.bundles.library import load, shipped_names
from emotone.features.functionals.opensmile import FeatureSet, OpenSmile
from emotone.files import atomic_write
from emotone.reproductions.document import document, markdown_table
from emotone.scoring.finished_run import finished_runs, read_run
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


# ----------------------------------------------------------------------------------------------------------------------
# The page of accuracy against cost, its figure, and the README's first table, from stored runs and measured costs.

COSTS = RESULTS / "bench" / "costs.json"
JOINT = ("emodb", "ravdess", "nemo")
HELD_OUT = ("emovo", "savee")
REPLICATES = 10  # only values are used, without their intervals
TICKS = (5, 10, 20, 50, 100)  # milliseconds
CLOSE = 1.0  # points of UAR at which two names would overlap
COLOURS = {True: "#d55e00", False: "#0072b2"}  # ours, openSMILE's


@dataclass(frozen=True)
class System:
    """A model or a recipe in the comparison.

    Attributes:
        name: in tables.
        run: pattern of its run under `results`, or under the folder `baselines`.
        cost: its name among the measured costs.
        folder: of the run below `results`.

    """

    name: str
    run: str
    cost: str
    folder: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether it is a model or a recipe of emotone, and not of openSMILE's features."""
        return not self.cost.startswith("opensmile")


JOINTLY = (
    System("default", "default-speaker-folds-10-*", "default"),
    System("whisper-base, linear", "whisper-base-speaker-folds-10-*", "default"),
    System("small", "small-speaker-folds-10-*", "small"),
    System("openSMILE IS10, SVM", "opensmile-is10-svm-speaker-folds-10-*", "opensmile-IS10"),
)
ALONE = (
    System("default-open (6 labels)", "default-open-speaker-folds-10-*", "default-open"),
    System("small-open", "small-open-leave-one-speaker-out-*", "small-open"),
    *(
        System(f"openSMILE {title}, {by}", f"{key}-{kind}-leave-one-speaker-out-*", f"opensmile-{cost}", "baselines")
        for key, title, cost in (
            ("egemaps", "eGeMAPS", "eGeMAPSv02"),
            ("is09", "IS09", "IS09"),
            ("is10", "IS10", "IS10"),
            ("compare", "ComParE 2016", "ComParE_2016"),
        )
        for kind, by in (("linear-svm", "SVM"), ("rbf-svm", "SVM with Gaussian kernel"), ("mlp", "network"))
    ),
)
UNSEEN = tuple(System(name, f"{name}-held-out-*", name) for name in ("default", "default-open", "small"))


@dataclass(frozen=True)
class Point:
    """A system with its accuracy and its cost.

    Attributes:
        system: the system.
        recalls: UAR x 100 of each corpus.
        ms: milliseconds of a processor per 3 s of sound.
        megabytes: on disk.

    """

    system: System
    recalls: tuple[float, ...]
    ms: float
    megabytes: float

    @property
    def mean(self) -> float:
        """Mean recall over the corpora."""
        return sum(self.recalls) / len(self.recalls)


def costs(results: Path = RESULTS) -> str:
    """Return the page."""
    measured = _measured()
    lines = [
        "# Accuracy and cost",
        "",
        "Unweighted average recall (UAR) x 100 for speakers outside the training data, from the predictions under",
        "`results/`, next to milliseconds of a processor for 3 s of sound, from file to result, with one thread, and",
        "megabytes on disk: network and head of a model, or the package openSMILE, which needs a classifier too.",
        f"Measured with version {measured['emotone']} by `python -m scripts.pages.costs`; the time is that of the",
        "processor, so that other load changes it little.",
        "",
        "![UAR against milliseconds](costs.svg)",
    ]
    for title, systems, corpora in _panels():
        rows = [
            (one.system.name, *(f"{value:.1f}" for value in one.recalls), f"{one.mean:.1f}", *_cost(one))
            for one in _points(systems, corpora, results)
        ]
        mean = ("mean",) if len(corpora) > 1 else ()
        if not mean:
            rows = [(row[0], row[1], *row[3:]) for row in rows]
        header = ("system", *corpora, *mean, "ms", "MB")
        lines += ["", f"## {title}", "", *markdown_table(header, rows)]
    lines += ["", "No system is both more accurate and cheaper than those on the line of the figure."]
    return document(lines)


def figure(results: Path = RESULTS) -> str:
    """Return the page's figure as an SVG; equal numbers give equal bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    panels = _panels()
    drawn = Figure(figsize=(4.6 * len(panels), 4.2))
    for place, (title, systems, corpora) in enumerate(panels):
        axes = drawn.add_subplot(1, len(panels), place + 1)
        points = _points(systems, corpora, results)
        for one in points:
            axes.plot(one.ms, one.mean, marker="o", markersize=5, color=COLOURS[one.system.is_ours])
            hidden = any(other.ms == one.ms and 0 < other.mean - one.mean < CLOSE for other in points)
            side, at = ("right", (-5, -3)) if hidden else ("left", (4, 3))  # left of a point right under another one
            axes.annotate(one.system.name, (one.ms, one.mean), at, textcoords="offset points", fontsize=6, ha=side)
        best = pareto(points)
        axes.plot([one.ms for one in best], [one.mean for one in best], color="#999999", linewidth=1, zorder=0)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(TICKS))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("milliseconds for 3 s, one core")
        axes.grid(color="#eeeeee")
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.3, y=0.15)
        if place == 0:
            axes.set_ylabel("UAR x 100, unseen speakers")
    drawn.tight_layout()
    written = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "emotone"}):
        FigureCanvasSVG(drawn).print_svg(written, metadata={"Date": None, "Creator": None})
    return re.sub(r"[ \t]+\n", "\n", written.getvalue())


def readme_rows(results: Path = RESULTS) -> list[str]:
    """Return the README's first table: models and openSMILE on the same folds, and on corpora of other languages."""
    unseen = {one.system.name: one for one in _points(UNSEEN, HELD_OUT, results)}
    rows = []
    for one in _points(JOINTLY, JOINT, results):
        other = unseen.get(one.system.name)
        recalls = ("", "") if other is None else tuple(f"{value:.1f}" for value in other.recalls)
        rows.append((one.system.name, *(f"{value:.1f}" for value in one.recalls), *recalls, *_cost(one)))
    return markdown_table(("system", *JOINT, *HELD_OUT, "ms", "MB"), rows)


def pareto(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other one surpasses in accuracy at the same or a lower cost, by cost."""
    best: list[Point] = []
    for one in sorted(points, key=lambda point: (point.ms, -point.mean)):
        if not best or one.mean > best[-1].mean:
            best.append(one)
    return best


def _panels() -> tuple[tuple[str, Sequence[System], tuple[str, ...]], ...]:
    return (
        ("Trained on three corpora, mean of their UAR, ten folds of speakers", JOINTLY, JOINT),
        ("Trained on Emo-DB, speakers left out", ALONE, ("emodb",)),
        ("Finished models on corpora in other languages", UNSEEN, HELD_OUT),
    )


def _cost(point: Point) -> tuple[str, str]:
    return f"{point.ms:.1f}", f"{point.megabytes:.1f}"


@cache
def _points(systems: tuple[System, ...], corpora: tuple[str, ...], results: Path) -> list[Point]:
    """Return the systems whose run has all corpora and whose cost was measured."""
    measured = _measured()["systems"]
    found = []
    for system in systems:
        recalls = _recalls(system, corpora, results)
        if recalls and system.cost in measured:
            cost = measured[system.cost]
            found.append(Point(system, tuple(recalls[corpus] for corpus in corpora), cost["ms"], cost["megabytes"]))
    return found


def _recalls(system: System, corpora: tuple[str, ...], results: Path) -> Mapping[str, float]:
    """Return UAR x 100 by corpus, of the first run that has all corpora; nothing without one."""
    for folder in finished_runs(results / system.folder, system.run):
        recalls = {
            score.corpus: 100 * score.number
            for score in scores_of(read_run(folder).predictions, replicates=REPLICATES, metrics={"uar"})
            if score.setting == "system" and score.metric == "uar"
        }
        if set(corpora) <= set(recalls):
            return recalls
    return {}


def _measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(COSTS.read_text(encoding="utf-8"))
    return found


# ----------------------------------------------------------------------------------------------------------------------
# Measurement.

RECORDINGS = ("even", "loud-fast-high", "soft-slow-low")  # of about 3 s, in examples/
FEATURE_SETS: tuple[FeatureSet, ...] = ("eGeMAPSv02", "IS09", "IS10", "ComParE_2016")
REPEATS = 7
MEGABYTE = 1e6


def measure() -> None:
    """Measure every system and write the file."""
    paths = [ROOT / "examples" / f"{name}.flac" for name in RECORDINGS]
    seconds = sum(len(read(path, rate=16_000)[0]) / 16_000 for path in paths)
    systems: dict[str, dict[str, float]] = {}
    for name in shipped_names():
        model = emotone.load(name)
        systems[name] = {"ms": _milliseconds(model.predict, paths, seconds), "megabytes": _size(name)}
        print(name, systems[name], flush=True)
    for feature_set in FEATURE_SETS:
        spec = OpenSmile(feature_set=feature_set)
        cost = _milliseconds(partial(_functionals, spec), paths, seconds)
        systems[f"opensmile-{feature_set}"] = {"ms": cost, "megabytes": _package("opensmile")}
        print(feature_set, systems[f"opensmile-{feature_set}"], flush=True)
    about = {"processor": platform.processor() or platform.machine(), "seconds": 3, "repeats": REPEATS}
    with atomic_write(COSTS, text=True) as stream:
        stream.write(json.dumps({**about, "emotone": emotone.__version__, "systems": systems}, indent=1) + "\n")


def _milliseconds(analyse: Callable[[Path], object], paths: list[Path], seconds: float) -> float:
    """Return milliseconds of a processor per 3 s of sound: median of the repeats, after one that is not counted."""
    found = []
    for _ in range(REPEATS + 1):
        start = time.process_time()
        for path in paths:
            analyse(path)
        found.append(1000 * (time.process_time() - start) * 3 / seconds)
    return round(median(found[1:]), 2)


def _functionals(spec: OpenSmile, path: Path) -> object:
    return spec.compute(read(path, rate=spec.rate)[0])


def _size(name: str) -> float:
    """Return the megabytes of a model's network and head."""
    contents = load(name).contents()
    return round(sum(len(data) for file, data in contents.items() if file in {"model.onnx", "head.npz"}) / MEGABYTE, 2)


def _package(name: str) -> float:
    """Return the megabytes of an installed package."""
    module = __import__(name)
    files = Path(str(module.__file__)).parent.rglob("*")
    return round(sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc") / MEGABYTE, 2)


if __name__ == "__main__":
    measure()
