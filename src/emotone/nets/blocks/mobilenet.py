"""Blocks of MobileNetV3 for spectrograms of any length. Conventions as in `emotone.nets.blocks.base`.

Images are [batch, channels, bands, time].
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, initialise_for_relu, mask_time
from emotone.nets.blocks.spectrogram import Patch

Activation: TypeAlias = Literal["relu", "hard-swish", ""]

EPSILON = 1e-3  # of the batch normalisations
ACTIVATION_NAMES = {"relu": ", ReLU", "hard-swish": ", hard swish", "": ""}


class BandImage(Block):
    """Rows as an image, (x + shift) / scale: [batch, time, bands] -> [batch, 1, bands, time]."""

    def __init__(self, *, shift: float, scale: float) -> None:
        super().__init__()
        self.shift = shift
        self.scale = scale

    @property
    def description(self) -> str:
        """Rows to an image."""
        return "rows to an image, shifted and scaled"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the image and the unchanged lengths."""
        y = ((x + self.shift) / self.scale).transpose(1, 2).unsqueeze(1)
        return mask_time(y, lengths), lengths


class PatchImage(Patch):
    """The first rows of each item as an image of one size: [batch, time, bands] -> [batch, 1, bands, rows].

    Args:
        image: converts rows to an image.
        rows: of the patch. Later rows are ignored.
        silence: value of the front end's rows for silence; it fills the rows that a shorter item lacks.

    """

    def __init__(self, image: BandImage, *, rows: int, silence: float) -> None:
        super().__init__(rows=rows, silence=silence)
        self.image = image

    @property
    def description(self) -> str:
        """The number of rows, and what becomes of them."""
        return f"the first {self.rows} rows to an image, shifted and scaled"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the image; all of it is valid, so the lengths are None."""
        patch, _ = super().forward(x, lengths)
        image: tuple[Tensor, Tensor | None] = self.image(patch[:, 0], None)
        return image


class ConvNorm(Block):
    """Convolution "same", batch normalisation, activation: [batch, in, bands, time] -> [batch, out, ...]."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        depthwise: bool = False,
        activation: Activation = "",
    ) -> None:
        super().__init__()
        self.stride = stride
        self.activation = activation
        groups = inputs if depthwise else 1
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        initialise_for_relu(self.convolution)
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)

    @property
    def description(self) -> str:
        """Kernel, stride and activation."""
        bands, time = self.convolution.kernel_size
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        return f"convolution {bands}x{time}{stride}, batch norm{ACTIVATION_NAMES[self.activation]}"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - see Block
        """Return the kernel's extent in time."""
        return self.convolution.kernel_size[1]

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output; padding "same" with stride s leaves (length - 1) // s + 1 steps."""
        x = self.norm(self.convolution(x))
        if self.activation:
            x = torch.relu(x) if self.activation == "relu" else nn.functional.hardswish(x)
        if lengths is not None:
            lengths = (lengths - 1) // self.stride + 1
        return mask_time(x, lengths), lengths


class SqueezeExcitation(nn.Module):
    """Channels weighted by a function of their means over the image: x * sigmoid(W2 relu(W1 mean(x)))."""

    def __init__(self, channels: int, *, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, squeezed)
        self.weigh = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the weighted image [batch, channels, bands, time] and the unchanged lengths."""
        weight = torch.sigmoid(self.weigh(torch.relu(self.squeeze(_mean(x, lengths)))))
        return x * weight[:, :, None, None], lengths


class InvertedBottleneck(Block):
    """Expand, depthwise convolution, excite, project; added to the input if the shapes are equal.

    Args:
        channels: of the input, inside, and of the output.
        kernel: of the depthwise convolution.
        stride: of the depthwise convolution.
        squeezed: units of the excitation's hidden layer; 0 for no excitation.
        activation: after the first two convolutions.

    """

    def __init__(
        self, channels: tuple[int, int, int], *, kernel: int, stride: int, squeezed: int, activation: Activation
    ) -> None:
        super().__init__()
        inputs, inside, outputs = channels
        self.residual = stride == 1 and inputs == outputs
        self.expand = ConvNorm(inputs, inside, 1, activation=activation) if inside != inputs else None
        self.depthwise = ConvNorm(inside, inside, kernel, stride=stride, depthwise=True, activation=activation)
        self.excite = SqueezeExcitation(inside, squeezed=squeezed) if squeezed else None
        self.project = ConvNorm(inside, outputs, 1)

    @property
    def description(self) -> str:
        """Kernel, channels inside, stride and excitation."""
        convolution = self.depthwise.convolution
        size, inside = f"{convolution.kernel_size[0]}x{convolution.kernel_size[1]}", convolution.out_channels
        excitation = "" if self.excite is None else ", squeeze and excitation"
        return f"inverted bottleneck {size} of {inside}, stride {self.depthwise.stride}{excitation}"

    def time_kernel(self, dimension: int) -> int:
        """Return the depthwise kernel's extent in time."""
        return self.depthwise.time_kernel(dimension)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return [batch, outputs, bands / stride, time / stride] and its lengths."""
        y = x
        for part in (self.expand, self.depthwise, self.excite, self.project):
            if part is not None:
                y, lengths = part(y, lengths)
        return (x + y if self.residual else y), lengths


class MeanEmbedding(Block):
    """The mean over bands and time, linear, hard swish: [batch, in, bands, time] -> [batch, out]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    @property
    def description(self) -> str:
        """Mean, linear, hard swish."""
        return "mean, linear, hard swish"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values; the time axis is gone, so the lengths are None."""
        return nn.functional.hardswish(self.linear(_mean(x, lengths))), None


def _mean(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mean over bands and valid steps, [batch, channels]; the steps after them are zeros."""
    if lengths is None:
        return x.mean(dim=(2, 3))
    return x.sum(dim=(2, 3)) / (lengths * x.shape[2]).to(x.dtype)[:, None]
