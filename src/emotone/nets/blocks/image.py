"""Building blocks on patches of a spectrogram. Conventions as in `emotone.nets.blocks.base`; images are [batch, channels,
time, bands], as the published networks lay them. A patch has one size, so behind `Patch` no lengths are needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import valid

if TYPE_CHECKING:
    from collections.abc import Sequence


def drawn_for_relu(layer: nn.Conv2d | nn.Linear) -> None:
    """Draw weights so that signals keep their size through many layers with ReLU and no normalisation; in place.

    Reference: He, Zhang, Ren, Sun, Delving deep into rectifiers, ICCV 2015.
    """
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class Patch(nn.Module):
    """The first rows of each item as an image of one size: [batch, time, bands] -> [batch, 1, rows, bands].

    Args:
        rows: of the image. What lies behind them is not heard.
        silence: a value of the front end's rows where nothing sounds; rows that an item lacks are filled with it.

    """

    def __init__(self, *, rows: int, silence: float) -> None:
        super().__init__()
        self.rows = rows
        self.silence = silence

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the image; lengths are used up, so None comes back."""
        behind = x.new_full((self.rows, x.shape[2]), self.silence).expand(x.shape[0], -1, -1)
        x = torch.cat([x, behind], dim=1)[:, : self.rows]
        if lengths is not None:
            x = torch.where(valid(lengths, self.rows)[:, :, None], x, self.silence)
        return x.unsqueeze(1), None


class Conv2dBlock(nn.Module):
    """Convolution with a bias, ReLU, a maximum over 2 x 2 where asked: [batch, in, time, bands] -> [batch, out, ...].

    The image keeps its size (zeros around it); a pool leaves out what does not fill it.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, pool: bool) -> None:
        super().__init__()
        self.pool = pool
        self.convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        drawn_for_relu(self.convolution)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output."""
        x = torch.relu(self.convolution(x))
        return (nn.functional.max_pool2d(x, 2) if self.pool else x), lengths


class SameConvolution(nn.Module):
    """Convolution with a bias and ReLU, padded as TensorFlow's "same": n steps become ceil(n / stride).

    Key idea: an output of ceil(n / s) steps needs (ceil(n / s) - 1) s + k inputs; the zeros that lack go around the
    image, the odd one behind it. With a stride of 2 and an even n that is one zero, behind: not what torch's padding
    of k // 2 on both sides gives.
    """

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int, stride: int, size: tuple[int, int], alone: bool = False
    ) -> None:
        super().__init__()
        time, bands = (max(0, (-(-steps // stride) - 1) * stride + kernel - steps) for steps in size)
        self.padding = (bands // 2, bands - bands // 2, time // 2, time - time // 2)  # the last axis first
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=inputs if alone else 1)
        drawn_for_relu(self.convolution)

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, outputs, ceil(time / stride), ceil(bands / stride)]."""
        return torch.relu(self.convolution(nn.functional.pad(x, self.padding)))


class SameBlock(nn.Module):
    """A convolution (`SameConvolution`) as a block of a net."""

    def __init__(self, outputs: int, *, stride: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.full = SameConvolution(1, outputs, kernel=3, stride=stride, size=size)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output."""
        return self.full(x), lengths


class SeparableBlock(nn.Module):
    """A convolution 3 x 3 of each channel alone, then one 1 x 1 that mixes them; at the end a mean where asked.

    [batch, in, time, bands] -> [batch, out, ...], or [batch, out] with `pooled`.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int, size: tuple[int, int], pooled: bool) -> None:
        super().__init__()
        self.pooled = pooled
        self.depthwise = SameConvolution(inputs, inputs, kernel=3, stride=stride, size=size, alone=True)
        self.pointwise = SameConvolution(inputs, outputs, kernel=1, stride=1, size=size)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output."""
        x = self.pointwise(self.depthwise(x))
        return (x.mean(dim=(2, 3)) if self.pooled else x), lengths


class Flatten(nn.Module):
    """The values of an image, channels running fastest, then bands, then time: [batch, ...] -> [batch, values]."""

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values in TensorFlow's order; what is flat stays as it is."""
        return (x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x), lengths


class Dense(nn.Module):
    """Linear and ReLU; an image is flattened before: [batch, ...] -> [batch, out]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.flatten = Flatten()
        self.linear = nn.Linear(inputs, outputs)
        drawn_for_relu(self.linear)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values."""
        return torch.relu(self.linear(self.flatten(x, lengths)[0])), lengths


class DropoutNorm(nn.Module):
    """Dropout, then batch normalisation: [batch, values] -> [batch, values]."""

    def __init__(self, values: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.BatchNorm1d(values)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the normalised values."""
        return self.norm(self.dropout(x)), lengths


class Chain(nn.Module):
    """Several blocks as one."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return what the last block returns."""
        for block in self.blocks:
            x, lengths = block(x, lengths)
        return x, lengths


class EmbeddingClassifier(nn.Module):
    """Logits of an embedding: dropout, a hidden layer with ReLU and dropout where asked, linear: [batch, in] -> logits.

    Args:
        inputs: values of the embedding.
        hidden: units of the hidden layer; 0 for none.
        classes: logits.
        dropout: share of values dropped before each linear layer in training.

    """

    def __init__(self, inputs: int, *, hidden: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(inputs, hidden) if hidden else None
        self.output = nn.Linear(hidden or inputs, classes)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return logits [batch, classes]."""
        x = self.dropout(x)
        if self.hidden is not None:
            x = self.dropout(torch.relu(self.hidden(x)))
        return self.output(x), lengths
