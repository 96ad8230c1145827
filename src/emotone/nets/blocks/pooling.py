"""Blocks that pool over time. Conventions as in `emotone.nets.blocks.base`; signals are [batch, channels, time]."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, valid_steps


class AttentiveStatistics(Block):
    """Mean and standard deviation over time with learned weights of the steps: [batch, in, time] -> [batch, 2 in].

    Reference: Okabe, Koshinaka, Shinoda, Attentive statistics pooling for deep speaker embedding, Interspeech 2018.
    """

    def __init__(self, inputs: int, *, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv1d(inputs, hidden, 1)
        self.weigh = nn.Conv1d(hidden, inputs, 1)

    @property
    def description(self) -> str:
        """Attentive statistics."""
        return "attentive mean and deviation over time"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the statistics; the time axis is gone, so the lengths are None."""
        energy = self.weigh(torch.tanh(self.squeeze(x)))
        if lengths is not None:
            energy = energy.masked_fill(~valid_steps(lengths, x.shape[2])[:, None, :], float("-inf"))
        weight = torch.softmax(energy, dim=2)
        mean = (weight * x).sum(dim=2)
        variance = (weight * x * x).sum(dim=2) - mean * mean
        return torch.cat([mean, variance.clamp(min=1e-5).sqrt()], dim=1), None


class MeanOverTime(Block):
    """The mean over the valid steps: [batch, channels, time] -> [batch, channels]."""

    @property
    def description(self) -> str:
        """Mean over time."""
        return "mean over time"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the mean; the time axis is gone, so the lengths are None."""
        if lengths is None:
            return x.mean(dim=2), None
        mask = valid_steps(lengths, x.shape[2])[:, None, :].to(x.dtype)
        return (x * mask).sum(dim=2) / lengths[:, None].to(x.dtype), None
