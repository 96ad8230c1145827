"""Blocks for faces. Conventions as in `emotone.nets.blocks.base`; images are [batch, channels, height, width].

A face is in the last values of the rows of a chunk (see `emotone.features.front_ends.audio_visual`): above 0 and at
most 1, or far below 0 where there is no face.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, initialise_for_relu

ABSENT = -1.0  # values below are those of silence
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EPSILON = 1e-3  # of batch normalisation in Keras


class FaceImage(Block):
    """The face of each chunk: [batch, ..., rows, values] -> [batch, channels, size, size]; 0 without a face.

    Args:
        rows: of a chunk.
        size: of the face in pixels; size x size x channels must be a multiple of the rows.
        channels: 1 or 3.
        limits: values of 0 and 1 in the result.

    """

    def __init__(self, *, rows: int, size: int, channels: int, limits: tuple[float, float] = (-1.0, 1.0)) -> None:
        super().__init__()
        self.rows = rows
        self.size = size
        self.channels = channels
        self.low, self.high = limits

    @property
    def description(self) -> str:
        """Size and channels."""
        return f"face of {self.size} x {self.size}, {self.channels} channel{'s' if self.channels > 1 else ''}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the image and the unchanged lengths."""
        values = self.size * self.size * self.channels // self.rows
        face = x.reshape(-1, self.rows, x.shape[-1])[:, :, x.shape[-1] - values :]
        image = face.reshape(-1, self.size, self.size, self.channels).permute(0, 3, 1, 2)
        return torch.where(image < ABSENT, 0.0, self.low + (self.high - self.low) * image), lengths


class NormConv(Block):
    """Convolution without padding and bias, batch normalisation, ReLU: [batch, in, ...] -> [batch, out, ...]."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)
        initialise_for_relu(self.convolution)

    @property
    def description(self) -> str:
        """Kernel."""
        height, width = self.convolution.kernel_size
        return f"convolution {height}x{width}, batch norm, ReLU"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output and the unchanged lengths."""
        return torch.relu(self.norm(self.convolution(x))), lengths


class Separable(nn.Module):
    """A depthwise convolution of 3 x 3, a pointwise one, batch normalisation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, outputs, height, width]."""
        y: Tensor = self.norm(self.pointwise(self.depthwise(x)))
        return y


class XceptionModule(Block):
    """Two separable convolutions and max-pooling, and a pointwise convolution around them: half the size.

    Every second pixel is taken before the convolution 1x1 around both: the same values as with a stride of 2, whose
    gradient ends the process in oneDNN if the channels come last in memory (torch 2.13).

    Max-pooling is padded as TensorFlow's "same": a window of 3 with a step of 2 on n pixels needs one more pixel after
    an even n, and one on both sides of an odd one.

    Reference: Chollet, Xception: deep learning with depthwise separable convolutions, CVPR 2017.

    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = Separable(inputs, outputs)
        self.second = Separable(outputs, outputs)
        self.around = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)

    @property
    def description(self) -> str:
        """The two branches."""
        return "2 x (separable convolution 3x3, batch norm), max of 3x3; plus convolution 1x1, batch norm"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the sum of both branches and the unchanged lengths."""
        y = self.second(torch.relu(self.first(x)))
        height, width = (size % 2 for size in y.shape[2:])
        y = nn.functional.pad(y, (width, 1, height, 1), value=float("-inf"))
        return nn.functional.max_pool2d(y, 3, stride=2) + self.norm(self.around(x[:, :, ::2, ::2])), lengths


class ImageClassifier(Block):
    """A convolution to one image of scores per label, and their mean: [batch, in, h, w] -> [batch, classes]."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, classes, 3, padding=1)

    @property
    def description(self) -> str:
        """Convolution, mean."""
        return "convolution 3x3, mean over the image"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the logits and the unchanged lengths."""
        return self.convolution(x).mean(dim=(2, 3)), lengths


class ImageNetInput(Block):
    """Images of 0 to 1 as ImageNet's: three channels, enlarged, and standardised per channel.

    Args:
        size: of the result; a single channel is repeated.

    """

    def __init__(self, *, size: int) -> None:
        super().__init__()
        self.size = size

    @property
    def description(self) -> str:
        """The size."""
        return f"{self.size} x {self.size} pixels, standardised"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the images and the unchanged lengths."""
        if x.shape[2] != self.size:
            x = nn.functional.interpolate(x, size=(self.size, self.size), mode="bilinear", align_corners=False)
        channels = x.split(1, dim=1) if x.shape[1] > 1 else (x, x, x)  # type: ignore[no-untyped-call] # of torch
        values = zip(channels, IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)
        return torch.cat([(channel - mean) / deviation for channel, mean, deviation in values], dim=1), lengths


class AlexConv(Block):
    """Convolution with bias, ReLU, and max-pooling of 3 x 3 with a step of 2 if `pool`."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int = 1, pool: bool = False) -> None:
        super().__init__()
        self.pool = pool
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=2 if kernel > 3 else 1)
        initialise_for_relu(self.convolution)

    @property
    def description(self) -> str:
        """Kernel, stride and pooling."""
        height, width = self.convolution.kernel_size
        stride = f", stride {self.convolution.stride[0]}" if self.convolution.stride[0] > 1 else ""
        return f"convolution {height}x{width}{stride}, ReLU{', max of 3x3' if self.pool else ''}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output and the unchanged lengths."""
        y = torch.relu(self.convolution(x))
        return (nn.functional.max_pool2d(y, 3, stride=2) if self.pool else y), lengths


class DropoutDense(Block):
    """Dropout, linear, ReLU, after flattening an image, channels first: [batch, ...] -> [batch, out]."""

    def __init__(self, inputs: int, outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(inputs, outputs)
        initialise_for_relu(self.linear)

    @property
    def description(self) -> str:
        """Dropout, linear, ReLU."""
        return f"{'dropout, ' if self.dropout.p else ''}linear, ReLU"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values and the unchanged lengths."""
        return torch.relu(self.linear(self.dropout(x.flatten(1)))), lengths


class ImageMean(Block):
    """The mean of each channel: [batch, channels, h, w] -> [batch, channels]."""

    @property
    def description(self) -> str:
        """The mean."""
        return "mean over the image"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the means and the unchanged lengths."""
        return x.mean(dim=(2, 3)), lengths
