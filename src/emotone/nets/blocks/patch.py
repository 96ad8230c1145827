"""Blocks for patches of a spectrogram. Conventions as in `emotone.nets.blocks.base`.

Images are [batch, channels, time, bands], as in the published networks. All patches of a network have one size, so
there are no lengths after `Patch`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, initialise_for_relu, valid_steps


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
