"""What every block of a network has in common, and the network that runs blocks one after another.

Conventions: a block maps (x, lengths) to (x, lengths). `lengths` [batch] counts the valid steps in time of each item;
None means that all steps are valid, which is the form that is exported. Every block sets the steps after the valid ones
to zero, so that a convolution reads there what it reads beyond the end of a single input: its zero padding. A padded
batch therefore gives what its items give one by one.

A block describes itself (`description`, `time_kernel`); `emotone.nets.layers` derives layer tables from that.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Block(nn.Module):
    """A layer of a network, which maps (x, lengths) to (x, lengths)."""

    @property
    def description(self) -> str:
        """What the block computes, e.g. "convolution 3x3, ReLU"."""
        raise NotImplementedError

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - only blocks that read rows as samples need it
        """Return the number of input steps in time that one output step depends on.

        Args:
            dimension: values per row of the network's input.

        """
        return 1

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output and its lengths; None where the output has no time axis left to count."""
        raise NotImplementedError


class Network(nn.Module):
    """Named blocks, one after another; the last one returns logits."""

    def __init__(self, blocks: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(OrderedDict(blocks))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return logits [batch, classes] of x [batch, time, dimension]."""
        for block in self.blocks.values():
            x, lengths = block(x, lengths)
        return x


class BlockChain(Block):
    """Several blocks as one, repeated `repeats` times in the description."""

    def __init__(self, blocks: Sequence[Block], *, repeats: int) -> None:
        super().__init__()
        self.repeats = repeats
        self.blocks = nn.ModuleList(blocks)

    @property
    def description(self) -> str:
        """The number of repetitions, and what one of them computes."""
        one = [str(block.description) for block in self.blocks[: len(self.blocks) // self.repeats]]
        return f"{self.repeats} x ({', '.join(one)})"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the output of the last block."""
        for block in self.blocks:
            x, lengths = block(x, lengths)
        return x, lengths


class DropoutBlock(Block):
    """Dropout of single values."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(rate)

    @property
    def description(self) -> str:
        """The share of values that are dropped."""
        return f"dropout {self.dropout.p:g}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return x, in training with dropped values, and the unchanged lengths."""
        return self.dropout(x), lengths


def valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """Return booleans [batch, steps]: true where a step belongs to the item."""
    return torch.arange(steps, device=lengths.device)[None, :] < lengths[:, None]


def mask_time(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return x [batch, ..., time] with zeros after the valid steps of each item."""
    if lengths is None:
        return x
    mask = valid_steps(lengths, x.shape[-1]).to(x.dtype)
    return x * mask.reshape(mask.shape[0], *[1] * (x.ndim - 2), mask.shape[1])


def reversed_steps(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return x [batch, time, values] with each item's own steps in reverse order; what follows them is arbitrary."""
    if lengths is None:
        return x.flip(1)
    places = (lengths[:, None] - 1 - torch.arange(x.shape[1], device=x.device)).clamp(min=0)
    return x.gather(1, places[:, :, None].expand_as(x))


def initialise_for_relu(layer: nn.Conv2d | nn.Linear) -> None:
    """Initialise weights so that signals keep their scale through many ReLU layers without normalisation; in place.

    Reference: He, Zhang, Ren, Sun, Delving deep into rectifiers, ICCV 2015.
    """
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


LengthAware = Network  # TODO: remove once no module uses the old name
