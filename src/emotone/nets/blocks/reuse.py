"""Blocks that reuse a recogniser. Conventions as in `emotone.nets.blocks.base`; sequences are [batch, time, values].

Rows of two branches enter side by side: those of the recogniser first. Key idea: of the recogniser, the network that
works along with it (`CepstralBranch`) needs only the mean over time. That is laid out as further rows before those of
the branch, so that the frozen recogniser is an ordinary block, whose small outputs are computed once and cached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, mask_time, valid_steps
from emotone.nets.blocks.recurrent import GruLayer

if TYPE_CHECKING:
    from collections.abc import Mapping

SMOOTHED = 15  # rows of the moving average of the pitch
DELTA_REACH = 2  # rows before and after
SMALLEST_DEVIATION = 1e-5


class Recogniser(Block):
    """The first layers of a recogniser as one block: [batch, time, bands] -> [batch, time', values].

    With further values per row, those of another branch, it returns rows of that branch: [batch, rows + time, further].
    The first of them hold the recogniser's outputs, averaged over time (see `mean_from_rows`).

    Args:
        blocks: the layers, by the names that they have in a source; a stack of outputs counts as its last one.
        bands: values per row that the first layer reads.

    """

    def __init__(self, blocks: Mapping[str, Block], *, bands: int) -> None:
        super().__init__()
        self.names = tuple(blocks)
        self.bands = bands
        for name, block in blocks.items():
            self.add_module(name, block)

    @property
    def description(self) -> str:
        """Its last layer."""
        return f"recogniser up to {self.names[-1]}"

    def time_kernel(self, dimension: int) -> int:
        """Return that of its widest layer."""
        kernels = (self.get_submodule(name).time_kernel(dimension) for name in self.names)  # type: ignore[operator]
        return int(max(kernels))

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the outputs of its last layer, or the rows of the other branch."""
        y, steps = x[:, :, : self.bands], lengths
        for name in self.names:
            y, steps = self.get_submodule(name)(y, steps)
        if y.ndim == 4:  # a stack of outputs
            y = y[:, -1]
        further = x[:, :, self.bands :]
        if not further.shape[2]:
            return mask_time(y.transpose(1, 2), steps).transpose(1, 2), steps
        rows = mean_as_rows(mean_over_time(y, steps), values=further.shape[2])
        if lengths is not None:
            further = further * valid_steps(lengths, further.shape[1])[:, :, None].to(further.dtype)
            lengths = lengths + rows.shape[1]
        return torch.cat([rows, further], dim=1), lengths


class CepstralFeatures(Block):
    """Cepstra with deltas and smoothed pitch, standardised: [batch, time, n + 1] -> [batch, time, 2 n + 1].

    The last value of a row is the pitch, 0 where there is none. It becomes a moving average over 15 rows, of fewer at
    the ends. A delta is the slope of the regression line through five rows, the first and the last of which repeat at
    the ends. Then each value has the mean 0 and the deviation 1 over the valid rows.
    """

    @property
    def description(self) -> str:
        """What it computes."""
        return f"deltas, pitch averaged over {SMOOTHED} rows, standardised by the input's own statistics"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - the same for every dimension
        """Return the rows of the moving average."""
        return SMOOTHED

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the features, 0 after the valid rows, and the unchanged lengths."""
        count = torch.full((x.shape[0],), x.shape[1], device=x.device) if lengths is None else lengths
        mask = valid_steps(count, x.shape[1])[:, :, None].to(x.dtype)
        cepstra, pitch = x[:, :, :-1], x[:, :, -1:]
        features = torch.cat([cepstra, deltas(cepstra, count), _moving_average(pitch, mask)], dim=2)
        number = count[:, None, None].to(x.dtype)
        centred = (features - (features * mask).sum(dim=1, keepdim=True) / number) * mask
        deviation = ((centred**2).sum(dim=1, keepdim=True) / number).sqrt()
        return centred / deviation.clamp(min=SMALLEST_DEVIATION), lengths


class CepstralBranch(Block):
    """Two GRUs on cepstra and pitch, averaged over time, after a recogniser's mean: [batch, rows, in] -> [batch, out].

    Args:
        embedding: values of the recogniser's mean, which the first rows hold.
        inputs: values per row.
        units: of each direction of a GRU.

    """

    def __init__(self, embedding: int, inputs: int, units: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.features = CepstralFeatures()
        self.gru1 = GruLayer(2 * inputs - 1, units)
        self.gru2 = GruLayer(2 * units, units)

    @property
    def description(self) -> str:
        """Its layers."""
        return f"{self.features.description}, 2 x {self.gru1.description}, averaged, after the recogniser's mean"

    def time_kernel(self, dimension: int) -> int:
        """Return that of the features."""
        return self.features.time_kernel(dimension)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return both means; the time axis is gone, so the lengths are None."""
        mean, y = mean_from_rows(x, self.embedding)
        steps = None if lengths is None else lengths - (x.shape[1] - y.shape[1])
        for block in (self.features, self.gru1, self.gru2):
            y, _ = block(y, steps)
        return torch.cat([mean, mean_over_time(y, steps)], dim=1), None


class MeanOfSteps(Block):
    """The mean over the valid steps: [batch, time, values] -> [batch, values]."""

    @property
    def description(self) -> str:
        """Mean over time."""
        return "mean over time"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the mean; the time axis is gone, so the lengths are None."""
        return mean_over_time(x, lengths), None


def mean_over_time(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mean [batch, values] of the valid steps of x [batch, time, values]."""
    if lengths is None:
        return x.mean(dim=1)
    mask = valid_steps(lengths, x.shape[1])[:, :, None].to(x.dtype)
    return (x * mask).sum(dim=1) / lengths[:, None].to(x.dtype)


def mean_as_rows(mean: Tensor, *, values: int) -> Tensor:
    """Return a mean [batch, n] as rows [batch, ceil(n / values), values], filled up with zeros."""
    rows = -(-mean.shape[1] // values)
    return nn.functional.pad(mean, (0, rows * values - mean.shape[1])).reshape(-1, rows, values)


def mean_from_rows(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the mean [batch, count] that the first rows of x [batch, rows, values] hold, and the other rows."""
    rows = -(-count // x.shape[2])
    return x[:, :rows].flatten(1)[:, :count], x[:, rows:]


def deltas(x: Tensor, lengths: Tensor) -> Tensor:
    """Return the slopes [batch, time, values] of regression lines through five rows of x.

    With x_t the rows, of which the first and the last repeat beyond the ends:
    d_t = sum_k k (x_(t+k) - x_(t-k)) / (2 sum_k k^2), for k = 1, 2.
    """
    rows, last = torch.arange(x.shape[1], device=x.device), lengths[:, None] - 1

    def shifted(by: int) -> Tensor:
        places = torch.minimum((rows + by).clamp(min=0)[None], last)
        return x.gather(1, places[:, :, None].expand_as(x))

    weights = range(1, DELTA_REACH + 1)
    total = sum((k * (shifted(k) - shifted(-k)) for k in weights), torch.zeros_like(x))
    return total / (2 * sum(k * k for k in weights))


def _moving_average(x: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the valid rows within half a window of each row of x [batch, time, 1]."""

    def average(values: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool1d(values.transpose(1, 2), SMOOTHED, stride=1, padding=SMOOTHED // 2)
        return pooled.transpose(1, 2)

    return average(x * mask) / average(mask).clamp(min=0.5 / SMOOTHED)
