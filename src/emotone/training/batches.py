"""Labelled examples and their batches: each epoch is a function of the seed and the epoch number alone."""

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


SHUFFLED = {"shuffled", "sorted-first"}  # kinds of sampling that use every example once per epoch


@dataclass(frozen=True)
class Examples:
    """Labelled features in memory.

    Attributes:
        features: one array [time, dimension] per example.
        labels: [examples] index of the label.
        corpora: [examples] index of the corpus.
        starts: first frame of each window to use, at least one per example; None for all windows.

    """

    features: tuple[Array, ...]
    labels: NDArray[np.int64]
    corpora: NDArray[np.int64]
    starts: tuple[NDArray[np.int64], ...] | None = None

    def __len__(self) -> int:
        return len(self.features)

    def by_duration(self) -> NDArray[np.int64]:
        """Return the indices of the examples, the shortest first; equally long ones keep their order."""
        return np.argsort([len(rows) for rows in self.features], kind="stable")

    def window_starts(self, *, window: int, hop: int, min_frames: int) -> tuple[NDArray[np.int64], ...]:
        """Return the first frame of each window of each example; see `emotone.features.windows`."""
        if self.starts is not None:
            return self.starts
        return tuple(window_starts(len(rows), window=window, hop=hop, min_frames=min_frames) for rows in self.features)


@dataclass(frozen=True)
class PrefixOutputs:
    """Outputs of a network's frozen first blocks for labelled windows: inputs of the remaining blocks.

    Attributes:
        values: [windows, ...].
        lengths: [windows] valid time steps; None if the blocks reduce the time axis.
        labels: [windows] index of the label.
        corpora: [windows] index of the corpus.
        counts: [recordings] number of windows of each recording; its windows are adjacent.

    """

    values: Array
    lengths: NDArray[np.int64] | None
    labels: NDArray[np.int64]
    corpora: NDArray[np.int64]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def by_duration(self) -> NDArray[np.int64]:
        """Return the indices of the windows, the shortest first; without a time axis they are equally long."""
        return np.arange(len(self)) if self.lengths is None else np.argsort(self.lengths, kind="stable")

    def batch(self, chosen: NDArray[np.int64] | slice) -> Batch:
        """Return a batch of some of the windows."""
        lengths = None if self.lengths is None else self.lengths[chosen]
        return Batch(self.values[chosen], lengths, self.labels[chosen])


@dataclass(frozen=True)
class Task:
    """The data of one classification training, with the window layout and the seed.

    Attributes:
        train: training examples, or the outputs of the network's frozen blocks for them.
        development: examples that select the epoch; may be empty. As `train`.
        hop_seconds: seconds per frame of the features.
        window: frames per window when the development part is scored.
        hop: frames between those windows.
        signature: identifies everything that affects the result; guards the checkpoint.
        seed: of every random draw.
        min_frames: minimum frames of the example in a window and in a random crop; 0 aligns the last window to the
            end instead.
        heads: head of each label if the network has several heads (see `emotone.training.classification`).

    """

    train: Examples | PrefixOutputs
    development: Examples | PrefixOutputs
    hop_seconds: float
    window: int
    hop: int
    signature: str
    seed: int
    min_frames: int = 0
    heads: tuple[int, ...] = ()

    def windows(self, examples: Examples) -> list[list[Array]]:
        """Return the windows [time, dimension] of each example."""
        starts = examples.window_starts(window=self.window, hop=self.hop, min_frames=self.min_frames)
        return [
            [rows[first : first + self.window] for first in firsts.tolist()]
            for rows, firsts in zip(examples.features, starts, strict=True)
        ]


@dataclass(frozen=True)
class Batch:
    """One batch of labelled inputs, possibly mixed with a permutation of itself.

    Attributes:
        inputs: [batch, time, dimension], or outputs of frozen blocks.
        lengths: [batch] valid time steps; None if every step is valid.
        labels: [batch] index of the label.
        mixed_labels: [batch] labels of the second examples of a mixup batch.
        weight: of the first examples of a mixup batch, from 0 to 1.

    """

    inputs: Array
    lengths: NDArray[np.int64] | None
    labels: NDArray[np.int64]
    mixed_labels: NDArray[np.int64] | None = None
    weight: float = 1.0


def mix(batch: Batch, alpha: float, rng: np.random.Generator) -> Batch:
    """Return the batch with each example mixed with another one of the batch (mixup).

    As in the original implementation, one weight is drawn per batch. The longer of two lengths applies, since the
    padding of the shorter example then contains values of the longer one.

    Args:
        batch: at least one example.
        alpha: parameter of Beta(alpha, alpha), from which the weight is drawn; near 0 batches are hardly mixed, at 1
            the weight is uniform.
        rng: generator of the weight and the permutation.

    References: H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, mixup: Beyond empirical risk minimization, ICLR 2018.

    """
    weight = np.float32(rng.beta(alpha, alpha))
    order = rng.permutation(len(batch.labels))
    inputs = weight * batch.inputs + (1 - weight) * batch.inputs[order]
    lengths = None if batch.lengths is None else np.maximum(batch.lengths, batch.lengths[order])
    return Batch(inputs, lengths, batch.labels, batch.labels[order], float(weight))


def sampling_probabilities(
    labels: NDArray[np.int64], corpora: NDArray[np.int64], *, balance: float
) -> NDArray[np.float64]:
    """Return the sampling probability of each example; they sum to 1.

    A (corpus, label) pair with n examples has a probability proportional to n ** balance, divided equally among its
    examples.
    """
    pairs = corpora * (int(labels.max()) + 1) + labels
    _, where, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    weights = counts[where] ** (balance - 1.0)
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def pad(features: list[Array], length: int | None = None) -> tuple[Array, NDArray[np.int64]]:
    """Return features stacked to [batch, length, dimension], padded with zeros at the end, and their lengths."""
    lengths = np.array([item.shape[0] for item in features], np.int64)
    stacked = np.zeros((len(features), length or int(lengths.max()), features[0].shape[1]), np.float32)
    for row, item in zip(stacked, features, strict=True):
        row[: item.shape[0]] = item
    return stacked, lengths


@dataclass(frozen=True)
class BatchSampler:
    """Samples and crops the batches of an epoch.

    Attributes:
        batch_size: examples per batch, the last one included unless examples are shuffled (batch normalisation needs
            full batches).
        crop_frames: frames of a crop.
        balance: see `sampling_probabilities`.
        augmentations: applied to each crop in order.
        sampling: see `TrainingSettings`, here and below.
        steps_per_epoch: batches per epoch; 0 derives it from the number of examples.
        min_frames: minimum frames of the example in a random crop; 0 keeps crops inside the example.
        crop_mode: "grid" expects windows as examples (see `split_windows`) and crops them at their start, as "start".

    """

    batch_size: int
    crop_frames: int
    balance: float
    augmentations: tuple[Augmentation, ...] = ()
    sampling: Sampling = "weighted"
    steps_per_epoch: int = 0
    min_frames: int = 0
    crop_mode: CropMode = "random"

    @property
    def source_frames(self) -> int:
        """Frames that a crop is computed from: more than its own if an augmentation may shorten it."""
        return math.ceil(self.crop_frames * reach(self.augmentations))

    def steps(self, examples: int) -> int:
        """Return the number of batches of an epoch, at least one."""
        if self.sampling in SHUFFLED:
            full, left = divmod(examples, self.batch_size)
            return max(1, full + (left > 1))
        return self.steps_per_epoch or max(1, round(examples / self.batch_size))

    def batches(
        self, examples: Examples | PrefixOutputs, *, rng: np.random.Generator, is_first: bool = False
    ) -> Iterator[Batch]:
        """Yield the batches of one epoch; examples are sampled with replacement unless they are shuffled.

        Args:
            examples: to sample from; outputs of frozen blocks are not cropped.
            rng: generator of every random draw of the epoch.
            is_first: whether it is the first epoch, which "sorted-first" sorts.

        """
        frames = self.source_frames
        kept = self.min_frames or frames
        for chosen in self._choices(examples, rng, is_first=is_first):
            if isinstance(examples, PrefixOutputs):
                yield examples.batch(chosen)
                continue
            crops = [examples.features[index] for index in chosen]
            if self.crop_mode == "random":
                crops = [_random_crop(rows, frames, kept, rng) for rows in crops]
            augmented = [augment(rows[:frames], self.augmentations, rng)[: self.crop_frames] for rows in crops]
            inputs, lengths = pad(augmented, self.crop_frames)
            yield Batch(inputs, lengths, examples.labels[chosen])

    def _choices(
        self, examples: Examples | PrefixOutputs, rng: np.random.Generator, *, is_first: bool
    ) -> Iterable[NDArray[np.int64]]:
        """Return the indices of the examples of each batch."""
        shape = self.steps(len(examples)), self.batch_size
        if self.sampling in SHUFFLED:
            is_sorted = is_first and self.sampling == "sorted-first"
            order = examples.by_duration() if is_sorted else rng.permutation(len(examples))
            return [order[first : first + self.batch_size] for first in range(0, math.prod(shape), self.batch_size)]
        probabilities = sampling_probabilities(examples.labels, examples.corpora, balance=self.balance)
        if self.sampling == "balanced":
            return _balanced_choices(examples.labels, probabilities, shape, rng)
        return rng.choice(len(examples), shape, p=probabilities)


def split_windows(examples: Examples, *, window: int, hop: int, min_frames: int, source_frames: int) -> Examples:
    """Return each window of each example as an example of its own; features are views, not copies.

    Args:
        examples: recordings, each with at least one window.
        window: frames per window; this and the next two as in `emotone.features.windows`.
        hop: frames between windows.
        min_frames: minimum frames of the recording in a window.
        source_frames: frames to include from the start of a window, as far as the recording has them.

    """
    starts = examples.window_starts(window=window, hop=hop, min_frames=min_frames)
    counts = [len(firsts) for firsts in starts]
    return Examples(
        tuple(
            rows[first : first + source_frames]
            for rows, firsts in zip(examples.features, starts, strict=True)
            for first in firsts.tolist()
        ),
        np.repeat(examples.labels, counts),
        np.repeat(examples.corpora, counts),
    )


def _balanced_choices(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return indices [steps, batch]: equally many of each label; labels for the remaining places are sampled."""
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
        mask = places == label
        weights = probabilities[members]
        chosen[mask] = rng.choice(members, int(mask.sum()), p=weights / weights.sum())
    return chosen


def _random_crop(features: Array, length: int, kept: int, rng: np.random.Generator) -> Array:
    """Return up to `length` rows from a random position with at least `kept` rows left, if there are so many."""
    first = int(rng.integers(0, max(features.shape[0] - kept, 0) + 1))
    return features[first : first + length]
