"""Blocks of recognisers of speech that read a spectrogram, and layers of small recognisers of letters as in Keras 2.

Conventions as in `emotone.nets.blocks.base`. Images are [batch, channels, bands, time], sequences [batch, time,
values].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, mask_time, valid_steps
from emotone.nets.blocks.recurrent import RevisedGru, run_gru

if TYPE_CHECKING:
    from emotone.nets.base import LetterKind

CEILING = 20.0  # of clipped activations
SMALLEST_DEVIATION = 1e-5
CHANNELS = 32  # of both convolutions

EPSILON = 1e-3  # of batch normalisations in Keras
KERNEL, DILATION = 5, 2
REACH = DILATION * (KERNEL - 1) + 1  # rows that an output of the convolution depends on
LAYERS = 2  # recurrent ones


class StandardisedImage(Block):
    """Each input standardised as a whole: [batch, time, bands] -> [batch, 1, bands, time]."""

    @property
    def description(self) -> str:
        """Standardised."""
        return "standardised by the input's own mean and deviation"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the image and the unchanged lengths."""
        steps, bands = x.shape[1:]
        count = torch.full((x.shape[0],), steps, device=x.device) if lengths is None else lengths
        mask = valid_steps(count, steps)[:, :, None].to(x.dtype)
        values = (count * bands).to(x.dtype)[:, None, None]
        mean = (x * mask).sum(dim=(1, 2), keepdim=True) / values
        centred = (x - mean) * mask
        deviation = ((centred**2).sum(dim=(1, 2), keepdim=True) / values).sqrt()
        return (centred / deviation.clamp(min=SMALLEST_DEVIATION)).transpose(1, 2).unsqueeze(1), lengths


class ClippedConv(Block):
    """Convolution, batch normalisation, ReLU clipped at 20: [batch, in, bands, time] -> [batch, out, bands', time'].

    Args:
        inputs: channels.
        outputs: channels.
        kernel: extent over bands and time, both odd.
        stride: over bands and time.

    """

    def __init__(self, inputs: int, outputs: int, *, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding)
        self.norm = nn.BatchNorm2d(outputs)

    @property
    def description(self) -> str:
        """Kernel and stride over bands and time."""
        kernel, stride = self.convolution.kernel_size, self.convolution.stride
        return f"convolution {kernel[0]}x{kernel[1]}, stride {stride[0]}x{stride[1]}, batch norm, ReLU up to 20"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the output; a stride of s leaves (length - 1) // s + 1 steps."""
        x = self.norm(self.convolution(x)).clamp(0.0, CEILING)
        if lengths is not None:
            lengths = (lengths - 1) // self.convolution.stride[1] + 1
        return mask_time(x, lengths), lengths


class RecurrentLayer(Block):
    """A bidirectional GRU whose directions are summed: [batch, time, in] -> [batch, time, units].

    An image [batch, channels, bands, time] is flattened to channels x bands values per step.

    Args:
        inputs: values per step.
        units: of each direction.
        is_normalised: whether a batch normalisation comes before.

    """

    def __init__(self, inputs: int, units: int, *, is_normalised: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(inputs) if is_normalised else None
        self.gru = nn.GRU(inputs, units, batch_first=True, bidirectional=True)

    @property
    def description(self) -> str:
        """The layer."""
        return ("batch norm, " if self.norm is not None else "") + "bidirectional GRU, directions summed"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs of all steps and the unchanged lengths."""
        if x.ndim == 4:
            x = x.flatten(1, 2).transpose(1, 2)
        if self.norm is not None:
            x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        forward, backward = run_gru(self.gru, x, lengths).chunk(2, dim=2)
        return forward + backward, lengths


class CharacterLayer(Block):
    """Batch normalisation and the log-probabilities of symbols: [batch, time, in] -> [batch, time, symbols]."""

    def __init__(self, inputs: int, symbols: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(inputs)
        self.linear = nn.Linear(inputs, symbols, bias=False)

    @property
    def description(self) -> str:
        """The layer."""
        return "batch norm, linear, log-softmax"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return log-probabilities and the unchanged lengths."""
        logits = self.linear(self.norm(x.transpose(1, 2)).transpose(1, 2))
        return torch.log_softmax(logits, dim=2), lengths


def deep_speech_layers(bands: int, *, units: int, layers: int) -> dict[str, Block]:
    """Return two convolutions and recurrent layers, as in Deep Speech 2: [batch, time, bands] -> [batch, time', units].

    Args:
        bands: values per row of the input.
        units: of each direction of a recurrent layer.
        layers: number of recurrent layers.

    """
    blocks: dict[str, Block] = {
        "standardise": StandardisedImage(),
        "conv1": ClippedConv(1, CHANNELS, kernel=(41, 11), stride=(2, 2)),
        "conv2": ClippedConv(CHANNELS, CHANNELS, kernel=(21, 11), stride=(2, 1)),
    }
    halved = (bands + 1) // 2
    inputs = CHANNELS * ((halved + 1) // 2)
    for number in range(1, layers + 1):
        blocks[f"gru{number}"] = RecurrentLayer(inputs, units, is_normalised=number > 1)
        inputs = units
    return blocks


class StandardisedBands(Block):
    """Each band standardised by the input's own mean and deviation: [batch, time, bands] -> the same shape.

    Args:
        min_rows: shorter inputs are filled up with zeros, the mean.

    """

    def __init__(self, *, min_rows: int) -> None:
        super().__init__()
        self.min_rows = min_rows

    @property
    def description(self) -> str:
        """Standardised."""
        return "bands standardised by the input's own statistics"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the bands, 0 after the valid rows, and at least the minimum of lengths."""
        count = torch.full((x.shape[0],), x.shape[1], device=x.device) if lengths is None else lengths
        mask = valid_steps(count, x.shape[1])[:, :, None].to(x.dtype)
        number = count[:, None, None].to(x.dtype)
        centred = (x - (x * mask).sum(dim=1, keepdim=True) / number) * mask
        deviation = ((centred**2).sum(dim=1, keepdim=True) / number).sqrt()
        missing = torch.sym_max(self.min_rows - x.shape[1], 0)  # type: ignore[no-untyped-call]
        y = nn.functional.pad(centred / deviation.clamp(min=SMALLEST_DEVIATION), (0, 0, 0, missing))
        return y, None if lengths is None else lengths.clamp(min=self.min_rows)


class DilatedConv(Block):
    """Convolution over time with gaps, ReLU, batch normalisation: [batch, time, in] -> [batch, time - 8, out].

    There is no padding at the ends, so an output depends on nine rows of the input.

    Args:
        inputs: values per row.
        outputs: filters.

    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, KERNEL, dilation=DILATION)
        self.norm = nn.BatchNorm1d(outputs, eps=EPSILON)

    @property
    def description(self) -> str:
        """The convolution."""
        return f"convolution {KERNEL} with dilation {DILATION}, ReLU, batch norm"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - the same for every dimension
        """Return the rows that an output depends on."""
        return REACH

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the normalised activations, 0 after the valid steps, and the number of these."""
        y = self.norm(torch.relu(self.convolution(x.transpose(1, 2))))
        lengths = None if lengths is None else lengths - (REACH - 1)
        return mask_time(y, lengths).transpose(1, 2), lengths


class StepNorm(Block):
    """Batch normalisation of the values of each step: [batch, time, values] -> the same shape."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(values, eps=EPSILON)

    @property
    def description(self) -> str:
        """Batch norm."""
        return "batch norm"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the normalised values, 0 after the valid steps, and the unchanged lengths."""
        return mask_time(self.norm(x.transpose(1, 2)), lengths).transpose(1, 2), lengths


class SymbolLayer(Block):
    """Log-probabilities of symbols: [batch, time, values] -> [batch, time, symbols]."""

    def __init__(self, values: int, symbols: int) -> None:
        super().__init__()
        self.linear = nn.Linear(values, symbols)

    @property
    def description(self) -> str:
        """The layer."""
        return "linear, log-softmax"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return log-probabilities and the unchanged lengths."""
        return torch.log_softmax(self.linear(x), dim=2), lengths


def letter_layers(kind: LetterKind, bands: int, *, units: int, last: int = LAYERS) -> dict[str, Block]:
    """Return a recogniser of letters up to a recurrent layer and its norm: [batch, time, bands] -> [batch, time', out].

    Args:
        kind: "gru" for GRU layers of one direction with ReLU; "convolution" for a convolution and GRU layers of both
            directions with tanh.
        bands: values per row of the input.
        units: of a recurrent layer, of both directions together.
        last: number of recurrent layers.

    """
    convolves = kind == "convolution"
    blocks: dict[str, Block] = {"standardise": StandardisedBands(min_rows=REACH if convolves else 1)}
    inputs = bands
    if convolves:
        inputs = units // 2
        blocks["conv1"] = DilatedConv(bands, inputs)
    for number in range(1, last + 1):
        blocks[f"gru{number}"] = RevisedGru(
            inputs,
            units // 2 if convolves else units,
            activation="tanh" if convolves else "relu",
            bidirectional=convolves,
        )
        blocks[f"norm{number}"] = StepNorm(units)
        inputs = units
    return blocks
