"""Building blocks whose padded batches give what single inputs give.

Conventions: a block maps (x, lengths) to (x, lengths). `lengths` [batch] counts the valid steps in time of each
item; None means that all are valid, which is the form that is exported. Every block leaves zeros behind the valid
steps, so that a convolution sees there what it sees beyond the edge of a single input: its zero padding.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping


def valid(lengths: Tensor, steps: int) -> Tensor:
    """Return booleans [batch, steps]: true where a step belongs to the item."""
    return torch.arange(steps, device=lengths.device)[None, :] < lengths[:, None]


class LengthAware(nn.Module):
    """Named blocks, one after another; the last one returns logits."""

    def __init__(self, blocks: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(OrderedDict(blocks))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return logits [batch, classes] of x [batch, time, dimension]."""
        for block in self.blocks.values():
            x, lengths = block(x, lengths)
        return x


class LevelNorm(nn.Module):
    """Log power relative to the input's mean power: how loud a recording was made matters less.

    It still matters where the front end's offset hides what is faint: log-mel's 1e-10 lies 52 dB below the mean power
    of speech at about -36 dBFS, so quieter recordings lose their faint parts to it.

    With x in ln(power): y = clip(x - ln mean(exp(x)), floor, ceiling), then shifted and scaled to about [-2, 2].
    The floor hides digital silence and faint noise, which say more about the recorder than about the voice.
    With `centre_bands` each band's mean over time is then taken away, and with it most of what a microphone, a
    room and a vocal tract add to every frame alike: what is left is how the voice moves.
    Maps [batch, time, bands] to [batch, 1, bands, time].
    """

    def __init__(self, *, centre_bands: bool, floor: float = -12.0, ceiling: float = 4.0) -> None:
        super().__init__()
        self.centre_bands = centre_bands
        self.floor = floor
        self.ceiling = ceiling

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the normalised image and the unchanged lengths."""
        if lengths is None:
            mean_power = x.exp().mean(dim=(1, 2), keepdim=True)
        else:
            mask = valid(lengths, x.shape[1])[:, :, None].to(x.dtype)
            total = (x.exp() * mask).sum(dim=(1, 2), keepdim=True)
            mean_power = total / (lengths.to(x.dtype) * x.shape[2])[:, None, None]
        centre = (self.floor + self.ceiling) / 2
        y = (x - mean_power.log()).clamp(self.floor, self.ceiling)
        y = (y - centre) / 4.0
        if self.centre_bands and lengths is None:
            y = y - y.mean(dim=1, keepdim=True)
        elif self.centre_bands and lengths is not None:
            y = y - (y * mask).sum(dim=1, keepdim=True) / lengths.to(x.dtype)[:, None, None]
        if lengths is not None:
            y = y * mask
        return y.transpose(1, 2).unsqueeze(1), lengths


class ConvBlock(nn.Module):
    """Convolution over bands and time, batch normalisation, ReLU. [batch, in, bands, time] -> [batch, out, ...]."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.stride = stride[1]
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output; padding "same" with stride s leaves (length - 1) // s + 1 steps."""
        x = torch.relu(self.norm(self.convolution(x)))
        if lengths is not None:
            lengths = (lengths - 1) // self.stride + 1
            x = x * valid(lengths, x.shape[3])[:, None, None, :].to(x.dtype)
        return x, lengths


class BandsToChannels(nn.Module):
    """All bands and channels of a step mixed into `outputs` values: [batch, in, bands, time] -> [batch, out, time]."""

    def __init__(self, inputs: int, bands: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs * bands, outputs, 1, bias=False)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return [batch, outputs, time] and the unchanged lengths."""
        x = torch.relu(self.norm(self.convolution(x.flatten(1, 2))))
        if lengths is not None:
            x = x * valid(lengths, x.shape[2])[:, None, :].to(x.dtype)
        return x, lengths


class AttentiveStatistics(nn.Module):
    """Mean and deviation over time, weighted by how much each step tells: [batch, in, time] -> [batch, 2 in].

    Reference: Okabe, Koshinaka, Shinoda, Attentive statistics pooling for deep speaker embedding, Interspeech 2018.
    """

    def __init__(self, inputs: int, *, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv1d(inputs, hidden, 1)
        self.weigh = nn.Conv1d(hidden, inputs, 1)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the statistics; lengths are used up, so None comes back."""
        energy = self.weigh(torch.tanh(self.squeeze(x)))
        if lengths is not None:
            energy = energy.masked_fill(~valid(lengths, x.shape[2])[:, None, :], float("-inf"))
        weight = torch.softmax(energy, dim=2)
        mean = (weight * x).sum(dim=2)
        variance = (weight * x * x).sum(dim=2) - mean * mean
        return torch.cat([mean, variance.clamp(min=1e-5).sqrt()], dim=1), None


class Classifier(nn.Module):
    """Dropout, one hidden layer, dropout, logits: [batch, in] -> [batch, classes]."""

    def __init__(self, inputs: int, *, hidden: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, classes)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return logits."""
        hidden = torch.relu(self.norm(self.hidden(self.dropout(x))))
        return self.output(self.dropout(hidden)), lengths
