"""Blocks of speech recognisers that read a spectrogram. Conventions as in `emotone.nets.blocks.base`.

Images are [batch, channels, bands, time], sequences [batch, time, values].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, mask_time, valid_steps
from emotone.nets.blocks.gru import run_gru

CEILING = 20.0  # of clipped activations
SMALLEST_DEVIATION = 1e-5
CHANNELS = 32  # of both convolutions


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
