"""A small training, and comparisons of two of them."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network
    from emotone.training.checkpoint import Epoch
    from emotone.training.loop import TrainingResult


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
