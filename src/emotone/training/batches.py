"""Balanced batches of random crops, each epoch a function of the seed and its number alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.augment.base import Augmentation, augment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from emotone.types import Array


@dataclass(frozen=True)
class Examples:
    """Labelled features in memory.

    Attributes:
        features: one [time, dimension] per example.
        labels: [examples] index of the label.
        corpora: [examples] index of the corpus.

    """

    features: tuple[Array, ...]
    labels: NDArray[np.int64]
    corpora: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class Batch:
    """Inputs [batch, time, dimension] with their valid lengths [batch], and labels [batch]."""

    inputs: Array
    lengths: NDArray[np.int64]
    labels: NDArray[np.int64]


def sampling_probabilities(
    labels: NDArray[np.int64], corpora: NDArray[np.int64], *, balance: float
) -> NDArray[np.float64]:
    """Return each example's chance of being drawn, summing to 1.

    A (corpus, label) pair with n examples is drawn with a chance proportional to n ** balance, shared by its
    examples.
    """
    pairs = corpora * (int(labels.max()) + 1) + labels
    _, where, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    chance = counts[where] ** (balance - 1.0)
    share: NDArray[np.float64] = chance / chance.sum()
    return share


def pad(features: list[Array], length: int | None = None) -> tuple[Array, NDArray[np.int64]]:
    """Return features stacked [batch, length, dimension], zeros behind each, and their lengths."""
    lengths = np.array([item.shape[0] for item in features], np.int64)
    stacked = np.zeros((len(features), length or int(lengths.max()), features[0].shape[1]), np.float32)
    for row, item in zip(stacked, features, strict=True):
        row[: item.shape[0]] = item
    return stacked, lengths


def epoch_batches(
    examples: Examples,
    *,
    batch: int,
    crop: int,
    balance: float,
    augmentations: tuple[Augmentation, ...],
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Yield the batches of one epoch: as many examples as there are, drawn with replacement.

    Args:
        examples: to draw from.
        batch: examples per batch; the last batch is as full as the others (batch norm needs it).
        crop: frames seen of each example, from a random place.
        balance: see `sampling_probabilities`.
        augmentations: applied to each crop in turn.
        rng: every draw of the epoch comes from it.

    """
    chances = sampling_probabilities(examples.labels, examples.corpora, balance=balance)
    steps = steps_per_epoch(len(examples), batch)
    for chosen in rng.choice(len(examples), (steps, batch), p=chances):
        crops = [_random_crop(examples.features[index], crop, rng) for index in chosen]
        inputs, lengths = pad([augment(item, augmentations, rng) for item in crops], crop)
        yield Batch(inputs, lengths, examples.labels[chosen])


def steps_per_epoch(examples: int, batch: int) -> int:
    """Return the number of batches in an epoch, at least one."""
    return max(1, round(examples / batch))


def _random_crop(features: Array, crop: int, rng: np.random.Generator) -> Array:
    first = int(rng.integers(0, max(features.shape[0] - crop, 0) + 1))
    return features[first : first + crop]
