"""What every block of a network has in common, the network of blocks one after another, and blocks of many networks.

Conventions: a block maps (x, lengths) to (x, lengths). `lengths` [batch] counts the valid steps in time of each item;
None means that all steps are valid, which is the form that is exported. Every block sets the steps after the valid ones
to zero, so that a convolution reads there what it reads beyond the end of a single input: its zero padding. A padded
batch therefore gives what its items give one by one.

A block describes itself (`description`, `time_kernel`); `emotone.nets.layers` derives layer tables from that.

Of the blocks that pool over time, signals are [batch, channels, time]; after them, and in fully connected ones, the
time axis is gone.
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


class ReluDense(Block):
    """Linear and ReLU, after flattening an image: [batch, ...] -> [batch, out].

    Args:
        inputs: values of the image.
        outputs: units.
        slope: of a leaky ReLU for negative values; 0 gives ReLU.

    """

    def __init__(self, inputs: int, outputs: int, *, slope: float = 0.0) -> None:
        super().__init__()
        self.slope = slope
        self.linear = nn.Linear(inputs, outputs)
        initialise_for_relu(self.linear)

    @property
    def description(self) -> str:
        """Linear, ReLU."""
        return f"linear, leaky ReLU {self.slope:g}" if self.slope else "linear, ReLU"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values and the unchanged lengths."""
        y = self.linear(flatten_channels_last(x))
        return nn.functional.leaky_relu(y, self.slope) if self.slope else torch.relu(y), lengths


class TanhDense(Block):
    """Linear, tanh, dropout: [batch, in] -> [batch, out]."""

    def __init__(self, inputs: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.dropout = nn.Dropout(dropout)

    @property
    def description(self) -> str:
        """Linear, tanh, and the share of values that are dropped."""
        return f"linear, tanh, dropout {self.dropout.p:g}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values and the unchanged lengths."""
        return self.dropout(torch.tanh(self.linear(x))), lengths


class DropoutNorm(Block):
    """Dropout, then batch normalisation: [batch, values] -> [batch, values]."""

    def __init__(self, values: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.BatchNorm1d(values)

    @property
    def description(self) -> str:
        """Dropout, batch norm."""
        return "dropout, batch norm"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the normalised values and the unchanged lengths."""
        return self.norm(self.dropout(x)), lengths


class LinearClassifier(Block):
    """Linear to logits: [batch, in] -> [batch, classes]."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, classes)

    @property
    def description(self) -> str:
        """Linear."""
        return "linear"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the logits and the unchanged lengths."""
        return self.linear(x), lengths


class NormClassifier(Block):
    """Dropout, a hidden layer with batch normalisation and ReLU, dropout, logits: [batch, in] -> [batch, classes]."""

    def __init__(self, inputs: int, *, hidden: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, classes)

    @property
    def description(self) -> str:
        """The hidden layer and the output layer."""
        return "dropout, linear, batch norm, ReLU, dropout, linear"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the logits and the unchanged lengths."""
        hidden = torch.relu(self.norm(self.hidden(self.dropout(x))))
        return self.output(self.dropout(hidden)), lengths


class EmbeddingClassifier(Block):
    """Dropout, a hidden layer with ReLU and dropout if `hidden` is not 0, logits: [batch, in] -> [batch, classes].

    Args:
        inputs: values of the embedding.
        hidden: units of the hidden layer; 0 for none.
        classes: number of logits.
        dropout: share of values dropped before each linear layer in training.

    """

    def __init__(self, inputs: int, *, hidden: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(inputs, hidden) if hidden else None
        self.output = nn.Linear(hidden or inputs, classes)

    @property
    def description(self) -> str:
        """The hidden layer and the dropout, if any, and the output layer."""
        dropout = "dropout, " if self.dropout.p else ""
        hidden = "" if self.hidden is None else f"linear {self.hidden.out_features}, ReLU, {dropout}"
        return f"{dropout}{hidden}linear"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the logits and the unchanged lengths."""
        x = self.dropout(x)
        if self.hidden is not None:
            x = self.dropout(torch.relu(self.hidden(x)))
        return self.output(x), lengths


def flatten_channels_last(x: Tensor) -> Tensor:
    """Return the values [batch, values] of an image [batch, channels, time, bands] in TensorFlow's order.

    Channels vary fastest, then bands, then time. Values [batch, values] are returned unchanged.
    """
    return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x
