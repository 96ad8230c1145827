"""A small training, comparisons of two of them, and one that can be divided."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tests.toy import TINY_NET, separable

from emotone.augment.augmentations.log_mel import SpecMask
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes.training import TrainingSettings
from emotone.training.batches import Examples, Task
from emotone.training.classification import train
from emotone.training.processes import current

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from emotone.nets.blocks.base import Network
    from emotone.training.loop import Epoch, TrainingResult


# ----------------------------------------------------------------------------------------------------------------------
# A small training, and comparisons of two of them.

NOTHING = Examples((), np.zeros(0, np.int64), np.zeros(0, np.int64))


SETTINGS = TrainingSettings(epochs=4, batch_size=8, learning_rate=0.01, crop_seconds=0.4, ema_decay=0.8, patience=10)

KERAS = TrainingSettings(
    epochs=2,
    batch_size=7,
    learning_rate=1.0,
    weight_decay=0.0,
    warmup=0.0,
    label_smoothing=0.0,
    ema_decay=0.0,
    crop_seconds=0.4,
    schedule="constant",
    grad_clip_norm=0.0,
    sampling="shuffled",
    optimizer="adadelta",
    crop_mode="start",
)


def build() -> Network:
    return LogMelCnn(**TINY_NET).build(64, 2)


def task(**changes: Any) -> Task:
    fields: dict[str, Any] = {
        "train": separable(24),
        "development": separable(10, seed=7, corpora=2),
        "hop_seconds": 0.01,
        "window": 60,
        "hop": 20,
        "signature": "f00d",
        "seed": 3,
    }
    return Task(**{**fields, **changes})


def run(
    settings: TrainingSettings = SETTINGS, *, of: Task | None = None, **options: Any
) -> tuple[Network, TrainingResult]:
    return train(build, of or task(), settings, augmentations=(SpecMask(),), **options)


def same_weights(first: Network, second: Network) -> bool:
    one, two = first.state_dict(), second.state_dict()
    return set(one) == set(two) and all(torch.equal(one[name], two[name]) for name in one)


def timeless(history: tuple[Epoch, ...]) -> list[Epoch]:
    return [replace(epoch, seconds=0.0) for epoch in history]


# ----------------------------------------------------------------------------------------------------------------------
# A training that can be divided exactly: no layer depends on the batch, and nothing is random but the batches.


class Plain(torch.nn.Module):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = torch.nn.Linear(64, 8), torch.nn.Linear(8, 2)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002 - padding counts too
        logits: Tensor = self.two(torch.relu(self.one(x)).mean(dim=1))
        return logits


def trained(checkpoint: Path, *, lost: Path | None = None) -> tuple[list[tuple[float, float | None]], float]:
    """Return the loss and score of every epoch, and the sum of all weights.

    Args:
        checkpoint: of the training.
        lost: where given, the second process kills itself in the second epoch, unless this file exists.

    """

    def progress(epoch: Epoch) -> None:
        if lost is not None and epoch.number == 2 and current().rank == 1 and not lost.exists():
            lost.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    build: Any = Plain
    settings = replace(SETTINGS, batch_size=9, mixup=0.2, sampling="shuffled")
    torch.set_num_threads(1)
    net, result = train(build, task(train=separable(24)), settings, checkpoint=checkpoint, progress=progress)
    total = sum(float(one.detach().double().abs().sum()) for one in net.parameters())
    return [(one.loss, one.score) for one in result.history], total
