"""A convolutional layer with context for encoders of speech. Conventions as in `emotone.nets.blocks.transformer`.

As there, x is a stack [batch, outputs, time, width]: a layer reads the last output of the stack and either replaces it
or appends its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, mask_time, valid_steps

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
