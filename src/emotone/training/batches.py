"""Balanced batches of random crops, each epoch a function of the seed and its number alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.augment.base import Augmentation, augment, reach

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


@dataclass(frozen=True)
class Drawing:
    """How batches are drawn.

    Attributes:
        batch: examples per batch; the last batch is as full as the others (batch norm needs it).
        crop: frames seen of each example, from a random place.
        balance: see `sampling_probabilities`.
        augmentations: applied to each crop in turn.
        equal: whether each label gets the same number of places in a batch.
        steps: batches of an epoch; 0 draws as many examples as there are.
        least: frames of the example that a crop holds at least; 0 keeps crops within the example.

    """

    batch: int
    crop: int
    balance: float
    augmentations: tuple[Augmentation, ...] = ()
    equal: bool = False
    steps: int = 0
    least: int = 0

    def steps_of(self, examples: int) -> int:
        """Return the number of batches in an epoch, at least one."""
        return self.steps or max(1, round(examples / self.batch))


def epoch_batches(examples: Examples, drawing: Drawing, *, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield the batches of one epoch, drawn with replacement.

    Args:
        examples: to draw from.
        drawing: how.
        rng: every draw of the epoch comes from it.

    """
    chances = sampling_probabilities(examples.labels, examples.corpora, balance=drawing.balance)
    steps = drawing.steps_of(len(examples))
    choices = (
        _equal_shares(examples.labels, chances, (steps, drawing.batch), rng)
        if drawing.equal
        else rng.choice(len(examples), (steps, drawing.batch), p=chances)
    )
    # What makes a crop shorter is given more, so that as much is left.
    wide = math.ceil(drawing.crop * reach(drawing.augmentations))
    held = drawing.least or wide
    for chosen in choices:
        crops = [_random_crop(examples.features[index], wide, held, rng) for index in chosen]
        changed = [augment(item, drawing.augmentations, rng)[: drawing.crop] for item in crops]
        inputs, lengths = pad(changed, drawing.crop)
        yield Batch(inputs, lengths, examples.labels[chosen])


def _equal_shares(
    labels: NDArray[np.int64], chances: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return examples [steps, batch]: as many of each label, and what is left over from labels drawn by lot."""
    steps, batch = shape
    present = np.unique(labels)
    places = np.empty((steps, batch), np.int64)
    each = batch // len(present)
    places[:, : each * len(present)] = np.repeat(present, each)
    for row in places:
        row[each * len(present) :] = rng.permutation(present)[: batch % len(present)]
    chosen = np.empty_like(places)
    for label in present:
        members = np.flatnonzero(labels == label)
        there = places == label
        chosen[there] = rng.choice(members, int(there.sum()), p=chances[members] / chances[members].sum())
    return chosen


def _random_crop(features: Array, length: int, held: int, rng: np.random.Generator) -> Array:
    """Return up to `length` rows from a random place that leaves `held` of them, where there are so many."""
    first = int(rng.integers(0, max(features.shape[0] - held, 0) + 1))
    return features[first : first + length]
