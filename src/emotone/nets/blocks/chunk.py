"""Blocks for chunks of a spectrogram with several channels. Conventions as in `emotone.nets.blocks.base`.

Images are [batch, channels, bands, time].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, initialise_for_relu
from emotone.nets.blocks.dense import ReluDense
from emotone.nets.settings import CHANNELS, CHUNK_ROWS


class ChannelImage(Block):
    """Rows of bands of several channels as an image: [batch, ..., time, channels x bands] -> [batch, channels, ...].

    Args:
        channels: that follow one another in a row.

    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    @property
    def description(self) -> str:
        """The number of channels."""
        return f"image of {self.channels} channels"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the image and the unchanged lengths."""
        rows = x.flatten(1, 2) if x.ndim == 4 else x
        bands = rows.shape[2] // self.channels
        return rows.reshape(-1, rows.shape[1], self.channels, bands).permute(0, 2, 3, 1), lengths


class ChunkConv(Block):
    """Convolution, leaky ReLU and max-pooling: [batch, in, bands, time] -> [batch, out, bands', time / 2].

    Zeros around the image keep its size in time; over bands they do so unless the kernel is as high as the image, which
    makes the convolution one over time alone and leaves one band.

    Key idea: the activation does not change the order of values, so the maximum is taken first, and the activation
    computed of a half or a quarter of the values. Training is twice as fast with channels last in memory.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: extent over bands and over time.
        whole: whether the kernel is as high as the image.
        slope: of the leaky ReLU for negative values; 0 gives ReLU.

    """

    def __init__(self, inputs: int, outputs: int, *, kernel: tuple[int, int], whole: bool, slope: float) -> None:
        super().__init__()
        self.slope = slope
        self.pool = (1 if whole else 2, 2)
        self.convolution = nn.Conv2d(inputs, outputs, kernel)
        initialise_for_relu(self.convolution)
        bands, time = (0 if whole else kernel[0] - 1), kernel[1] - 1
        self.padding = (time // 2, time - time // 2, bands // 2, bands - bands // 2)

    @property
    def description(self) -> str:
        """Kernel, activation and pooling."""
        bands, time = self.convolution.kernel_size
        activation = f"leaky ReLU {self.slope:g}" if self.slope else "ReLU"
        return f"convolution {bands}x{time}, {activation}, max of {self.pool[0]}x{self.pool[1]}"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - see Block
        """Return the kernel's extent in time, and one step for the pooling."""
        return self.convolution.kernel_size[1] + 1

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output and the unchanged lengths."""
        x = nn.functional.pad(x, self.padding)
        if self.training:
            x = x.contiguous(memory_format=torch.channels_last)
        y = nn.functional.max_pool2d(self.convolution(x), self.pool)
        return nn.functional.leaky_relu(y, self.slope) if self.slope else torch.relu(y), lengths


def chunk_layers(
    dimension: int,
    *,
    filters: tuple[int, ...],
    whole: bool,
    width: int,
    units: int,
    slope: float,
) -> dict[str, Block]:
    """Return the layers from the rows of a chunk to its hidden layer, by name: `image`, `conv1` ..., `hidden`.

    Args:
        dimension: values per row.
        filters: of each convolution.
        whole: whether filters are as high as the image.
        width: of the filters in rows; others than whole ones are as high as wide.
        units: of the hidden layer.
        slope: of the leaky ReLU.

    """
    blocks: dict[str, Block] = {"image": ChannelImage(CHANNELS)}
    inputs, bands, time = CHANNELS, dimension // CHANNELS, CHUNK_ROWS
    for number, outputs in enumerate(filters, start=1):
        kernel = (bands if whole else width, width)
        blocks[f"conv{number}"] = ChunkConv(inputs, outputs, kernel=kernel, whole=whole, slope=slope)
        inputs, bands, time = outputs, 1 if whole else bands // 2, time // 2
    blocks["hidden"] = ReluDense(inputs * bands * time, units, slope=slope)
    return blocks
