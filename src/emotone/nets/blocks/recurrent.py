"""Blocks over a fixed, small number of steps. Conventions as in `emotone.nets.blocks.base`; no lengths are needed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block


class StepLstm(Block):
    """An LSTM over all steps, whose outputs are concatenated: [batch, in, time] -> [batch, time x units].

    The steps are few, so they are computed one by one, which is also how they are exported.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(inputs, units)

    @property
    def description(self) -> str:
        """LSTM."""
        return "LSTM, outputs of all steps concatenated"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs of all steps."""
        state: tuple[Tensor, Tensor] | None = None
        outputs = []
        for step in x.unbind(dim=2):
            state = self.cell(step, state)
            outputs.append(state[0])
        return torch.cat(outputs, dim=1), lengths


class StepDense(Block):
    """A linear layer with tanh on each step, in place of an LSTM: [batch, in, time] -> [batch, time x units]."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units)

    @property
    def description(self) -> str:
        """Linear, tanh."""
        return "linear, tanh on each step, outputs concatenated"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs of all steps."""
        return torch.tanh(self.linear(x.transpose(1, 2))).flatten(1), lengths
