"""Blocks of encoders of speech: those of Whisper, and a convolutional layer with context.

Conventions as in `emotone.nets.blocks.base`.

The outputs of several layers are needed at once, so from `Positions` on, x is a stack [batch, outputs, time, width]: a
layer reads the last output of the stack and either replaces it or appends its own.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, mask_time, valid_steps

Statistics: TypeAlias = Literal["mean", "mean-deviation"]
LayerCombination: TypeAlias = Literal["concatenate", "mean", "learned"]
DYNAMIC_RANGE = 8.0  # log10 of power: 80 dB below the loudest value
SMALLEST_VARIANCE = 1e-6
MAX_STEPS = 1500  # 30 s in steps of 20 ms


class DynamicRange(Block):
    """Whisper's scaling of log10 mel power: [batch, time, bands] -> [batch, bands, time].

    Values below the maximum of the input minus 8 are raised to it, then x becomes (x + 4) / 4.

    Args:
        peak: log10 power to which the maximum of the input is shifted first, so that the result does not depend on the
            recording level; None keeps the level, as Whisper does.

    """

    def __init__(self, *, peak: float | None) -> None:
        super().__init__()
        self.peak = peak

    @property
    def description(self) -> str:
        """The range, and whether the level is kept."""
        return "80 dB below the maximum, scaled" + ("" if self.peak is None else ", level removed")

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the scaled bands, with zeros after the valid steps."""
        valid = x
        if lengths is not None:
            valid = x.masked_fill(~valid_steps(lengths, x.shape[1])[:, :, None], float("-inf"))
        maximum = valid.amax(dim=(1, 2), keepdim=True)
        x = torch.maximum(x, maximum - DYNAMIC_RANGE)
        if self.peak is not None:
            x = x - maximum + self.peak
        return mask_time(((x + 4.0) / 4.0).transpose(1, 2), lengths), lengths


class ConvGelu(Block):
    """Convolution over time with kernel 3 and zero padding, GELU: [batch, in, time] -> [batch, out, time / stride]."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, 3, stride=stride, padding=1)

    @property
    def description(self) -> str:
        """The convolution."""
        return "convolution 3, GELU"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - the same for every dimension
        """Return 3."""
        return 3

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the activations, with zeros after the valid steps."""
        if lengths is not None:
            lengths = torch.div(lengths - 1, self.convolution.stride[0], rounding_mode="floor") + 1
        return mask_time(nn.functional.gelu(self.convolution(x)), lengths), lengths


class Positions(Block):
    """Position encodings are added: [batch, width, time] -> a stack of one output [batch, 1, time, width].

    Whisper has encodings for 30 s. They repeat after that, so inputs of any length can be processed; inputs longer than
    30 s are outside what the encoder was trained on.
    """

    def __init__(self, steps: int, width: int) -> None:
        super().__init__()
        self.register_buffer("encodings", torch.zeros(steps, width))

    encodings: Tensor

    @property
    def description(self) -> str:
        """The number of encodings."""
        return f"{len(self.encodings)} position encodings"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the stack."""
        places = torch.arange(x.shape[2], device=x.device) % len(self.encodings)
        return (x.transpose(1, 2) + self.encodings[places]).unsqueeze(1), lengths


class EncoderLayer(Block):
    """A pre-norm transformer layer with GELU: [batch, outputs, time, width] -> [batch, outputs (+ 1), time, width].

    Args:
        width: values per step.
        heads: of attention.
        keep_input: whether the layer's input stays in the stack.

    """

    def __init__(self, width: int, heads: int, *, keep_input: bool) -> None:
        super().__init__()
        self.heads = heads
        self.keep_input = keep_input
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_output = nn.Linear(width, width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    @property
    def description(self) -> str:
        """The number of heads."""
        return f"transformer layer, {self.heads} heads" + (", input kept" if self.keep_input else "")

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - the same for every dimension
        """Return the 30 s that Whisper was trained on: every step depends on all others."""
        return MAX_STEPS

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the stack with the layer's output as the last one. Padding steps are neither read nor changed."""
        given = x[:, -1]
        batch, steps, width = given.shape
        projected = self.query_key_value(self.attention_norm(given))
        query, key, value = (
            part.reshape(batch, steps, self.heads, width // self.heads).transpose(1, 2)
            for part in projected.chunk(3, dim=-1)
        )
        mask = None if lengths is None else valid_steps(lengths, steps)[:, None, None, :]
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        hidden = given + self.attention_output(mixed.transpose(1, 2).reshape(batch, steps, width))
        hidden = hidden + self.contract(nn.functional.gelu(self.expand(self.feed_forward_norm(hidden))))
        kept = x if self.keep_input else x[:, :-1]
        return torch.cat([kept, hidden.unsqueeze(1)], dim=1), lengths


class FinalNorm(Block):
    """The layer normalisation after the last layer, applied to the last output of the stack."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    @property
    def description(self) -> str:
        """Layer norm."""
        return "layer norm"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the stack with its last output normalised."""
        return torch.cat([x[:, :-1], self.norm(x[:, -1:])], dim=1), lengths


class LayerPooling(Block):
    """Statistics over time of each output of a stack, combined: [batch, outputs, time, width] -> [batch, values].

    Args:
        outputs: number of outputs in the stack.
        statistics: "mean", or "mean-deviation" for the mean and the standard deviation.
        combination: "concatenate" keeps all outputs, "mean" averages them, "learned" does so with learned weights.

    """

    def __init__(self, outputs: int, *, statistics: Statistics, combination: LayerCombination) -> None:
        super().__init__()
        self.statistics = statistics
        self.combination = combination
        self.weights = nn.Parameter(torch.zeros(outputs)) if combination == "learned" else None

    @property
    def description(self) -> str:
        """Statistics and combination."""
        names = {"concatenate": "concatenated", "mean": "averaged", "learned": "averaged with learned weights"}
        return f"{self.statistics.replace('-', ' and ')} over time, layers {names[self.combination]}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values; the time axis is gone, so the lengths are None."""
        mask = torch.ones((), dtype=x.dtype, device=x.device)
        count: Tensor | int = x.shape[2]
        if lengths is not None:
            mask = valid_steps(lengths, x.shape[2])[:, None, :, None].to(x.dtype)
            count = lengths[:, None, None].to(x.dtype)
        mean = (x * mask).sum(dim=2) / count
        values = mean
        if self.statistics == "mean-deviation":
            variance = (((x - mean.unsqueeze(2)) * mask) ** 2).sum(dim=2) / count
            values = torch.cat([mean, variance.clamp(min=SMALLEST_VARIANCE).sqrt()], dim=2)
        if self.combination == "concatenate":
            return values.flatten(1), None
        if self.weights is None:
            return values.mean(dim=1), None
        return (torch.softmax(self.weights, dim=0)[None, :, None] * values).sum(dim=1), None


class Standardiser(Block):
    """Values less their mean, divided by their standard deviation, both over the training data: batch normalisation.

    It has no trained parameters. Unsupervised adaptation replaces its statistics by those of other recordings.
    """

    def __init__(self, values: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(values, affine=False, momentum=None)

    @property
    def description(self) -> str:
        """Standardised."""
        return "standardised by the statistics of the training data"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the standardised values and the unchanged lengths."""
        return self.norm(x), lengths


def whisper_layers(
    bands: int, *, width: int, heads: int, last: int, kept: tuple[int, ...] = (), peak: float | None = None
) -> dict[str, Block]:
    """Return Whisper's encoder up to a layer, without its final norm: [batch, time, bands] -> a stack of outputs.

    Args:
        bands: values per row of the input.
        width: values per step.
        heads: of attention.
        last: number of layers.
        kept: layers whose outputs stay in the stack, besides the last one; 0 is the output of the convolutions.
        peak: see `DynamicRange`.

    """
    blocks: dict[str, Block] = {
        "range": DynamicRange(peak=peak),
        "conv1": ConvGelu(bands, width, stride=1),
        "conv2": ConvGelu(width, width, stride=2),
        "positions": Positions(MAX_STEPS, width),
    }
    for number in range(1, last + 1):
        blocks[f"layer{number}"] = EncoderLayer(width, heads, keep_input=number - 1 in kept)
    return blocks


SMALL = 0.1  # initial scale of what a layer adds: deep stacks start close to their input


class AsStack(Block):
    """Layer normalisation of each step, as a stack of one output: [batch, width, time] -> [batch, 1, time, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    @property
    def description(self) -> str:
        """Layer norm."""
        return "layer norm"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the stack and the unchanged lengths."""
        return self.norm(x.transpose(1, 2)).unsqueeze(1), lengths


class ConvNextLayer(Block):
    """A layer of ConvNeXt over time: [batch, outputs, time, width] -> [batch, outputs (+ 1), time, width].

    A convolution of each value on its own, plus a linear function of the mean over the whole input (context), layer
    norm, a hidden layer with GELU, and the layer's input added.

    Args:
        width: values per step.
        kernel: steps of the convolution; odd.
        expansion: units of the hidden layer per value.
        keep_input: whether the layer's input stays in the stack.

    Reference: Liu et al., A ConvNet for the 2020s, CVPR 2022 (without the context).

    """

    def __init__(self, width: int, *, kernel: int, expansion: int, keep_input: bool) -> None:
        super().__init__()
        self.keep_input = keep_input
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.context = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, expansion * width)
        self.contract = nn.Linear(expansion * width, width)
        self.scale = nn.Parameter(torch.full((width,), SMALL))

    @property
    def description(self) -> str:
        """Kernel, and the number of hidden units."""
        kept = ", input kept" if self.keep_input else ""
        return f"ConvNeXt layer, kernel {self.depthwise.kernel_size[0]}, {self.expand.out_features} units{kept}"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - the same for every dimension
        """Return the kernel of the convolution; the context depends on all steps."""
        return self.depthwise.kernel_size[0]

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the stack with the layer's output as the last one. Padding steps are not read."""
        given = x[:, -1]
        turned = mask_time(given.transpose(1, 2), lengths)
        if lengths is None:
            mean = given.mean(dim=1, keepdim=True)
        else:
            mask = valid_steps(lengths, given.shape[1])[:, :, None].to(given.dtype)
            mean = (given * mask).sum(dim=1, keepdim=True) / lengths[:, None, None].to(given.dtype)
        mixed = self.norm(self.depthwise(turned).transpose(1, 2) + self.context(mean))
        hidden = given + self.scale * self.contract(nn.functional.gelu(self.expand(mixed)))
        kept = x if self.keep_input else x[:, :-1]
        return torch.cat([kept, hidden.unsqueeze(1)], dim=1), lengths
