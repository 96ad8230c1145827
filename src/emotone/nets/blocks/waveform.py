"""Blocks for raw samples. Conventions as in `emotone.nets.blocks.base`; signals are [batch, channels, time].

All of them are plain torch operations: they are exported with the network, so training and prediction share them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, MeanOverTime, mask_time, valid_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

SILENCE = 1e-5  # root mean square that limits the gain: -100 dBFS, below 16-bit quantisation noise


class SampleReader(Block):
    """Rows of samples as one signal at the scale that the network expects: [batch, time, dimension] -> [batch, 1, S].

    Args:
        level: root mean square of the returned signal, relative to a full scale of 1; None keeps the level.
        scale: value of full scale in the returned signal. With a level, samples beyond full scale are clipped.
        min_samples: shorter signals are padded with zeros at the end. Padding does not count for the level.

    """

    def __init__(self, *, level: float | None, scale: float, min_samples: int) -> None:
        super().__init__()
        self.level = level
        self.scale = scale
        self.min_samples = min_samples

    @property
    def description(self) -> str:
        """Rows to samples."""
        return "rows to samples, level, scale"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the signal, with `lengths` in samples."""
        y = x.flatten(1)
        count: Tensor | int = y.shape[1]
        if lengths is not None:
            lengths = lengths * x.shape[2]
            count = lengths[:, None].to(y.dtype)
            y = y * valid_steps(lengths, y.shape[1]).to(y.dtype)
            lengths = lengths.clamp(min=self.min_samples)
        if self.level is not None:
            power = (y * y).sum(dim=1, keepdim=True) / count
            y = (y * (self.level / power.sqrt().clamp(min=SILENCE))).clamp(-1.0, 1.0)
        missing = torch.sym_max(self.min_samples - y.shape[1], 0)  # type: ignore[no-untyped-call]
        y = nn.functional.pad(y * self.scale, (0, missing))
        return y.unsqueeze(1), lengths


class StandardisedSamples(Block):
    """Rows of samples as one signal of fixed length with mean 0 and standard deviation 1.

    [batch, time, dimension] -> [batch, 1, samples]. Longer signals are cut; shorter ones are padded with zeros at the
    end, which do not count for the mean and the deviation.
    """

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples

    @property
    def description(self) -> str:
        """Rows to samples."""
        return "rows to samples, cut or padded, standardised"

    def time_kernel(self, dimension: int) -> int:
        """Return the number of rows that hold the samples."""
        return math.ceil(self.samples / dimension)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the signal; all of it is valid, so the lengths are None."""
        y = x.flatten(1)
        mask = torch.ones_like(y) if lengths is None else valid_steps(lengths * x.shape[2], y.shape[1]).to(y.dtype)
        y, mask = self._fit(y * mask), self._fit(mask)
        count = mask.sum(dim=1, keepdim=True)
        y = (y - y.sum(dim=1, keepdim=True) / count) * mask
        deviation = ((y * y).sum(dim=1, keepdim=True) / count).sqrt()
        return (y / deviation.clamp(min=SILENCE)).unsqueeze(1), None

    def _fit(self, y: Tensor) -> Tensor:
        return nn.functional.pad(y, (0, self.samples))[:, : self.samples]


class NormConv1d(Block):
    """Convolution, batch normalisation, ReLU, max-pooling: [batch, in, time] -> [batch, out, time'].

    The ReLU follows the pooling: as it is monotonic, values and gradients are the same, and fewer values pass through
    it.

    The number of steps n becomes (n + 2 padding - kernel) // stride + 1, then // pool: steps that do not fill a pool
    are dropped.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, padding: int, pool: int) -> None:
        super().__init__()
        self.pool = pool
        self.convolution = nn.Conv1d(inputs, outputs, kernel, stride, padding)
        self.norm = nn.BatchNorm1d(outputs)

    @property
    def description(self) -> str:
        """Kernel, stride and pooling."""
        pool = f", max of {self.pool}" if self.pool > 1 else ""
        return f"convolution {_sizes(self.convolution)}, batch norm, ReLU{pool}"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - see Block
        """Return the steps that the pooled convolutions cover."""
        return self.convolution.kernel_size[0] + self.convolution.stride[0] * (self.pool - 1)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output and its lengths."""
        x = self.norm(convolve(x, self.convolution))
        if self.pool > 1:
            x = nn.functional.max_pool1d(x, self.pool)
        x = torch.relu(x)
        if lengths is not None:
            lengths = output_steps(lengths, self.convolution) // self.pool
        return mask_time(x, lengths), lengths


class DropoutConv1d(Block):
    """Convolution, ReLU, max-pooling, dropout, for signals of one length: [batch, in, time] -> [batch, out, time'].

    Dropout is part of the block, so freezing the block also turns its dropout off.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, dropout: float, pool: int = 1) -> None:
        super().__init__()
        self.pool = pool
        self.convolution = nn.Conv1d(inputs, outputs, kernel, stride)
        self.dropout = nn.Dropout(dropout)

    @property
    def description(self) -> str:
        """Kernel, stride, pooling, and the share of values that are dropped."""
        pool = f", max of {self.pool}" if self.pool > 1 else ""
        return f"convolution {_sizes(self.convolution)}, ReLU{pool}, dropout {self.dropout.p:g}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output; steps that do not fill a pool are dropped."""
        x = torch.relu(self.convolution(x))
        if self.pool > 1:
            x = nn.functional.max_pool1d(x, self.pool)
        return self.dropout(x), lengths


class ScoreConv1d(Block):
    """Convolution to scores per step: [batch, in, time] -> [batch, classes, time']."""

    def __init__(self, inputs: int, classes: int, *, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, classes, kernel, stride, padding)

    @property
    def description(self) -> str:
        """Kernel and stride."""
        return f"convolution {_sizes(self.convolution)}, scores per step"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - see Block
        """Return the kernel's size."""
        return self.convolution.kernel_size[0]

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the scores and their lengths."""
        return self.convolution(x), None if lengths is None else output_steps(lengths, self.convolution)


class ScoreHeads(nn.Module):
    """Several convolutions to scores of one input, by name."""

    def __init__(self, heads: Mapping[str, ScoreConv1d]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(dict(heads))

    def forward(self, x: Tensor, lengths: Tensor | None) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Return scores [batch, classes, time'] with their lengths, by head."""
        return {name: head(x, lengths) for name, head in self.heads.items()}


class MultiHeadNetwork(nn.Module):
    """Named blocks with several heads at the end: a source network, whose heads are not transferred.

    The blocks of the trunk are stored in `blocks`, like those of a network with one head, so tensors have the same
    names.
    """

    def __init__(self, blocks: Mapping[str, nn.Module], heads: ScoreHeads) -> None:
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


def convolve(x: Tensor, convolution: nn.Conv1d) -> Tensor:
    """Return the convolution of [batch, in, time]; with a stride, several times faster than torch's own.

    Key idea: a convolution with stride s equals one without stride over s times the channels, where channel (c, r)
    holds every s-th value of channel c from the r-th on, of the signal and of the kernel alike. The sums differ in
    their order only. Torch is slow with few channels and a stride. The kernel must be a multiple of the stride.
    Exported networks contain the plain convolution, which ONNX Runtime computes fast.
    """
    (stride,), (kernel,), padding = convolution.stride, convolution.kernel_size, int(convolution.padding[0])
    if stride == 1 or kernel % stride or torch.compiler.is_exporting():
        plain: Tensor = convolution(x)
        return plain
    x = nn.functional.pad(x, (padding, padding))
    x = x[:, :, : x.shape[2] // stride * stride]
    signal, weight = (
        y.reshape(y.shape[0], y.shape[1], -1, stride).transpose(2, 3).flatten(1, 2) for y in (x, convolution.weight)
    )
    return nn.functional.conv1d(signal, weight, convolution.bias)


def output_steps(lengths: Tensor, convolution: nn.Conv1d) -> Tensor:
    """Return the number of output steps of a convolution for inputs of these lengths."""
    padding = int(convolution.padding[0])
    return (lengths + 2 * padding - convolution.kernel_size[0]) // convolution.stride[0] + 1


def _sizes(convolution: nn.Conv1d) -> str:
    stride = convolution.stride[0]
    return f"{convolution.kernel_size[0]}{f', stride {stride}' if stride > 1 else ''}"
