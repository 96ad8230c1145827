"""Recurrent blocks: gated recurrent units, and an LSTM over a fixed, small number of steps, which needs no lengths.

Conventions as in `emotone.nets.blocks.base`; sequences are [batch, time, values].

Gated recurrent units. Both variants are exported as the operator GRU of ONNX, which is as fast as a matrix product
per step. They differ in where the reset gate r acts on the last output h. With gates z and r, input x and activation f:

- Cho's first version, as torch has it: n = f(W x + b + r (U h + c));
- its revision, as Keras 2 has it:      n = f(W x + b + U (r h)).

In both, the output is z h + (1 - z) n.

Reference: Cho et al., Learning phrase representations using RNN encoder-decoder, arXiv:1406.1078, versions 1 and 3.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, mask_time, reversed_steps

Activation: TypeAlias = Literal["tanh", "relu"]
GATES = 3
_PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")  # of each direction of torch's GRU
OPSET = 18  # of the exported operator


class GruLayer(Block):
    """A bidirectional GRU: [batch, time, in] -> [batch, time, 2 x units].

    The backward direction begins at the last valid step of each item.

    Args:
        inputs: values per step.
        units: of each direction.

    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.gru = nn.GRU(inputs, units, batch_first=True, bidirectional=True)

    @property
    def description(self) -> str:
        """Units."""
        return f"bidirectional GRU of {self.gru.hidden_size} units"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs of all steps, 0 after the valid ones, and the unchanged lengths."""
        return run_gru(self.gru, x, lengths), lengths


class RevisedGru(Block):
    """A GRU whose reset gate acts before the product, as in Keras 2: [batch, time, in] -> [batch, time, units].

    The gates are hard sigmoids, max(0, min(1, 0.2 x + 0.5)). In both directions it returns twice the units: the outputs
    of the one, then those of the other.

    Args:
        inputs: values per step.
        units: of each direction.
        activation: of the outputs.
        bidirectional: whether a second one reads the steps from the last to the first.

    """

    def __init__(self, inputs: int, units: int, *, activation: Activation, bidirectional: bool = False) -> None:
        super().__init__()
        self.units = units
        self.activation = activation
        self.ahead = GruWeights(inputs, units)
        self.back = GruWeights(inputs, units) if bidirectional else None

    @property
    def description(self) -> str:
        """Units, activation and directions."""
        both = "" if self.back is None else ", in both directions"
        return f"GRU of {self.units} units, reset before the product, {self.activation}{both}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs of all steps, 0 after the valid ones, and the unchanged lengths."""
        both = [self.ahead] if self.back is None else [self.ahead, self.back]
        if x.is_meta:  # only shapes count: thousands of steps would be computed one by one
            return x.new_empty(*x.shape[:2], self.units * len(both)), lengths
        if torch.compiler.is_exporting():
            weights = [torch.stack([getattr(each, name) for each in both]) for name in ("input", "state", "bias")]
            weights[2] = torch.cat([weights[2], torch.zeros_like(weights[2])], dim=1)
            names = ["HardSigmoid", "Relu" if self.activation == "relu" else "Tanh"] * len(both)
            return _exported(x, *weights, units=self.units, attributes={"activations": names}), lengths
        y = self._steps(self.ahead, x)
        if self.back is not None:
            y = torch.cat([y, reversed_steps(self._steps(self.back, reversed_steps(x, lengths)), lengths)], dim=2)
        return mask_time(y.transpose(1, 2), lengths).transpose(1, 2), lengths

    def _steps(self, weights: GruWeights, x: Tensor) -> Tensor:
        own = nn.functional.linear(x, weights.input, weights.bias)
        gates, new = own[..., : 2 * self.units], own[..., 2 * self.units :]
        of_gates, of_new = weights.state[: 2 * self.units].t(), weights.state[2 * self.units :].t()
        state = x.new_zeros(len(x), self.units)
        outputs = []
        for step in range(x.shape[1]):
            update, reset = (0.2 * (gates[:, step] + state @ of_gates) + 0.5).clamp(0.0, 1.0).chunk(2, dim=1)
            candidate = new[:, step] + (reset * state) @ of_new
            candidate = torch.relu(candidate) if self.activation == "relu" else torch.tanh(candidate)
            state = candidate + update * (state - candidate)
            outputs.append(state)
        return torch.stack(outputs, dim=1)


class GruWeights(nn.Module):
    """The weights of one direction: gates in the order update, reset, new.

    Args:
        inputs: values per step.
        units: outputs per step.

    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.empty(GATES * units, inputs))
        self.state = nn.Parameter(torch.empty(GATES * units, units))
        self.bias = nn.Parameter(torch.zeros(GATES * units))
        nn.init.xavier_uniform_(self.input)
        for gate in self.state.data.chunk(GATES):
            nn.init.orthogonal_(gate)


def run_gru(gru: nn.GRU, x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the outputs [batch, time, directions x units] of a GRU of one layer, 0 after the valid steps.

    Args:
        gru: with `batch_first`.
        x: [batch, time, in].
        lengths: valid steps of each item [batch]; None if all are valid.

    """
    if x.is_meta:  # only shapes count: torch has no kernel there
        return x.new_empty(*x.shape[:2], gru.hidden_size * (2 if gru.bidirectional else 1))
    if torch.compiler.is_exporting():
        ends = ("", "_reverse") if gru.bidirectional else ("",)

        def stacked(name: str) -> Tensor:
            return torch.stack([_update_first(gru.get_parameter(f"{name}_l0{end}"), gru.hidden_size) for end in ends])

        biases = torch.cat([stacked("bias_ih"), stacked("bias_hh")], dim=1)
        return _exported(
            x,
            stacked("weight_ih"),
            stacked("weight_hh"),
            biases,
            units=gru.hidden_size,
            attributes={"linear_before_reset": 1},
        )
    if lengths is None:
        return gru(x)[0]  # type: ignore[no-any-return]
    # Not with torch's packed sequences: their gradient takes time that is quadratic in the number of steps.
    given = x[:, : int(lengths.max())]
    outputs = _one_direction(gru, given, "")
    if gru.bidirectional:
        backward = _one_direction(gru, reversed_steps(given, lengths), "_reverse")
        outputs = torch.cat([outputs, reversed_steps(backward, lengths)], dim=2)
    outputs = mask_time(outputs.transpose(1, 2), lengths).transpose(1, 2)
    return nn.functional.pad(outputs, (0, 0, 0, x.shape[1] - given.shape[1]))


def _one_direction(gru: nn.GRU, x: Tensor, end: str) -> Tensor:
    """Return the outputs [batch, time, units] of the direction whose parameters' names have this end."""
    weights: list[Tensor] = [gru.get_parameter(f"{name}_l0{end}") for name in _PARAMETERS]
    state = x.new_zeros(1, len(x), gru.hidden_size)
    outputs: Tensor = torch.gru(x, state, weights, True, 1, 0.0, gru.training, False, True)[0]
    return outputs


def _update_first(weights: Tensor, units: int) -> Tensor:
    """Return weights with the gates in ONNX's order: update, reset, new; torch has reset, update, new."""
    return torch.cat([weights[units : 2 * units], weights[:units], weights[2 * units :]])


def _exported(
    x: Tensor, weights: Tensor, states: Tensor, biases: Tensor, *, units: int, attributes: dict[str, int | list[str]]
) -> Tensor:
    """Return the outputs [batch, time, directions x units] of ONNX's operator, of which only shapes are computed here.

    Args:
        x: [batch, time, in].
        weights: [directions, 3 x units, in].
        states: [directions, 3 x units, units].
        biases: [directions, 6 x units].
        units: of each direction.
        attributes: of the operator, besides direction and units.

    """
    steps = x.transpose(0, 1)
    directions = len(weights)
    y = torch.onnx.ops.symbolic(
        "GRU",
        (steps, weights, states, biases),
        attrs={
            "hidden_size": units,
            "direction": "bidirectional" if directions == 2 else "forward",
            **attributes,
        },
        dtype=x.dtype,
        shape=(steps.shape[0], directions, steps.shape[1], units),
        version=OPSET,
    )
    return y.permute(2, 0, 1, 3).flatten(2)


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
