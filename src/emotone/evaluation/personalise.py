"""A model of one user's few labelled clips: an honest score, a training on all clips, and the finished bundle.

The same plan is trained in folds and scored on clips that it was not trained on; the unchanged model is scored on the
same clips. With two or more speakers no speaker is in both parts of a fold. Otherwise the folds divide clips, and the
score applies to the speakers of these clips only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.bundles.library import shipped_names
from emotone.errors import ConfigError
from emotone.evaluation.run import evaluate_recipe, stage_counter
from emotone.fitting.export import TUNED, check_own_name, export_run
from emotone.fitting.head_refit import head_for_labels
from emotone.fitting.head_transfer import write_refitted
from emotone.fitting.plan_selection import UNCHANGED
from emotone.fitting.train import prepare, train_run, with_enough_batches
from emotone.protocols import protocol
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.evaluation.run import Progress
    from emotone.features.store import ExtractionProblem
    from emotone.fitting.head_refit import RefittedHead
    from emotone.fitting.head_transfer import ResolvedRefit
    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.fitting.train import TrainingJob
    from emotone.scoring.scores import Score
    from emotone.types import Array, Fold, Utterance

FOLDS = 3  # each takes as long as the final training


@dataclass(frozen=True)
class PersonalScores:
    """The scores of a plan, of the unchanged model and of chance on the same clips.

    Attributes:
        source: name of the starting model.
        plan: name of the transfer plan.
        tuned: UAR of the plan on clips that it was not trained on.
        unchanged: UAR of the model without training; None if it lacks one of the labels.
        chance: UAR of random labels, 0 to 1.
        caveat: why the score does not apply to new speakers; "" where it does.
        refit: of a model with a head on embeddings: what was done with the head, instead of a plan.

    """

    source: str
    plan: str
    tuned: Score
    unchanged: Score | None
    chance: float
    caveat: str
    refit: str = ""

    def lines(self) -> list[str]:
        """Return the scores as text, one sentence each."""
        tuned = self.tuned
        speakers = f"{tuned.speakers or 'unknown'} speaker{'' if tuned.speakers == 1 else 's'}"
        data = f"{tuned.n} clips, {speakers}, protocol {tuned.protocol}"
        lines = [
            f"{self._how()}: UAR {tuned.text} ({data})",
            f"{self.source} unchanged, on the same clips: UAR {self.unchanged.text}"
            if self.unchanged is not None
            else f"{self.source} unchanged: no score, because it lacks one of the labels",
            f"chance: UAR {100 * self.chance:.1f}",
        ]
        lines += [f"note: {tuned.note}"] if tuned.note else []
        lines += [f"not speaker-independent: {self.caveat}"] if self.caveat else []
        if self.unchanged is not None and tuned.number <= self.unchanged.number:
            lines.append(f"the training does not help on these clips: use {self.source} unchanged")
        elif self.unchanged is not None and tuned.low is not None and tuned.low <= self.unchanged.number:
            lines.append("the unchanged model is within the interval of the score: the gain may be chance")
        return lines

    def _how(self) -> str:
        if self.refit:
            return f"head of {self.source}, {self.refit}"
        return f"fine-tuned from {self.source} by plan {self.plan}"

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as a plain table, for JSON."""
        return {
            "source": self.source,
            "plan": self.plan,
            "tuned": self.tuned.to_dict(),
            "unchanged": None if self.unchanged is None else self.unchanged.to_dict(),
            "chance": self.chance,
            "caveat": self.caveat,
            "refit": self.refit,
        }


@dataclass(frozen=True)
class PersonalModel:
    """A personalised model: its folder, its scores, and the recordings that were left out."""

    folder: Path
    scores: PersonalScores
    problems: tuple[ExtractionProblem, ...]


def division(utterances: Sequence[Utterance]) -> tuple[str, str]:
    """Return the protocol for these clips, and why it is not speaker-independent ("" if it is)."""
    speakers = {utterance.speaker for utterance in utterances}
    if "" not in speakers and len(speakers) > 1:
        return f"speaker-folds-{min(FOLDS, len(speakers))}", ""
    if speakers == {""}:
        caveat = "the speakers of the clips are not known"
    elif "" in speakers:
        caveat = "the speakers of some clips are not known"
    else:
        caveat = "all clips are of one speaker, so that the score says nothing about others"
    return f"random-{FOLDS}", caveat


def uar_and_chance(scores: Iterable[Score]) -> tuple[Score, float]:
    """Return the UAR of the system among the scores of one corpus, and the UAR of chance."""
    by_setting = {score.setting: score for score in scores if score.metric == "uar"}
    return by_setting["system"], by_setting["chance"].number


def personalise(
    resolved: ResolvedRecipe,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    out: Path,
    work: Path,
    name: str = "",
    description: str = "",
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> PersonalModel:
    """Score a plan and the unchanged model in folds, train the plan on all clips, and write the bundle.

    Args:
        resolved: what to train, with the plan.
        utterances: with labels from `labels`.
        labels: in the order of the outputs.
        out: folder of the bundle.
        work: folder for the trainings.
        name: of the model; "" for a default (see `emotone.fitting.export`).
        description: of the model; "" likewise.
        workers: number of processes.
        progress: called with the progress of the folds.

    Raises:
        RunError: too few clips or labels for folds.
        UsageError: the name of a shipped model.
        OutputError: the folder can't be written.

    """
    job = with_enough_batches(prepare(resolved, utterances, labels=labels, workers=workers))
    scores = _scores(job, work=work, workers=workers, progress=progress)
    folder = work / job.name
    train_run(job, folder)
    text = "\n".join(f"- {line}" for line in scores.lines())
    export_run(folder, out, name=name, description=description, evaluation=f"Scores in folds, x 100 [95 %]:\n\n{text}")
    return PersonalModel(out, scores, job.problems)


def _scores(
    job: TrainingJob, *, work: Path, workers: int, progress: Callable[[Progress], None] | None
) -> PersonalScores:
    """Return the scores of a training's plan and of plan A1 under one protocol."""
    protocol_name, caveat = division(job.utterances)

    def uar(recipe: ResolvedRecipe) -> tuple[Score, float]:
        result = evaluate_recipe(
            recipe,
            job.utterances,
            labels=job.labels,
            protocol_name=protocol_name,
            out=work,
            workers=workers,
            progress=progress,
        )
        return uar_and_chance(result.scores)

    tuned, chance = uar(job.resolved)
    unchanged: Score | None = None
    try:
        unchanged = uar(job.resolved.with_plan(UNCHANGED))[0]
    except ConfigError:  # a label that the model does not have
        unchanged = None
    if not caveat and tuned.speaker_independent is False:
        caveat = "the audit found a speaker under two names"
    transfer = job.resolved.recipe.transfer
    source, plan = ("scratch", "none") if transfer is None else (transfer.source, transfer.plan)
    return PersonalScores(source, plan, tuned, unchanged, chance, caveat)


SEED = 1


def personalise_head(
    resolved: ResolvedRefit,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    out: Path,
    name: str = "",
    description: str = "",
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> PersonalModel:
    """Score the fit of a head in folds, fit it on all clips, and write the bundle.

    How the head is fitted is selected within the training part of each fold, and on all clips for the bundle (see
    `emotone.fitting.head_refit`). The encoder is not changed.

    Args:
        resolved: a model with a head.
        utterances: with labels from `labels`.
        labels: in the order of the outputs.
        out: folder of the new bundle.
        name: of the model; "" is that of the bundle with `-tuned`.
        description: one sentence; "" states what was fitted.
        workers: processes that compute embeddings.
        progress: called with the progress.

    Raises:
        RunError: too few clips or labels, or a bundle that does not state what it was fitted on.
        UsageError: the name of a shipped model.
        OutputError: the folder can't be written.

    """
    check_own_name(name, shipped=shipped_names())
    counter = stage_counter("embeddings", len(utterances), progress)
    extracted = resolved.extract(utterances, workers=workers, progress=counter)
    clips = extracted.usable(utterances)
    fitted = resolved.fit(clips, extracted.features, labels=labels)
    scores = _head_scores(resolved, clips, extracted.features, fitted, labels=labels)
    text = "\n".join(f"- {line}" for line in scores.lines())
    write_refitted(
        resolved,
        fitted,
        clips,
        out,
        labels=labels,
        name=name or f"{resolved.bundle.manifest.name}-{TUNED}",
        description=description,
        evaluation=f"Scores in folds, x 100 [95 %]:\n\n{text}",
    )
    return PersonalModel(out, scores, extracted.problems)


def _head_scores(
    resolved: ResolvedRefit,
    clips: Sequence[Utterance],
    embeddings: Mapping[str, Array],
    fitted: RefittedHead,
    *,
    labels: tuple[str, ...],
) -> PersonalScores:
    """Return the scores in folds of the fit and of the unchanged head."""
    bundle = resolved.bundle
    name, caveat = division(clips)
    plain = head_for_labels(resolved.head, bundle.labels, labels)
    temperature = bundle.manifest.calibration.temperature
    tuned: list[PredictionRow] = []
    unchanged: list[PredictionRow] = []
    for fold in protocol(name).folds(clips, seed=SEED):
        learned, held = {*fold.train, *fold.dev}, set(fold.test)
        found = resolved.fit([one for one in clips if one.key in learned], embeddings, labels=labels)
        tested = [one for one in clips if one.key in held]
        values = np.stack([embeddings[one.key] for one in tested])
        tuned += _rows(tested, fold, found.head.probabilities(values, temperature=found.temperature), name)
        unchanged += _rows(tested, fold, plain.probabilities(values, temperature=temperature), name)
    score, chance = _uar(tuned, labels)
    known = set(labels) <= set(bundle.labels)
    return PersonalScores(
        source=bundle.manifest.name,
        plan="head",
        tuned=score,
        unchanged=_uar(unchanged, labels)[0] if known else None,
        chance=chance,
        caveat=caveat,
        refit=str(fitted.refit),
    )


def _rows(
    tested: Sequence[Utterance], fold: Fold, probabilities: NDArray[np.float64], protocol_name: str
) -> Iterator[PredictionRow]:
    for one, given in zip(tested, probabilities, strict=True):
        yield PredictionRow(
            one.key, one.corpus, protocol_name, fold.name, SEED, one.speaker, one.label, given.tolist(), "head"
        )


def _uar(rows: list[PredictionRow], labels: tuple[str, ...]) -> tuple[Score, float]:
    return uar_and_chance(scores_of(PredictionsTable.from_rows(rows, labels=labels)))
