"""Train on everything that is given, in a folder that names the training and can be gone on from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import TooShortError
from emotone.features.store import Extracted, Problem
from emotone.fitting.fit import CHECKPOINT, fit, fit_signature
from emotone.fitting.training_run import RUN, WEIGHTS, TrainingRun, describe_history, save_run
from emotone.protocols.base import dev_speakers
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.recipes.recipe import Recipe
    from emotone.training.checkpoint import Epoch
    from emotone.types import Array, Utterance


@dataclass(frozen=True, eq=False)
class Ready:
    """Data at hand for one training.

    Attributes:
        recipe: what to train.
        utterances: whose features are there.
        labels: in the order of the logits.
        features: by `Utterance.key`.
        fold: everything to learn from; a development part only where the recipe stops early.
        problems: recordings that are left out.

    """

    recipe: Recipe
    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    features: dict[str, Array]
    fold: Fold
    problems: tuple[Problem, ...]

    @property
    def name(self) -> str:
        """The run's folder name: recipe and signature."""
        name = fit_signature(self.recipe, self.utterances, self.features, self.fold, labels=self.labels)
        return f"{self.recipe.name}-{name}"


def prepare(
    recipe: Recipe,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Ready:
    """Return the features and parts of a training on all utterances.

    Raises:
        RunError: no recording can be used.

    """
    extracted = _long_enough(recipe.extract(utterances, workers=workers, progress=progress), recipe)
    usable = extracted.usable(utterances)
    held: set[str] = set()
    if recipe.training.patience > 0:
        held = dev_speakers(usable, everything=usable, index=0, seed=recipe.seed)
    fold = Fold(
        "all",
        train=tuple(utterance.key for utterance in usable if utterance.speaker_key not in held),
        dev=tuple(utterance.key for utterance in usable if utterance.speaker_key in held),
        test=(),
    )
    return Ready(recipe, usable, labels, extracted.features, fold, extracted.problems)


def _long_enough(extracted: Extracted, recipe: Recipe) -> Extracted:
    """Return the features of recordings that fill a window as far as the recipe asks; list the others."""
    least = recipe.windows.least_frames(recipe.feature)
    short = {key: rows.shape[0] for key, rows in extracted.features.items() if rows.shape[0] < least}
    problems = tuple(
        Problem(
            key,
            TooShortError.code,
            f"{key}: too short to learn from: {count * recipe.feature.hop_seconds:.3f} s; "
            f"at least {recipe.windows.least:g} s are needed",
        )
        for key, count in short.items()
    )
    kept = {key: rows for key, rows in extracted.features.items() if key not in short}
    return Extracted(kept, (*extracted.problems, *problems))


def train_run(
    ready: Ready,
    folder: Path,
    *,
    fresh: bool = False,
    progress: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> TrainingRun:
    """Train in a folder; an interrupted training there goes on unless `fresh`."""
    if fresh:
        for name in (RUN, WEIGHTS, CHECKPOINT):
            (folder / name).unlink(missing_ok=True)
    fitted = fit(
        ready.recipe,
        ready.utterances,
        ready.features,
        ready.fold,
        labels=ready.labels,
        folder=folder,
        progress=progress,
        on_batch=on_batch,
    )
    speakers = {utterance.speaker_key: utterance.corpus for utterance in ready.utterances}
    run = TrainingRun(
        recipe=ready.recipe,
        labels=ready.labels,
        corpora=dict(sorted(Counter(utterance.corpus for utterance in ready.utterances).items())),
        speakers=dict(sorted(Counter(speakers.values()).items())),
        signature=fitted.signature,
        best=fitted.best,
        history=describe_history(fitted),
        transfer=fitted.transfer,
    )
    save_run(folder, run, fitted)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return run
