"""Train a network on all given recordings, in a folder named after the training's signature.

With few clips: enough batches to change the model, and an average of weights over the last of them. Recipes state
epochs, which are right for the corpora that they were written for. With few clips an epoch has few batches: ten epochs
on 40 clips are 30 batches, after which weights averaged over a hundred batches are still those of the start. The number
of batches is therefore raised to that of the learning curves in docs/results/transfer.md.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emotone.corpora.content import content_hashes
from emotone.errors import TooShortError
from emotone.features.store import ExtractionProblem, ExtractionResult
from emotone.fitting.fit import CHECKPOINT, fit, fit_signature
from emotone.fitting.training_run import RUN, WEIGHTS, TrainingRun, save_run
from emotone.protocols.base import dev_speakers
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.recipes.recipe import Recipe
    from emotone.training.loop import Epoch
    from emotone.types import Array, Utterance

MIN_BATCHES = 200  # as in the learning curves of docs/results/transfer.md
AVERAGED_SHARE = 1 / 6  # of the batches that the average of the weights is over at most
FILLED = 3  # lengths of the average after which the initial weights do not matter


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """A recipe with the data of one training.

    Attributes:
        resolved: what to train.
        utterances: those with features.
        labels: in the order of the logits.
        features: by `Utterance.key`.
        fold: all utterances; a development part only with early stopping.
        problems: recordings that are left out.

    """

    resolved: ResolvedRecipe
    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    features: dict[str, Array]
    fold: Fold
    problems: tuple[ExtractionProblem, ...]

    @property
    def name(self) -> str:
        """Name of the run's folder: recipe and signature."""
        name = fit_signature(self.resolved, self.utterances, self.features, self.fold, labels=self.labels)
        return f"{self.resolved.name}-{name}"

    def with_recipe(self, resolved: ResolvedRecipe) -> TrainingJob:
        """Return the job for another recipe with the same front end, windows and early stopping."""
        return replace(self, resolved=resolved)


def prepare(
    resolved: ResolvedRecipe,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> TrainingJob:
    """Return a training on all utterances, with their features and their division.

    Raises:
        RunError: no recording can be used.

    """
    recipe = resolved.recipe
    extracted = _long_enough(resolved.extract(utterances, workers=workers, progress=progress), recipe)
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
    return TrainingJob(resolved, usable, labels, extracted.features, fold, extracted.problems)


def _long_enough(extracted: ExtractionResult, recipe: Recipe) -> ExtractionResult:
    """Return the features without recordings that are shorter than the minimum of a window; list these as problems."""
    minimum = recipe.windows.min_frames(recipe.feature)
    short = {key: rows.shape[0] for key, rows in extracted.features.items() if rows.shape[0] < minimum}
    problems = tuple(
        ExtractionProblem(
            key,
            TooShortError.code,
            f"{key}: too short for training: {count * recipe.feature.hop_seconds:.3f} s; "
            f"at least {recipe.windows.min_seconds:g} s are required",
        )
        for key, count in short.items()
    )
    kept = {key: rows for key, rows in extracted.features.items() if key not in short}
    return ExtractionResult(kept, (*extracted.problems, *problems))


def _recordings(job: TrainingJob) -> tuple[str, ...]:
    """Return the content hashes of the training recordings, including those of the weights it starts from."""
    started_from = job.resolved.weights.run if job.resolved.weights is not None else None
    earlier = () if started_from is None else started_from.recordings
    return tuple(sorted({*content_hashes(job.utterances).values(), *earlier}))


def train_run(
    job: TrainingJob,
    folder: Path,
    *,
    fresh: bool = False,
    progress: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> TrainingRun:
    """Train in a folder and return the finished run; an interrupted training there resumes unless `fresh`."""
    if fresh:
        for name in (RUN, WEIGHTS, CHECKPOINT):
            (folder / name).unlink(missing_ok=True)
    from emotone.training.processes import current

    network = fit(
        job.resolved,
        job.utterances,
        job.features,
        job.fold,
        labels=job.labels,
        folder=folder,
        progress=progress,
        on_batch=on_batch,
    )
    speakers = {utterance.speaker_key: utterance.corpus for utterance in job.utterances}
    run = TrainingRun(
        recipe=job.resolved.recipe,
        labels=job.labels,
        corpora=dict(sorted(Counter(utterance.corpus for utterance in job.utterances).items())),
        speakers=dict(sorted(Counter(speakers.values()).items())),
        signature=network.signature,
        best=network.best,
        history=tuple(epoch.to_dict() for epoch in network.history),
        transfer=network.transfer,
        recordings=_recordings(job),
    )
    processes = current()
    if processes.is_first:
        save_run(folder, run, network.net)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    processes.wait()
    return run


@dataclass(frozen=True)
class Length:
    """The length of a training.

    Attributes:
        batches_per_epoch: of the training part.
        epochs: maximum number of epochs.
        averaged: number of batches that the average of the weights is over; 1 without an average.

    """

    batches_per_epoch: int
    epochs: int
    averaged: float

    @property
    def batches(self) -> int:
        """Batches of the whole training."""
        return self.batches_per_epoch * self.epochs

    @property
    def enough_epochs(self) -> int:
        """Epochs after which the initial weights do not count in the average any more."""
        return max(1, math.ceil(FILLED * self.averaged / self.batches_per_epoch))

    @property
    def is_enough(self) -> bool:
        """Whether the average leaves the initial weights; always without an average."""
        return self.averaged <= 1 or self.batches >= FILLED * self.averaged


def length_of(job: TrainingJob) -> Length:
    """Return the length of a training on all its clips."""
    training = job.resolved.recipe.training
    each = training.steps_per_epoch or max(1, round(len(job.fold.train) / training.batch_size))
    return Length(each, training.epochs, 1 / (1 - training.ema_decay))


def with_enough_batches(job: TrainingJob, *, keep_epochs: bool = False) -> TrainingJob:
    """Return the training with at least `MIN_BATCHES` batches; longer ones are returned as they are.

    The epochs are the fewest with so many batches. The average of the weights is over at most a sixth of all batches,
    so that it is filled three times in the second half. A recipe with early stopping (`patience`) keeps it, and its
    epochs are then a maximum.

    Args:
        job: the training.
        keep_epochs: keep the number of epochs, because the user named it; the average is still shortened.

    """
    length = length_of(job)
    training = job.resolved.recipe.training
    if length.batches >= MIN_BATCHES:
        return job
    epochs = length.epochs if keep_epochs else math.ceil(MIN_BATCHES / length.batches_per_epoch)
    longest = max(1.0, AVERAGED_SHARE * length.batches_per_epoch * epochs)
    decay = min(training.ema_decay, 1 - 1 / longest)
    recipe = replace(job.resolved.recipe, training=replace(training, epochs=epochs, ema_decay=decay))
    return job.with_recipe(replace(job.resolved, recipe=recipe))
