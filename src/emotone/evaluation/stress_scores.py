"""Scores of a stress run, and its files: changed labels and loss of UAR in every setting, with intervals and bounds."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.augment.perturbation import PERTURBATIONS, SEPARATOR
from emotone.evaluation.stress_run import UNCHANGED, Outcome
from emotone.files import atomic_write
from emotone.inference.plot import STYLE, check_installed, check_suffix, save_figure
from emotone.metrics.intervals import Estimate, difference_estimate, score_estimate
from emotone.scoring.result_table import ResultTable, format_estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.evaluation.stress_run import StressRun
    from emotone.inference.result import ModelInfo

ALL = "all"
NO_SPEECH = "no speech"
KEPT, CHANGED = "kept", "changed"
OK, EXCEEDED = "ok", "exceeded"


@dataclass(frozen=True)
class StressScore:
    """The robustness of a model in one setting.

    Attributes:
        corpus: registry name; "all" for all recordings together.
        perturbation: registry name.
        setting: of the perturbation.
        bound: largest acceptable value of `changed` and `lost`.
        changed: share of recordings whose label differs from that of the unchanged recording, in [0, 1].
        silent: number of them in which no speech is found any more.
        uar: of the changed recordings, in [0, 1]; None without labels.
        lost: UAR of the unchanged recordings minus `uar`; None without labels.

    """

    corpus: str
    perturbation: str
    setting: str
    bound: float
    changed: Estimate
    silent: int
    uar: Estimate | None
    lost: Estimate | None

    @property
    def name(self) -> str:
        """Perturbation and setting, as `--only` takes them."""
        return f"{self.perturbation}{SEPARATOR}{self.setting}"

    @property
    def exceeded(self) -> bool:
        """Whether one of the values is above the bound."""
        values = [self.changed.value, None if self.lost is None else self.lost.value]
        return any(value is not None and value > self.bound for value in values)

    def to_dict(self) -> dict[str, Any]:
        """Return the score as a plain table, for JSON."""
        return {
            "corpus": self.corpus,
            "perturbation": self.perturbation,
            "setting": self.setting,
            "bound": self.bound,
            "exceeded": self.exceeded,
            "silent": self.silent,
            "changed": asdict(self.changed),
            "uar": None if self.uar is None else asdict(self.uar),
            "uar_lost": None if self.lost is None else asdict(self.lost),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StressScore:
        """Return the score of a table from `to_dict`."""
        uar, lost = values["uar"], values["uar_lost"]
        return cls(
            **{name: values[name] for name in ("corpus", "perturbation", "setting", "bound", "silent")},
            changed=Estimate(**values["changed"]),
            uar=None if uar is None else Estimate(**uar),
            lost=None if lost is None else Estimate(**lost),
        )


def stress_scores(run: StressRun) -> tuple[StressScore, ...]:
    """Return the scores in every setting over all recordings, then those of each corpus if there are several.

    A setting that applies to no recording has no score.
    """
    corpora = sorted({outcome.corpus for outcome in run.outcomes})
    scopes = [ALL, *corpora] if len(corpora) > 1 else [ALL]
    return tuple(score for scope in scopes for score in _scores_of(run, scope))


def unchanged_uar(run: StressRun) -> Estimate | None:
    """Return the UAR of the model on the unchanged recordings, in [0, 1]; None without labels."""
    known = [outcome for outcome in run.outcomes if outcome.perturbation == UNCHANGED and outcome.truth]
    return _uar(known, labels=(*run.labels, NO_SPEECH)) if known else None


def stress_table(scores: Sequence[StressScore]) -> ResultTable:
    """Return the scores as a table, in percent; the corpus is shown if there are several."""
    several = len({score.corpus for score in scores}) > 1
    rows = [
        (
            score.name,
            *([score.corpus] if several else []),
            format_estimate(score.changed),
            format_estimate(score.uar),
            format_estimate(score.lost),
            f"{100 * score.bound:g}",
            str(score.changed.n),
            EXCEEDED if score.exceeded else OK,
        )
        for score in scores
    ]
    columns = ("setting", *(["corpus"] if several else []), "labels changed", "UAR", "UAR lost", "bound", "n", "result")
    return ResultTable(columns, tuple(rows))


def _scores_of(run: StressRun, corpus: str) -> Iterator[StressScore]:
    chosen = [outcome for outcome in run.outcomes if corpus in {ALL, outcome.corpus}]
    before = {outcome.utterance: outcome for outcome in chosen if outcome.perturbation == UNCHANGED}
    for name, setting in run.settings:
        after = [outcome for outcome in chosen if (outcome.perturbation, outcome.setting) == (name, setting)]
        if after:
            pairs = [(before[outcome.utterance], outcome) for outcome in after]
            yield _score(pairs, corpus=corpus, labels=(*run.labels, NO_SPEECH))


def _score(pairs: list[tuple[Outcome, Outcome]], *, corpus: str, labels: tuple[str, ...]) -> StressScore:
    one = pairs[0][1]
    known = [(first, second) for first, second in pairs if first.truth]
    uar = lost = None
    if known:
        uar = _uar([second for _, second in known], labels=labels)
        lost = difference_estimate(
            [first.truth for first, _ in known],
            [_label(second) for _, second in known],
            [_label(first) for first, _ in known],
            [first.speaker for first, _ in known],
            labels=labels,
            metric="uar",
            rng=np.random.default_rng(0),
        )
    return StressScore(
        corpus=corpus,
        perturbation=one.perturbation,
        setting=one.setting,
        bound=PERTURBATIONS.get(one.perturbation).bound_of(one.setting),
        changed=_changed(pairs),
        silent=sum(not second.label for _, second in pairs),
        uar=uar,
        lost=lost,
    )


def _label(outcome: Outcome) -> str:
    return outcome.label or NO_SPEECH


def _changed(pairs: list[tuple[Outcome, Outcome]]) -> Estimate:
    """Return the share of changed labels: the accuracy of "changed" against what is."""
    is_changed = [CHANGED if first.label != second.label else KEPT for first, second in pairs]
    return score_estimate(
        [CHANGED] * len(pairs),
        is_changed,
        [first.speaker for first, _ in pairs],
        labels=(KEPT, CHANGED),
        metric="accuracy",
        rng=np.random.default_rng(0),
    )


def _uar(outcomes: Sequence[Outcome], *, labels: tuple[str, ...]) -> Estimate:
    return score_estimate(
        [outcome.truth for outcome in outcomes],
        [_label(outcome) for outcome in outcomes],
        [outcome.speaker for outcome in outcomes],
        labels=labels,
        metric="uar",
        rng=np.random.default_rng(0),
    )


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
CHANGED_COLOUR, LOST_COLOUR, BOUND_COLOUR = "#1f4e9c", "#b3661c", "#b42318"
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
    _dots(axes, [score.changed for score in scores], offset=-OFFSET, color=CHANGED_COLOUR, label="labels changed")
    if any(score.lost is not None for score in scores):
        _dots(axes, [score.lost for score in scores], offset=OFFSET, color=LOST_COLOUR, label="UAR lost")
    bounds = [100 * score.bound for score in scores]
    axes.scatter(bounds, rows, marker="|", s=170, color=BOUND_COLOUR, linewidths=1.6, label="bound", zorder=3)
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
