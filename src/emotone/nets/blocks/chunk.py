"""Blocks for chunks of a spectrogram with several channels, and for the context of a window's chunks.

Conventions as in `emotone.nets.blocks.base`; images are [batch, channels, bands, time]. From `Chunks` to the
classifier, x is [batch, chunks, values], and lengths count chunks, as in `emotone.nets.blocks.segments`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn

from emotone.nets.base import CHANNELS, CHUNK_ROWS
from emotone.nets.blocks.base import Block, ReluDense, initialise_for_relu, mask_time, reversed_steps, valid_steps
from emotone.nets.blocks.segments import SegmentClassifier, SegmentCutter

if TYPE_CHECKING:
    from emotone.nets.base import Context

State: TypeAlias = tuple[Tensor, Tensor]
"""Output and cell [1, batch, units] of an LSTM after a chunk."""


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


class Chunks(SegmentCutter):
    """Consecutive chunks of a window: [batch, time, bands] -> [batch, chunks, rows, bands].

    The last chunk is filled with silence. Key idea: most of a batch is padding, so where gradients are computed, chunks
    that no item has are removed. Elsewhere the number of chunks is that of the padded rows, so that outputs have one
    shape.

    Args:
        rows: of a chunk.
        silence: value of the front end's rows for silence.

    """

    def __init__(self, *, rows: int, silence: float) -> None:
        super().__init__(rows=rows, hop=rows, silence=silence, drop=0.0, placement="grid")

    @property
    def description(self) -> str:
        """Size of the chunks."""
        return f"chunks of {self.rows} rows"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the chunks and their number per item."""
        if torch.is_grad_enabled() and lengths is not None:
            x = x[:, : int(lengths.max())]
        return super().forward(x, lengths)


class FlatChunks(Block):
    """The values of each chunk as a vector: [batch, chunks, rows, bands] -> [batch, chunks, rows x bands]."""

    @property
    def description(self) -> str:
        """The raw values."""
        return "all values of a chunk"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the vectors and the unchanged lengths."""
        return x.flatten(2), lengths


class EncoderChunks(Block):
    """Means of an encoder's outputs over consecutive chunks: [batch, outputs, time, width] -> [batch, chunks, width].

    A step counts for the chunk in which it starts; the outputs of several layers are averaged.

    Args:
        step: milliseconds between two steps.
        chunk: milliseconds of a chunk.

    """

    def __init__(self, *, step: int, chunk: int) -> None:
        super().__init__()
        self.step = step
        self.chunk = chunk

    @property
    def description(self) -> str:
        """Length of the chunks."""
        return f"mean of layers and over chunks of {self.chunk} ms"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - see Block
        """Return the steps of a chunk."""
        return -(-self.chunk // self.step)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the means, 0 after an item's last chunk, and the number of chunks of each item."""
        steps = x.shape[2]
        places = torch.arange(steps, device=x.device) * self.step // self.chunk
        numbers = torch.arange((steps - 1) * self.step // self.chunk + 1, device=x.device)
        member = (places[None, :] == numbers[:, None])[None].to(x.dtype)
        if lengths is not None:
            member = member * valid_steps(lengths, steps)[:, None].to(x.dtype)
            lengths = (lengths - 1) * self.step // self.chunk + 1
        shares = member / member.sum(dim=2, keepdim=True).clamp(min=1.0)
        return shares @ x.mean(dim=1), lengths


class ContextLstm(Block):
    """An LSTM over chunks: [batch, chunks, in] -> [batch, chunks, units], or twice the units in both directions.

    The output at a chunk describes it and the chunks before it; the other direction, those after it. Both directions
    are computed from an item's own chunks, whatever padding follows them.

    Args:
        inputs: values of a chunk.
        units: of each direction.
        bidirectional: whether a second LSTM reads the chunks from the last to the first.

    References: Hochreiter, Schmidhuber, Long short-term memory, Neural Computation 9, 1997; Graves, Schmidhuber,
    Framewise phoneme classification with bidirectional LSTM, Neural Networks 18, 2005.

    """

    def __init__(self, inputs: int, units: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.ahead = nn.LSTM(inputs, units, batch_first=True)
        self.back = nn.LSTM(inputs, units, batch_first=True) if bidirectional else None
        for lstm in (self.ahead, self.back):
            if lstm is not None:  # torch's scale depends on the units only, and saturates the gates of large inputs
                nn.init.xavier_uniform_(lstm.get_parameter("weight_ih_l0"))

    @property
    def description(self) -> str:
        """Units and directions."""
        return f"LSTM of {self.ahead.hidden_size} units{'' if self.back is None else ', in both directions'}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs at all chunks, 0 after an item's last one, and the unchanged lengths."""
        if x.is_meta:  # only shapes count: torch has no kernel there, and computes thousands of steps one by one
            return x.new_empty(*x.shape[:2], self.ahead.hidden_size * (1 if self.back is None else 2)), lengths
        y = self.ahead(x)[0]
        if self.back is not None:
            y = torch.cat([y, reversed_steps(self.back(reversed_steps(x, lengths))[0], lengths)], dim=2)
        return mask_time(y.transpose(1, 2), lengths).transpose(1, 2), lengths

    def step(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return the outputs [batch, units] at one more chunk x [batch, in], and the state after it.

        Args:
            x: the chunk.
            state: after the chunk before it; None at the first one.

        Raises:
            ValueError: the LSTM has two directions, of which one needs the chunks that follow.

        """
        if self.back is not None:
            raise ValueError("an LSTM in both directions needs all chunks: call the block on them")
        y, state = self.ahead(x[:, None], state)
        return y[:, 0], state


class LastStepClassifier(Block):
    """Dropout and linear on the LSTM's last outputs: [batch, chunks, values] -> [batch, classes].

    They are the output at an item's last chunk; in both directions, together with the other one's at the first chunk.

    Args:
        units: of each direction.
        bidirectional: whether the values are those of two directions.
        classes: number of logits.
        dropout: share of values dropped in training.

    """

    def __init__(self, units: int, *, bidirectional: bool, classes: int, dropout: float) -> None:
        super().__init__()
        self.units = units
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * units if bidirectional else units, classes)

    @property
    def description(self) -> str:
        """Dropout, if any, and the output layer."""
        return f"{'dropout, ' if self.dropout.p else ''}linear on the outputs after the last chunk"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the logits; there are no chunks any more, so the lengths are None."""
        ahead, back = x[:, :, : self.units], x[:, 0, self.units :]
        if lengths is None:
            last = ahead[:, -1]
        else:
            last = ahead[torch.arange(len(ahead), device=x.device), (lengths - 1).clamp(min=0)]
        return self.output(self.dropout(torch.cat([last, back], dim=1))), None


def context_layers(context: Context, inputs: int, *, units: int, classes: int, dropout: float) -> dict[str, Block]:
    """Return the layers from the values of chunks to logits, by name: `context`, unless it is attention, `classifier`.

    Args:
        context: see `emotone.nets.base`.
        inputs: values of a chunk.
        units: of each direction of the LSTM, or of the attention.
        classes: number of logits.
        dropout: share of the values before the output layer dropped in training.

    """
    if context == "attention":
        return {
            "classifier": SegmentClassifier(
                inputs, hidden=0, classes=classes, dropout=dropout, pooling="attention", attention=units
            )
        }
    both = context == "bidirectional-lstm"
    return {
        "context": ContextLstm(inputs, units, bidirectional=both),
        "classifier": LastStepClassifier(units, bidirectional=both, classes=classes, dropout=dropout),
    }
