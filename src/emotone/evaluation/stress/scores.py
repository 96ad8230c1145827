"""Scores of a stress run: share of changed labels and loss of UAR in every setting, with intervals and bounds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.augment.perturbation import PERTURBATIONS, SEPARATOR
from emotone.evaluation.stress.run import UNCHANGED
from emotone.metrics.intervals import Estimate, difference_estimate, score_estimate
from emotone.scoring.result_table import ResultTable, format_estimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from emotone.evaluation.stress.run import Outcome, StressRun

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
