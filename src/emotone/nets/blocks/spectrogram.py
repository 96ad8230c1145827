"""Blocks for spectrograms of any length, and for patches, which all have one size.

Conventions as in `emotone.nets.blocks.base`. Images are [batch, channels, bands, time]; those of patches are [batch,
channels, time, bands], as in the published networks. All patches of a network have one size, so
there are no lengths after `Patch`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, initialise_for_relu, mask_time, valid_steps


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


class Patch(Block):
    """The first rows of each item as an image of one size: [batch, time, bands] -> [batch, 1, rows, bands].

    Args:
        rows: of the image. Later rows are ignored.
        silence: value of the front end's rows for silence; it fills the rows that a shorter item lacks.

    """

    def __init__(self, *, rows: int, silence: float) -> None:
        super().__init__()
        self.rows = rows
        self.silence = silence

    @property
    def description(self) -> str:
        """The number of rows."""
        return f"the first {self.rows} rows"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - see Block
        """Return the number of rows."""
        return self.rows

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the image; all of it is valid, so the lengths are None."""
        padding = x.new_full((self.rows, x.shape[2]), self.silence).expand(x.shape[0], -1, -1)
        x = torch.cat([x, padding], dim=1)[:, : self.rows]
        if lengths is not None:
            x = torch.where(valid_steps(lengths, self.rows)[:, :, None], x, self.silence)
        return x.unsqueeze(1), None


class FirstRow(Block):
    """The first row of each item: [batch, time, values] -> [batch, values]."""

    @property
    def description(self) -> str:
        """The first row."""
        return "the first row"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:  # noqa: ARG002 - see Block
        """Return the row; there is no time axis any more."""
        return x[:, 0], None


class PatchConv(Block):
    """Convolution with bias, ReLU, optional 2 x 2 max-pooling: [batch, in, time, bands] -> [batch, out, ...].

    The convolution keeps the image's size (zero padding); pooling drops rows and bands that do not fill a cell.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, pool: bool) -> None:
        super().__init__()
        self.pool = pool
        self.convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        initialise_for_relu(self.convolution)

    @property
    def description(self) -> str:
        """Kernel and pooling."""
        time, bands = self.convolution.kernel_size
        return f"convolution {time}x{bands}, ReLU{', max of 2x2' if self.pool else ''}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output and the unchanged lengths."""
        x = torch.relu(self.convolution(x))
        return (nn.functional.max_pool2d(x, 2) if self.pool else x), lengths


class SameConvolution(nn.Module):
    """Convolution with bias and ReLU, padded as TensorFlow's "same": n steps become ceil(n / stride).

    Key idea: ceil(n / s) output steps need (ceil(n / s) - 1) s + k input steps. The missing ones are zeros around the
    image; an odd one is added at the end. With a stride of 2 and an even n that is a single zero at the end, unlike
    torch's padding of k // 2 on both sides.
    """

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int, stride: int, size: tuple[int, int], depthwise: bool = False
    ) -> None:
        super().__init__()
        time, bands = (max(0, (-(-steps // stride) - 1) * stride + kernel - steps) for steps in size)
        self.padding = (bands // 2, bands - bands // 2, time // 2, time - time // 2)  # the last axis first
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=inputs if depthwise else 1)
        initialise_for_relu(self.convolution)

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, outputs, ceil(time / stride), ceil(bands / stride)]."""
        return torch.relu(self.convolution(nn.functional.pad(x, self.padding)))


class SameConv(Block):
    """A `SameConvolution` of 3 x 3 on a single channel as a block of a network."""

    def __init__(self, outputs: int, *, stride: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.full = SameConvolution(1, outputs, kernel=3, stride=stride, size=size)

    @property
    def description(self) -> str:
        """Kernel and stride."""
        return f"convolution 3x3, stride {self.full.convolution.stride[0]}, ReLU"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output and the unchanged lengths."""
        return self.full(x), lengths


class SeparableConv(Block):
    """A depthwise convolution of 3 x 3, then a pointwise one; followed by the mean over the image if `pooled`.

    [batch, in, time, bands] -> [batch, out, ...], or [batch, out] with `pooled`.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int, size: tuple[int, int], pooled: bool) -> None:
        super().__init__()
        self.pooled = pooled
        self.depthwise = SameConvolution(inputs, inputs, kernel=3, stride=stride, size=size, depthwise=True)
        self.pointwise = SameConvolution(inputs, outputs, kernel=1, stride=1, size=size)

    @property
    def description(self) -> str:
        """Kernel, stride and pooling."""
        stride = self.depthwise.convolution.stride[0]
        return f"separable convolution 3x3, stride {stride}, ReLU{', mean' if self.pooled else ''}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output and the unchanged lengths."""
        x = self.pointwise(self.depthwise(x))
        return (x.mean(dim=(2, 3)) if self.pooled else x), lengths
