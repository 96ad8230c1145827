"""Blocks that divide a window into segments. Conventions as in `emotone.nets.blocks.base`.

Between `SegmentCutter` and the pooling of segments (`emotone.nets.blocks.segment_pooling`) x is [batch, segments, ...],
and lengths count segments. `per_segment` makes a block that was written for items process each segment.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, valid_steps

if TYPE_CHECKING:
    from emotone.nets.settings import GridPlacement

SMOOTHING = 5  # rows: levels are averaged over 50 ms, so that a single row is no valley
LOWEST = -1e30  # replaces minus infinity, whose gradient may be NaN


class SegmentCutter(Block):
    """Rows as overlapping segments of one size: [batch, time, bands] -> [batch, segments, rows, bands].

    A segment that extends beyond its item is filled with silence. An item with n rows has ceil(n / hop) segments.

    - "grid": segments start at the multiples of the hop.
    - "speech": the same, from the first to the last loud row; rows within `drop` of the loudest row are loud.
    - "valleys": each segment starts at the lowest level within half a hop of its place on the grid.

    Args:
        rows: of a segment.
        hop: rows between the starts of two segments.
        silence: value of the front end's rows for silence.
        drop: in the unit of the front end's rows.
        placement: "grid", "speech" or "valleys".

    """

    def __init__(self, *, rows: int, hop: int, silence: float, drop: float, placement: GridPlacement) -> None:
        super().__init__()
        self.rows = rows
        self.hop = hop
        self.silence = silence
        self.drop = drop
        self.placement = placement

    @property
    def description(self) -> str:
        """Size and hop of the segments."""
        return f"segments of {self.rows} rows every {self.hop}"

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - see Block
        """Return the rows of a segment."""
        return self.rows

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the segments and their number per item; None only for a grid without lengths."""
        batch, time = x.shape[:2]
        if lengths is not None:
            x = torch.where(valid_steps(lengths, time)[:, :, None], x, self.silence)
        x = torch.cat([x, x.new_full((self.rows, x.shape[2]), self.silence).expand(batch, -1, -1)], dim=1)
        starts = self.hop * torch.arange((time - 1) // self.hop + 1, device=x.device).expand(batch, -1)
        used_rows = lengths
        if self.placement != "grid":
            rows = torch.full((batch,), time, device=x.device) if lengths is None else lengths
            place = self._speech_grid if self.placement == "speech" else self._valleys
            offsets, used_rows = place(x, starts, rows)
            starts = starts + offsets
        places = starts[:, :, None] + torch.arange(self.rows, device=x.device)
        places = places.clamp(max=time + self.rows - 1)  # the last row is silent
        items = torch.arange(batch, device=x.device)[:, None, None]
        return x[items, places], None if used_rows is None else (used_rows - 1) // self.hop + 1

    def _speech_grid(self, x: Tensor, starts: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - as below
        """Return the offset of each item's grid [batch, 1], and the rows from there to its last loud one."""
        level = x.logsumexp(dim=2).masked_fill(~valid_steps(rows, x.shape[1]), LOWEST)
        loud = (level >= level.amax(dim=1, keepdim=True) - self.drop).to(torch.int64)
        first = loud.argmax(dim=1, keepdim=True)
        last = x.shape[1] - 1 - loud.flip(1).argmax(dim=1)
        return first, last - first[:, 0] + 1

    def _valleys(self, x: Tensor, starts: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the offset of each segment [batch, segments], and the rows of each item."""
        level = x.logsumexp(dim=2)[:, None]
        level = nn.functional.avg_pool1d(level, SMOOTHING, 1, SMOOTHING // 2, count_include_pad=False)[:, 0]
        offsets = torch.arange(-(self.hop // 2), self.hop - self.hop // 2, device=x.device)
        places = starts[:, :, None] + offsets
        inside = (places >= 0) & (places < rows[:, None, None])
        items = torch.arange(x.shape[0], device=x.device)[:, None, None]
        levels = level[items, places.clamp(0, x.shape[1] - 1)].masked_fill(~inside, -LOWEST)
        # A segment after the item's end has no place inside; it is not counted and keeps its place.
        return torch.where(inside.any(dim=2), offsets[levels.argmin(dim=2)], 0), rows


class _PerSegment(Block):
    skips_padding: bool = False

    def time_kernel(self, dimension: int) -> int:  # noqa: ARG002 - see Block
        """Return 1: a step is a segment."""
        return 1

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the block's output for each segment, and the unchanged lengths."""
        batch, segments = x.shape[:2]
        if self.skips_padding and lengths is not None and torch.is_grad_enabled():
            valid = valid_steps(lengths, segments)
            y, _ = super().forward(x[valid], None)
            padded = y.new_zeros(batch, segments, *y.shape[1:])
            padded[valid] = y
            return padded, lengths
        y, _ = super().forward(x.flatten(0, 1), None)
        return y.reshape(batch, segments, *y.shape[1:]), lengths


def per_segment(block: Block, *, skips_padding: bool = False) -> Block:
    """Return a block that processes each segment as the given block processes each item.

    It shares the given block's tensors, under the same names, so that weights for that block's network fit. As in
    `torch.nn.utils.parametrize`, the module's class is replaced by a subclass: a wrapper would change the names.

    Args:
        block: for items.
        skips_padding: where gradients are computed, the output of segments that no item has is 0 instead, which saves
            most of the time if items differ in length. Not for batch normalisation, whose statistics would differ.

    """
    copied = copy.copy(block)
    copied.__class__ = _per_segment_class(type(block))  # type: ignore[arg-type] # mypy: a class is hashable
    copied.skips_padding = skips_padding  # type: ignore[assignment] # torch: an attribute may be a module
    return copied


@cache
def _per_segment_class(kind: type[Block]) -> type[Block]:
    return type(f"PerSegment{kind.__name__}", (_PerSegment, kind), {"__module__": kind.__module__})
