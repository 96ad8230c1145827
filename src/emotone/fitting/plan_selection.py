"""Select a transfer plan by inner cross-validation on the training corpora, with unseen speakers.

The training's clips are divided by speaker into up to three inner folds. Every plan, and training from scratch, is
trained on all but one of them and scored on that one; the plan with the best unweighted average recall over all inner
folds is selected, and of equal ones that with fewer trained layers. No other data are used. A plan must not be scored
on the data that it was selected on: `emotone evaluate` keeps them apart.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.config import signature
from emotone.errors import ConfigError, RunError, UsageError
from emotone.files import write_json
from emotone.fitting.fit import fit
from emotone.fitting.network import clip_probabilities
from emotone.protocols import protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.fitting.train import TrainingJob
    from emotone.types import Fold

AUTO, NONE = "auto", "none"
UNCHANGED = "A1"
PLANS = ("A1", "A5", "A8", "A4", "A7", "A3", "A6", "A2", NONE)  # by number of trained layers
INNER_FOLDS = 3
SELECTION = "plan_selection.json"
VERSION = 1  # of how a plan is selected


@dataclass(frozen=True)
class PlanScore:
    """A plan and its score.

    Attributes:
        plan: its name, or "none".
        uar: unweighted average recall over all inner folds, mean over corpora; None if the plan can't be used.
        folds: recall of each inner fold.
        refused: why the plan can't be used.

    """

    plan: str
    uar: float | None
    folds: tuple[float, ...] = ()
    refused: str = ""


@dataclass(frozen=True)
class PlanSelection:
    """The selected plan, and the scores of all.

    Attributes:
        plan: name of the selected plan, or "none".
        protocol: of the inner folds.
        clips: number of scored clips.
        speakers: number of their speakers.
        candidates: in the order of `PLANS`.
        signature: of what the selection depends on.
        shared: corpora that the start was trained on too, so that their speakers may not be unseen.

    """

    plan: str
    protocol: str
    clips: int
    speakers: int
    candidates: tuple[PlanScore, ...]
    signature: str
    shared: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the selection as text: every plan with its recall, and the reason for the selected one."""
        lines = [
            f"plan {each.plan}: can't be used: {each.refused}"
            if each.uar is None
            else f"plan {each.plan}: inner UAR {each.uar:.3f} (folds {', '.join(f'{one:.3f}' for one in each.folds)})"
            for each in self.candidates
        ]
        ranked = sorted((each for each in self.candidates if each.uar is not None), key=lambda each: -(each.uar or 0.0))
        best = next(each.uar for each in ranked if each.plan == self.plan) or 0.0
        rest = [each for each in ranked if each.plan != self.plan]
        why = "the only one that can be used"
        if rest and rest[0].uar == best:
            why = f"as good as {rest[0].plan}, with fewer trained layers"
        elif rest:
            why = f"best inner UAR; next is {rest[0].plan} with {rest[0].uar:.3f}"
        data = f"scored on {self.clips} clips of {self.speakers} speakers with {self.protocol}"
        chance = 1.96 * math.sqrt(2 * best * (1 - best) / self.clips)
        lines.append(f"selected: {self.plan}: {why}; {data}, where differences below about {chance:.2f} may be chance")
        unchanged = next((each.uar for each in self.candidates if each.plan == UNCHANGED), None)
        if self.plan == UNCHANGED:
            lines.append("plan A1 wins: no training on these clips was better than the unchanged model")
        elif unchanged is not None and best - unchanged < chance:
            lines.append(f"the unchanged model (A1) has {unchanged:.3f}: whether the training helps is not certain")
        if self.shared:
            lines.append(
                f"the start was trained on {', '.join(self.shared)} too: if it knows the speakers, the scores of plans "
                "that keep more of it are too high"
            )
        return lines


def select_plan(job: TrainingJob, *, progress: Callable[[int], None] | None = None) -> PlanSelection:
    """Return the plan with the best score on a training's own corpora; equal arguments give equal selections.

    Args:
        job: whose recipe has weights to start from; its plan is ignored.
        progress: called with 1 after each inner training.

    Raises:
        UsageError: no weights to start from.
        RunError: a single speaker, or an inner fold that can't be trained on.

    """
    if job.resolved.weights is None:
        raise UsageError("auto selects a transfer plan: give the weights with --from RUN, MODEL or FILE")
    speakers = {utterance.speaker_key for utterance in job.utterances}
    if len(speakers) < 2:
        raise RunError(
            "auto scores each plan on unseen speakers, and all clips are from one speaker; give clips of others too, "
            "or name a plan, e.g. A5"
        )
    inner = protocol(f"speaker-folds-{min(INNER_FOLDS, len(speakers))}")
    folds = inner.folds(job.utterances, seed=job.resolved.seed)
    candidates = tuple(_score(job, plan, folds, progress) for plan in PLANS)
    best = max((each for each in candidates if each.uar is not None), key=lambda each: each.uar or 0.0)
    start = job.resolved.weights.run
    given = {utterance.corpus for utterance in job.utterances}
    return PlanSelection(
        best.plan,
        inner.name,
        len(job.utterances),
        len(speakers),
        candidates,
        selection_signature(job),
        () if start is None else tuple(sorted(given.intersection(start.corpora))),
    )


def selection_signature(job: TrainingJob) -> str:
    """Return the hash of what a selection depends on: the training, its weights and clips, and the plans."""
    name = job.with_recipe(by_plan(job.resolved, "A2")).name
    return signature("auto", VERSION, list(PLANS), INNER_FOLDS, name)


def by_plan(resolved: ResolvedRecipe, plan: str) -> ResolvedRecipe:
    """Return the recipe with a plan, or without a transfer for "none"."""
    return resolved.with_plan("" if plan == NONE else plan)


def write_selection(folder: Path, selection: PlanSelection) -> None:
    """Store a selection in the folder of the training that uses it."""
    write_json(folder / SELECTION, asdict(selection))


def find_selection(runs: Path, name: str) -> PlanSelection | None:
    """Return the selection with this signature from a folder of runs; None if there is none."""
    for path in sorted(runs.glob(f"*/{SELECTION}")):
        try:
            text: dict[str, Any] = json.loads(path.read_text())
            if text["signature"] == name:
                scores = tuple(PlanScore(**{**each, "folds": tuple(each["folds"])}) for each in text["candidates"])
                return PlanSelection(**{**text, "candidates": scores, "shared": tuple(text["shared"])})
        except (ValueError, KeyError, TypeError):
            continue  # written by another version: the plan is selected again
    return None


def _score(job: TrainingJob, plan: str, folds: list[Fold], progress: Callable[[int], None] | None) -> PlanScore:
    """Return the score of a plan in the inner folds, or why it can't be used with these weights."""
    try:
        resolved = by_plan(job.resolved, plan)
    except ConfigError as error:
        return PlanScore(plan, None, refused=str(error))
    all_predicted: dict[str, int] = {}
    each_fold = []
    for fold in folds:
        try:
            network = fit(resolved, job.utterances, job.features, fold, labels=job.labels)
        except ConfigError as error:
            return PlanScore(plan, None, refused=str(error))
        except RunError as error:
            raise RunError(f"inner fold {fold.name} of auto: {error}; name a plan instead of auto") from error
        predicted = {
            key: int(np.argmax(clip_probabilities(resolved.recipe, network.net, job.features[key])))
            for key in fold.test
        }
        each_fold.append(_recall(job, predicted))
        all_predicted |= predicted
        if progress is not None:
            progress(1)
    return PlanScore(plan, _recall(job, all_predicted), tuple(each_fold))


def _recall(job: TrainingJob, predicted: dict[str, int]) -> float:
    """Return the unweighted average recall of clips, mean over corpora."""
    from emotone.training.development import recall_by_corpus

    scored = [utterance for utterance in job.utterances if utterance.key in predicted]
    return recall_by_corpus(
        np.array([job.labels.index(utterance.label) for utterance in scored]),
        np.array([predicted[utterance.key] for utterance in scored]),
        np.array([utterance.corpus for utterance in scored]),
    )
