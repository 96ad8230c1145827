"""Building blocks of MobileNetV3 that take any length. Conventions as in `emotone.nets.blocks.base`; images are [batch,
channels, bands, time].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import valid
from emotone.nets.blocks.image import drawn_for_relu

if TYPE_CHECKING:
    After: TypeAlias = Literal["relu", "hard-swish", ""]

EPSILON = 1e-3  # of the batch normalisations


class Image(nn.Module):
    """Rows as an image, (x + shift) / scale: [batch, time, bands] -> [batch, 1, bands, time]."""

    def __init__(self, *, shift: float, scale: float) -> None:
        super().__init__()
        self.shift = shift
        self.scale = scale

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the image and the unchanged lengths."""
        y = ((x + self.shift) / self.scale).transpose(1, 2).unsqueeze(1)
        return _masked(y, lengths), lengths


class ConvNorm(nn.Module):
    """Convolution "same", batch normalisation, and what comes after: [batch, in, bands, time] -> [batch, out, ...]."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, alone: bool = False, after: After = ""
    ) -> None:
        super().__init__()
        self.stride = stride
        self.after = after
        groups = inputs if alone else 1
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        drawn_for_relu(self.convolution)
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output; padding "same" with stride s leaves (length - 1) // s + 1 steps."""
        x = self.norm(self.convolution(x))
        if self.after:
            x = torch.relu(x) if self.after == "relu" else nn.functional.hardswish(x)
        if lengths is not None:
            lengths = (lengths - 1) // self.stride + 1
        return _masked(x, lengths), lengths


class Excitation(nn.Module):
    """Channels weighed by what all of them hold on average: x * sigmoid(W2 relu(W1 mean(x)))."""

    def __init__(self, channels: int, *, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed)
        self.weigh = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return [batch, channels, bands, time], weighed."""
        weight = torch.sigmoid(self.weigh(torch.relu(self.squeeze(_mean(x, lengths)))))
        return x * weight[:, :, None, None], lengths


class Inverted(nn.Module):
    """Expand, convolve each channel alone, excite, project; added to the input where shapes allow.

    Args:
        channels: that come in, inside, and that go out.
        kernel: of the convolution of each channel.
        stride: of the same.
        squeezed: units of the excitation's hidden layer; 0 for no excitation.
        after: what follows the first two convolutions.

    """

    def __init__(
        self, channels: tuple[int, int, int], *, kernel: int, stride: int, squeezed: int, after: After
    ) -> None:
        super().__init__()
        inputs, inside, outputs = channels
        self.added = stride == 1 and inputs == outputs
        self.expand = ConvNorm(inputs, inside, 1, after=after) if inside != inputs else None
        self.depthwise = ConvNorm(inside, inside, kernel, stride=stride, alone=True, after=after)
        self.excite = Excitation(inside, squeezed=squeezed) if squeezed else None
        self.project = ConvNorm(inside, outputs, 1)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return [batch, outputs, bands / stride, time / stride]."""
        y = x
        for part in (self.expand, self.depthwise, self.excite, self.project):
            if part is not None:
                y, lengths = part(y, lengths)
        return (x + y if self.added else y), lengths


class MeanEmbedding(nn.Module):
    """The mean over bands and time, linear, hard swish: [batch, in, bands, time] -> [batch, out]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values; lengths are used up, so None comes back."""
        return nn.functional.hardswish(self.linear(_mean(x, lengths))), None


def _masked(x: Tensor, lengths: Tensor | None) -> Tensor:
    return x if lengths is None else x * valid(lengths, x.shape[3])[:, None, None, :].to(x.dtype)


def _mean(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mean over bands and valid steps, [batch, channels]; there are zeros behind them."""
    if lengths is None:
        return x.mean(dim=(2, 3))
    return x.sum(dim=(2, 3)) / (lengths * x.shape[2]).to(x.dtype)[:, None]
