"""How long to train on few clips: enough batches to change the model, and an average of weights over the last of them.

Recipes state epochs, which are right for the corpora that they were written for. With few clips an epoch has few
batches: ten epochs on 40 clips are 30 batches, after which weights averaged over a hundred batches are still those of
the start. The number of batches is therefore raised to that of the learning curves in docs/results/transfer.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emotone.fitting.train import TrainingJob

MIN_BATCHES = 200  # as in the learning curves of docs/results/transfer.md
AVERAGED_SHARE = 1 / 6  # of the batches that the average of the weights is over at most
FILLED = 3  # lengths of the average after which the initial weights do not matter


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
