"""Blocks for spectrograms of any length. Conventions as in `emotone.nets.blocks.base`.

Images are [batch, channels, bands, time].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, mask_time, valid_steps


class LevelNorm(Block):
    """Log power relative to the input's mean power, which reduces the effect of the recording level.

    An effect remains where the front end's offset masks faint sounds: the 1e-10 of log-mel is 52 dB below the mean
    power of speech at about -36 dBFS, so quieter recordings lose their faint parts.

    With x in ln(power): y = clip(x - ln mean(exp(x)), floor, ceiling), then shifted and scaled to about [-2, 2].
    The floor masks digital silence and faint noise, which depend on the recording device more than on the voice.
    With `centre_bands` each band's mean over time is then subtracted. This removes most of what a microphone, a room
    and a vocal tract add to every frame alike, and keeps how the voice changes.

    Maps [batch, time, bands] to [batch, 1, bands, time].
    """

    def __init__(self, *, centre_bands: bool, floor: float = -12.0, ceiling: float = 4.0) -> None:
        super().__init__()
        self.centre_bands = centre_bands
        self.floor = floor
        self.ceiling = ceiling

    @property
    def description(self) -> str:
        """Level normalisation."""
        return "level normalisation"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the normalised image and the unchanged lengths."""
        if lengths is None:
            mean_power = x.exp().mean(dim=(1, 2), keepdim=True)
        else:
            mask = valid_steps(lengths, x.shape[1])[:, :, None].to(x.dtype)
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


class SpectrogramConv(Block):
    """Convolution over bands and time, batch normalisation, ReLU: [batch, in, bands, time] -> [batch, out, ...]."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.stride = stride
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    @property
    def description(self) -> str:
        """Kernel and stride over bands and time."""
        bands, time = self.convolution.kernel_size
        return f"convolution {bands}x{time}, stride {self.stride[0]}x{self.stride[1]}, batch norm, ReLU"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - see Block
        """Return the kernel's extent in time."""
        return self.convolution.kernel_size[1]

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output; padding "same" with stride s leaves (length - 1) // s + 1 steps."""
        x = torch.relu(self.norm(self.convolution(x)))
        if lengths is not None:
            lengths = (lengths - 1) // self.stride[1] + 1
        return mask_time(x, lengths), lengths


class BandsToChannels(Block):
    """All bands and channels of a step mapped to `outputs` channels: [batch, in, bands, time] -> [batch, out, time]."""

    def __init__(self, inputs: int, bands: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs * bands, outputs, 1, bias=False)
        self.norm = nn.BatchNorm1d(outputs)

    @property
    def description(self) -> str:
        """Bands to channels."""
        return "bands to channels, batch norm, ReLU"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return [batch, outputs, time] and the unchanged lengths."""
        x = torch.relu(self.norm(self.convolution(x.flatten(1, 2))))
        return mask_time(x, lengths), lengths
