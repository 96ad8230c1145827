"""Building blocks of the multi-domain network. Conventions as in `emotone.nets.blocks.base`.

From the first block on every input has the same number of samples, so there are no lengths to pass on. Dropout lies
in the block that it follows: where that block is frozen, nothing of it is dropped.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import valid

SILENCE = 1e-5  # deviation below which a signal is not raised: -100 dBFS, under 16-bit quantisation noise


class Clip(nn.Module):
    """Rows of samples to one signal of fixed length, mean 0 and deviation 1: [batch, time, dimension] -> [batch, 1, S].

    What lies behind `samples` is cut off; zeros are put behind a shorter signal, and don't count for its mean.
    """

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the signal; all of it is valid from here on, so None comes back."""
        y = x.flatten(1)
        mask = torch.ones_like(y) if lengths is None else valid(lengths * x.shape[2], y.shape[1]).to(y.dtype)
        y, mask = self._fit(y * mask), self._fit(mask)
        count = mask.sum(dim=1, keepdim=True)
        y = (y - y.sum(dim=1, keepdim=True) / count) * mask
        deviation = ((y * y).sum(dim=1, keepdim=True) / count).sqrt()
        return (y / deviation.clamp(min=SILENCE)).unsqueeze(1), None

    def _fit(self, y: Tensor) -> Tensor:
        return nn.functional.pad(y, (0, self.samples))[:, : self.samples]


class Conv(nn.Module):
    """Convolution, ReLU, the largest of each `pool` steps, dropout: [batch, in, time] -> [batch, out, time']."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, dropout: float, pool: int = 1) -> None:
        super().__init__()
        self.pool = pool
        self.convolution = nn.Conv1d(inputs, outputs, kernel, stride)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output; what does not fill a pool is left out."""
        x = torch.relu(self.convolution(x))
        if self.pool > 1:
            x = nn.functional.max_pool1d(x, self.pool)
        return self.dropout(x), lengths


class Recurrent(nn.Module):
    """An LSTM over all steps, whose outputs are laid side by side: [batch, in, time] -> [batch, time x units].

    Steps are few, so they are gone through one by one, which is also how they are exported.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(inputs, units)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs of all steps."""
        state: tuple[Tensor, Tensor] | None = None
        outputs = []
        for step in x.unbind(dim=2):
            state = self.cell(step, state)
            outputs.append(state[0])
        return torch.cat(outputs, dim=1), lengths


class Alone(nn.Module):
    """In an LSTM's place: one layer that hears each step by itself: [batch, in, time] -> [batch, time x units]."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs of all steps."""
        return torch.tanh(self.linear(x.transpose(1, 2))).flatten(1), lengths


class Dense(nn.Module):
    """A linear layer, tanh, dropout: [batch, in] -> [batch, out]."""

    def __init__(self, inputs: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs."""
        return self.dropout(torch.tanh(self.linear(x))), lengths


class Scores(nn.Module):
    """A linear layer to logits: [batch, in] -> [batch, classes]."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the logits."""
        return self.linear(x), lengths
