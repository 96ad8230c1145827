"""Which plan a training starts by: each is tried on the corpora at hand, on speakers that it did not learn from.

The training's clips are divided by speaker into up to three inner folds. Every plan, and no transfer at all, is trained
on all but one of them and judged on it, as the training itself would be; the one with the best unweighted average
recall over all inner folds wins. Of equal ones that wins of which least learns. Nothing else is looked at, so what a
plan was chosen on must not be what the model is then judged on: `emotone evaluate` keeps them apart.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.config import signature
from emotone.errors import ConfigError, RunError, UsageError
from emotone.files import atomic_write
from emotone.fitting.clip_probabilities import clip_probabilities
from emotone.fitting.fit import fit
from emotone.protocols import protocol
from emotone.recipes.transfer import find, training_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.fitting.train import Ready
    from emotone.recipes.recipe import Recipe
    from emotone.types import Fold

AUTO, NONE = "auto", "none"
PLANS = ("A1", "A5", "A8", "A4", "A7", "A3", "A6", "A2", NONE)  # from what learns least to what learns all
INNER_FOLDS = 3
CHOICE = "choice.json"
VERSION = 1  # of how a plan is chosen


@dataclass(frozen=True)
class Candidate:
    """One plan and how it did.

    Attributes:
        plan: its name, or "none".
        uar: unweighted average recall over all inner folds, mean over corpora; None where it could not be tried.
        folds: of each inner fold.
        refused: why it could not be tried.

    """

    plan: str
    uar: float | None
    folds: tuple[float, ...] = ()
    refused: str = ""


@dataclass(frozen=True)
class Choice:
    """Which plan was chosen, and why.

    Attributes:
        plan: the winner's name, or "none".
        protocol: of the inner folds.
        clips: that were judged.
        speakers: of them.
        candidates: in the order of `PLANS`.
        signature: of what the choice depends on.
        heard: corpora among these that the start learned from, so that it may know the speakers that it was tried on.

    """

    plan: str
    protocol: str
    clips: int
    speakers: int
    candidates: tuple[Candidate, ...]
    signature: str
    heard: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the choice as text: every plan with its recall, and why the winner won."""
        lines = [
            f"plan {each.plan}: could not be tried: {each.refused}"
            if each.uar is None
            else f"plan {each.plan}: inner UAR {each.uar:.3f} (folds {', '.join(f'{one:.3f}' for one in each.folds)})"
            for each in self.candidates
        ]
        ranked = sorted((each for each in self.candidates if each.uar is not None), key=lambda each: -(each.uar or 0.0))
        best = next(each.uar for each in ranked if each.plan == self.plan) or 0.0
        rest = [each for each in ranked if each.plan != self.plan]
        why = "the only one that could be tried"
        if rest and rest[0].uar == best:
            why = f"as good as {rest[0].plan}, and less of it learns"
        elif rest:
            why = f"the best inner UAR; next is {rest[0].plan} with {rest[0].uar:.3f}"
        tried = f"tried on {self.clips} clips of {self.speakers} speakers by {self.protocol}"
        chance = 1.96 * math.sqrt(2 * best * (1 - best) / self.clips)
        lines.append(f"chosen: {self.plan}: {why}; {tried}, where differences below about {chance:.2f} may be chance")
        if self.heard:
            lines.append(
                f"the start learned from {', '.join(self.heard)} too: where it knows the speakers, plans that keep "
                "more of it look better than they are"
            )
        return lines


def choose(ready: Ready, *, progress: Callable[[int], None] | None = None) -> Choice:
    """Return which plan does best on a training's own corpora; equal arguments give equal choices.

    Args:
        ready: whose recipe says a source; its plan plays no part.
        progress: called with 1 after each inner training.

    Raises:
        UsageError: no source to take over from.
        RunError: a single speaker, or an inner fold that can't be learned from.

    """
    if ready.recipe.transfer is None or not ready.recipe.transfer.source:
        raise UsageError("auto chooses how weights are taken over: say from where, with --from RUN, MODEL or FILE")
    speakers = {utterance.speaker_key for utterance in ready.utterances}
    if len(speakers) < 2:
        raise RunError(
            "auto tries each plan on speakers that it did not learn from, and all clips are of one speaker; give clips "
            "of others too, or name a plan, e.g. A5"
        )
    division = protocol(f"speaker-folds-{min(INNER_FOLDS, len(speakers))}")
    folds = division.folds(ready.utterances, seed=ready.recipe.seed)
    candidates = tuple(_tried(ready, plan, folds, progress) for plan in PLANS)
    best = max((each for each in candidates if each.uar is not None), key=lambda each: each.uar or 0.0)
    start = training_of(find(ready.recipe.transfer.source))
    given = {utterance.corpus for utterance in ready.utterances}
    return Choice(
        best.plan,
        division.name,
        len(ready.utterances),
        len(speakers),
        candidates,
        choice_signature(ready),
        () if start is None else tuple(sorted(given.intersection(start.corpora))),
    )


def choice_signature(ready: Ready) -> str:
    """Return the hash of what a choice depends on: the training, its source and clips, and the plans."""
    return signature("auto", VERSION, list(PLANS), INNER_FOLDS, replace(ready, recipe=by_plan(ready.recipe, "A2")).name)


def by_plan(recipe: Recipe, plan: str) -> Recipe:
    """Return the recipe with another plan for its source, or without a transfer for "none"."""
    if plan == NONE or recipe.transfer is None:
        return replace(recipe, transfer=None)
    return replace(recipe, transfer=replace(recipe.transfer, plan=plan, load=(), freeze=()))


def write_choice(folder: Path, choice: Choice) -> None:
    """Keep a choice beside the training that was made by it."""
    with atomic_write(folder / CHOICE, text=True) as stream:
        stream.write(json.dumps(asdict(choice), indent=1) + "\n")


def find_choice(runs: Path, name: str) -> Choice | None:
    """Return the choice of this signature from a folder of runs, where one was made before."""
    for path in sorted(runs.glob(f"*/{CHOICE}")):
        try:
            text: dict[str, Any] = json.loads(path.read_text())
            if text["signature"] == name:
                tried = tuple(Candidate(**{**each, "folds": tuple(each["folds"])}) for each in text["candidates"])
                return Choice(**{**text, "candidates": tried, "heard": tuple(text["heard"])})
        except (ValueError, KeyError, TypeError):
            continue  # not ours to read: it is chosen again
    return None


def _tried(ready: Ready, plan: str, folds: list[Fold], progress: Callable[[int], None] | None) -> Candidate:
    """Return how a plan does in the inner folds; one that can't be used with this source says why."""
    recipe = by_plan(ready.recipe, plan)
    judged: dict[str, int] = {}
    each_fold = []
    for fold in folds:
        try:
            fitted = fit(recipe, ready.utterances, ready.features, fold, labels=ready.labels)
        except ConfigError as error:
            return Candidate(plan, None, refused=str(error))
        except RunError as error:
            raise RunError(f"inner fold {fold.name} of auto: {error}; name a plan instead of auto") from error
        predicted = {
            key: int(np.argmax(clip_probabilities(recipe, fitted.net, ready.features[key]))) for key in fold.test
        }
        each_fold.append(_recall(ready, predicted))
        judged |= predicted
        if progress is not None:
            progress(1)
    return Candidate(plan, _recall(ready, judged), tuple(each_fold))


def _recall(ready: Ready, predicted: dict[str, int]) -> float:
    """Return the unweighted average recall of clips, mean over corpora."""
    from emotone.training.development import recall_by_corpus

    judged = [utterance for utterance in ready.utterances if utterance.key in predicted]
    return recall_by_corpus(
        np.array([ready.labels.index(utterance.label) for utterance in judged]),
        np.array([predicted[utterance.key] for utterance in judged]),
        np.array([utterance.corpus for utterance in judged]),
    )
