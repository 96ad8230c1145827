"""Batches of crops, balanced or of every example once, each epoch a function of the seed and its number alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.augment.base import Augmentation, augment, reach
from emotone.features.windows import window_starts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from emotone.recipes.training import CropMode, Sampling
    from emotone.types import Array


@dataclass(frozen=True)
class Examples:
    """Labelled features in memory.

    Attributes:
        features: one [time, dimension] per example.
        labels: [examples] index of the label.
        corpora: [examples] index of the corpus.
        starts: first frame of each window that is learned from or judged, at least one per example; None for all.

    """

    features: tuple[Array, ...]
    labels: NDArray[np.int64]
    corpora: NDArray[np.int64]
    starts: tuple[NDArray[np.int64], ...] | None = None

    def __len__(self) -> int:
        return len(self.features)

    def windows(self, *, window: int, hop: int, least: int) -> tuple[NDArray[np.int64], ...]:
        """Return the first frame of each window of each example; see `emotone.features.windows`."""
        if self.starts is not None:
            return self.starts
        return tuple(window_starts(rows.shape[0], window=window, hop=hop, least=least) for rows in self.features)


@dataclass(frozen=True)
class Outputs:
    """What the frozen blocks of a net made of labelled windows: inputs of its other blocks.

    Attributes:
        values: [windows, ...].
        lengths: [windows] valid steps in time; None where no time is left.
        labels: [windows] index of the label.
        corpora: [windows] index of the corpus.
        counts: [recordings] windows of each, which stand one after another.

    """

    values: Array
    lengths: NDArray[np.int64] | None
    labels: NDArray[np.int64]
    corpora: NDArray[np.int64]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, chosen: NDArray[np.int64] | slice) -> Batch:
        """Return some of them."""
        lengths = None if self.lengths is None else self.lengths[chosen]
        return Batch(self.values[chosen], lengths, self.labels[chosen])


@dataclass(frozen=True)
class Batch:
    """Inputs [batch, time, dimension], or outputs of frozen blocks, with valid lengths [batch], and labels [batch]."""

    inputs: Array
    lengths: NDArray[np.int64] | None
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Mixture:
    """A batch of sums of two examples.

    Attributes:
        batch: the sums, with the labels of the first ones.
        others: [batch] labels of the second ones.
        share: of the first ones.

    """

    batch: Batch
    others: NDArray[np.int64]
    share: float


def mix(batch: Batch, evenness: float, rng: np.random.Generator) -> Mixture:
    """Return each example of a batch added to another one of it: mixup.

    One share is drawn for all of a batch, as the authors do. Of two lengths the larger one counts: what was padding
    of the shorter example holds sound of the other.

    Args:
        batch: at least one example.
        evenness: of Beta(evenness, evenness), from which the share is drawn; near 0 hardly anything is mixed, at 1
            every share is as likely.
        rng: of both draws.

    References: H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, mixup: Beyond empirical risk minimization, ICLR 2018.

    """
    share = np.float32(rng.beta(evenness, evenness))
    order = rng.permutation(len(batch.labels))
    inputs = share * batch.inputs + (1 - share) * batch.inputs[order]
    lengths = None if batch.lengths is None else np.maximum(batch.lengths, batch.lengths[order])
    return Mixture(Batch(inputs, lengths, batch.labels), batch.labels[order], float(share))


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
        batch_size: examples per batch, the last one included unless examples are shuffled (batch normalisation
            needs full batches).
        crop_frames: frames seen of each example.
        balance: see `sampling_probabilities`.
        augmentations: applied to each crop in turn.
        sampling: see `TrainingSettings`, here and below.
        steps_per_epoch: batches of an epoch; 0 draws as many examples as there are.
        least: frames of the example that a random crop holds at least; 0 keeps crops within the example.
        crop_mode: "grid" asks for windows as examples (see `cut_windows`); they are seen from their start too.

    """

    batch_size: int
    crop_frames: int
    balance: float
    augmentations: tuple[Augmentation, ...] = ()
    sampling: Sampling = "weighted"
    steps_per_epoch: int = 0
    least: int = 0
    crop_mode: CropMode = "random"

    @property
    def wide(self) -> int:
        """Frames taken of each example: what makes a crop shorter is given more, so that as much is left."""
        return math.ceil(self.crop_frames * reach(self.augmentations))

    def steps_of(self, examples: int) -> int:
        """Return the number of batches in an epoch, at least one."""
        if self.sampling == "shuffled":
            full, left = divmod(examples, self.batch_size)
            return max(1, full + (left > 1))
        return self.steps_per_epoch or max(1, round(examples / self.batch_size))


def cut_windows(examples: Examples, *, window: int, hop: int, least: int, wide: int) -> Examples:
    """Return each window of each example as an example of its own; nothing is copied.

    Args:
        examples: recordings, each with one window at least.
        window: frames of a window; this and the next two as in `emotone.features.windows`.
        hop: frames between windows.
        least: frames that a window holds at least.
        wide: frames that are given from a window's start on, where the recording has them.

    """
    starts = examples.windows(window=window, hop=hop, least=least)
    counts = [len(given) for given in starts]
    return Examples(
        tuple(
            rows[first : first + wide]
            for rows, given in zip(examples.features, starts, strict=True)
            for first in given.tolist()
        ),
        np.repeat(examples.labels, counts),
        np.repeat(examples.corpora, counts),
    )


def epoch_batches(examples: Examples | Outputs, drawing: Drawing, *, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield the batches of one epoch; examples are drawn with replacement, unless they are shuffled.

    Args:
        examples: to draw from; outputs of windows are taken as they are.
        drawing: how.
        rng: every draw of the epoch comes from it.

    """
    wide = drawing.wide
    held = drawing.least or wide
    for chosen in _choices(examples, drawing, rng):
        if isinstance(examples, Outputs):
            yield examples.batch(chosen)
            continue
        crops = [examples.features[index] for index in chosen]
        if drawing.crop_mode == "random":
            crops = [_random_crop(rows, wide, held, rng) for rows in crops]
        changed = [augment(rows[:wide], drawing.augmentations, rng)[: drawing.crop_frames] for rows in crops]
        inputs, lengths = pad(changed, drawing.crop_frames)
        yield Batch(inputs, lengths, examples.labels[chosen])


def _choices(examples: Examples | Outputs, drawing: Drawing, rng: np.random.Generator) -> Iterable[NDArray[np.int64]]:
    """Return the examples of each batch of an epoch."""
    steps, batch = drawing.steps_of(len(examples)), drawing.batch_size
    if drawing.sampling == "shuffled":
        order = rng.permutation(len(examples))
        return [order[first : first + batch] for first in range(0, steps * batch, batch)]
    chances = sampling_probabilities(examples.labels, examples.corpora, balance=drawing.balance)
    if drawing.sampling == "balanced":
        return _equal_shares(examples.labels, chances, (steps, batch), rng)
    return rng.choice(len(examples), (steps, batch), p=chances)


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
