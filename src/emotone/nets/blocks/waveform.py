"""Building blocks on raw samples. Conventions as in `emotone.nets.blocks.base`; signals are [batch, channels, time].

All of them are plain torch operations: they are exported with the net, so that training and prediction share them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import valid

if TYPE_CHECKING:
    from collections.abc import Mapping

SILENCE = 1e-5  # root mean square below which a level is not raised: -100 dBFS, under 16-bit quantisation noise


class Samples(nn.Module):
    """Rows of samples to one signal at the scale that the net was made for: [batch, time, dimension] -> [batch, 1, S].

    Args:
        level: root mean square that the signal gets, of full scale 1; None leaves the level as it is.
        scale: what full scale becomes. With a level, what lies beyond full scale after the gain is clipped to it.
        least: samples; zeros are put behind a shorter signal. They don't count for its level.

    """

    def __init__(self, *, level: float | None, scale: float, least: int) -> None:
        super().__init__()
        self.level = level
        self.scale = scale
        self.least = least

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the signal, with `lengths` in samples."""
        y = x.flatten(1)
        count: Tensor | int = y.shape[1]
        if lengths is not None:
            lengths = lengths * x.shape[2]
            count = lengths[:, None].to(y.dtype)
            y = y * valid(lengths, y.shape[1]).to(y.dtype)
            lengths = lengths.clamp(min=self.least)
        if self.level is not None:
            power = (y * y).sum(dim=1, keepdim=True) / count
            y = (y * (self.level / power.sqrt().clamp(min=SILENCE))).clamp(-1.0, 1.0)
        missing = torch.sym_max(self.least - y.shape[1], 0)  # type: ignore[no-untyped-call]
        y = nn.functional.pad(y * self.scale, (0, missing))
        return y.unsqueeze(1), lengths


class Conv1dBlock(nn.Module):
    """Convolution, batch normalisation, ReLU, max-pooling: [batch, in, time] -> [batch, out, time'].

    The ReLU is taken of what the pools keep: as it never puts a smaller value above a larger one, the numbers and the
    gradients are the same, and fewer values go through it.

    Time comes out as n -> (n + 2 padding - kernel) // stride + 1 -> // pool: what does not fill a pool is left out.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, padding: int, pool: int) -> None:
        super().__init__()
        self.pool = pool
        self.convolution = nn.Conv1d(inputs, outputs, kernel, stride, padding)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output and its lengths."""
        x = self.norm(convolve(x, self.convolution))
        if self.pool > 1:
            x = nn.functional.max_pool1d(x, self.pool)
        x = torch.relu(x)
        if lengths is not None:
            lengths = steps(lengths, self.convolution) // self.pool
            x = x * valid(lengths, x.shape[2])[:, None, :].to(x.dtype)
        return x, lengths


def convolve(x: Tensor, convolution: nn.Conv1d) -> Tensor:
    """Return what the convolution makes of [batch, in, time]; where it has a stride, several times sooner.

    A stride of s is no stride over s times the channels: channel (c, r) holds every s-th value of channel c from the
    r-th on, of the signal and of the kernel alike. The sums are the same but for their order; kernels of few channels
    and a stride are what torch is slow with. It needs a kernel of whole strides. Exported nets hold the convolution as
    it is: ONNX Runtime is not slow with it.
    """
    (stride,), (kernel,), padding = convolution.stride, convolution.kernel_size, int(convolution.padding[0])
    if stride == 1 or kernel % stride or torch.compiler.is_exporting():
        whole: Tensor = convolution(x)
        return whole
    x = nn.functional.pad(x, (padding, padding))
    x = x[:, :, : x.shape[2] // stride * stride]
    signal, weight = (
        y.reshape(y.shape[0], y.shape[1], -1, stride).transpose(2, 3).flatten(1, 2) for y in (x, convolution.weight)
    )
    return nn.functional.conv1d(signal, weight, convolution.bias)


class Dropout(nn.Module):
    """Dropout of single values."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(rate)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return x with values dropped in training, and the unchanged lengths."""
        return self.dropout(x), lengths


class Conv1dScores(nn.Module):
    """Convolution to scores per step: [batch, in, time] -> [batch, classes, time']."""

    def __init__(self, inputs: int, classes: int, *, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, classes, kernel, stride, padding)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the scores and their lengths."""
        return self.convolution(x), None if lengths is None else steps(lengths, self.convolution)


class MeanOverTime(nn.Module):
    """The mean over the valid steps: [batch, channels, time] -> [batch, channels]."""

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the mean; lengths are used up, so None comes back."""
        if lengths is None:
            return x.mean(dim=2), None
        mask = valid(lengths, x.shape[2])[:, None, :].to(x.dtype)
        return (x * mask).sum(dim=2) / lengths[:, None].to(x.dtype), None


class Heads(nn.Module):
    """Several convolutions to scores of one input, by name."""

    def __init__(self, heads: Mapping[str, Conv1dScores]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(dict(heads))

    def forward(self, x: Tensor, lengths: Tensor | None) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Return scores [batch, classes, time'] with their lengths, by head."""
        return {name: head(x, lengths) for name, head in self.heads.items()}


class ManyHeads(nn.Module):
    """Named blocks that end in several heads: a source net, whose heads are left behind in a transfer.

    The blocks of the trunk lie in `blocks` as those of a net of one head do, so that tensors have the same names.
    """

    def __init__(self, blocks: Mapping[str, nn.Module], heads: Heads) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict({**blocks, "heads": heads})

    def steps(self, x: Tensor, lengths: Tensor | None = None) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Return logits [batch, classes, time'] of x [batch, time, dimension] with their lengths, by head."""
        scores: dict[str, tuple[Tensor, Tensor | None]] = {}
        for name, block in self.blocks.items():
            if name == "heads":
                scores = block(x, lengths)
            else:
                x, lengths = block(x, lengths)
        return scores

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Return logits [batch, classes] of x [batch, time, dimension], the mean over time, by head."""
        mean = MeanOverTime()
        return {name: mean(*scores)[0] for name, scores in self.steps(x, lengths).items()}


def steps(lengths: Tensor, convolution: nn.Conv1d) -> Tensor:
    """Return how many steps a convolution makes of so many."""
    padding = int(convolution.padding[0])
    return (lengths + 2 * padding - convolution.kernel_size[0]) // convolution.stride[0] + 1
