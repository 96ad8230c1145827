"""Cleaning of values before a network, fitted to its training data. Conventions as in `emotone.nets.blocks.base`.

Each block works on the last axis, whatever comes before it. Before it is fitted it returns its input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from emotone.nets.blocks.base import Block

if TYPE_CHECKING:
    from emotone.types import Array

DRAWN = 1000  # values, whose median replaces anomalies
UNLIMITED = 1e30


class FittedBlock(Block):
    """A block whose tensors are statistics of the training data, computed before the first epoch and then constant."""

    def fit(self, rows: Array, rng: np.random.Generator) -> Array:
        """Fit the tensors to rows [count, values] of the training data, and return the rows that the block makes.

        Args:
            rows: the output of the blocks before for the training data.
            rng: generator of every random draw.

        """
        raise NotImplementedError


class Limits(FittedBlock):
    """Values outside the range of nearly all training values are replaced by a median.

    Args:
        values: size of the last axis.
        share: of the training values that lie outside the range, half of them at either end; 0 replaces none.

    Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), section 2: anomalous
    points, about 0.5 % of the values, are replaced by "the median of 1000 randomly selected points".

    """

    low: Tensor
    high: Tensor
    median: Tensor

    def __init__(self, values: int, *, share: float) -> None:
        super().__init__()
        self.share = share
        self.register_buffer("low", torch.full((values,), -UNLIMITED))
        self.register_buffer("high", torch.full((values,), UNLIMITED))
        self.register_buffer("median", torch.zeros(values))

    @property
    def description(self) -> str:
        """Replaced values."""
        return "anomalous values replaced by the median"

    def fit(self, rows: Array, rng: np.random.Generator) -> Array:
        """Fit the range and the median of each value, and return the rows with replaced anomalies."""
        if self.share > 0:
            low, high = np.quantile(rows, [self.share / 2, 1 - self.share / 2], axis=0)
            self.low.copy_(torch.from_numpy(low.astype(np.float32)))
            self.high.copy_(torch.from_numpy(high.astype(np.float32)))
        drawn = rows[rng.integers(0, len(rows), DRAWN)]
        self.median.copy_(torch.from_numpy(np.median(drawn, axis=0).astype(np.float32)))
        cleaned: Array = self(torch.from_numpy(rows), None)[0].numpy()
        return cleaned

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values, anomalous ones replaced, and the unchanged lengths."""
        return torch.where((x < self.low) | (x > self.high), self.median, x), lengths


class Centre(FittedBlock):
    """Each value minus its mean over the training data.

    Args:
        values: size of the last axis.

    """

    mean: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(values))

    @property
    def description(self) -> str:
        """Mean subtraction."""
        return "mean subtraction"

    def fit(self, rows: Array, rng: np.random.Generator) -> Array:  # noqa: ARG002 - nothing is drawn
        """Fit the mean of each value, and return the centred rows."""
        self.mean.copy_(torch.from_numpy(rows.mean(axis=0, dtype=np.float64).astype(np.float32)))
        centred: Array = rows - self.mean.numpy()
        return centred

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the centred values and the unchanged lengths."""
        return x - self.mean, lengths


class Scale(FittedBlock):
    """Each value divided by its standard deviation over the training data; a constant one is unchanged.

    Args:
        values: size of the last axis.

    """

    deviation: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        self.register_buffer("deviation", torch.ones(values))

    @property
    def description(self) -> str:
        """Scaling."""
        return "division by the standard deviation"

    def fit(self, rows: Array, rng: np.random.Generator) -> Array:  # noqa: ARG002 - nothing is drawn
        """Fit the deviation of each value, and return the scaled rows."""
        deviation = rows.std(axis=0, dtype=np.float64).astype(np.float32)
        self.deviation.copy_(torch.from_numpy(np.where(deviation > 0, deviation, np.float32(1))))
        scaled: Array = rows / self.deviation.numpy()
        return scaled

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the scaled values and the unchanged lengths."""
        return x / self.deviation, lengths
