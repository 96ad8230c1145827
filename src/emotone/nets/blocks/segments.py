"""Building blocks of nets that hear a window as a row of segments. Conventions as in `emotone.nets.blocks.base`.

Between `Segments` and what pools them (`emotone.nets.blocks.segment_pooling`) a segment is what an item of a batch is elsewhere:
[batch, segments, ...], with lengths that count segments. `each` makes a block that was written for items do its work
for each segment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks import image
from emotone.nets.blocks import mobilenet as mobile
from emotone.nets.blocks.base import valid

if TYPE_CHECKING:
    from emotone.nets.architectures.segment_pool import Laid

SMOOTH = 5  # rows: levels are means over 50 ms, so that a valley is no single row
LOWEST = -1e30  # stands for minus infinity, whose gradient may be no number


class Segments(nn.Module):
    """Rows as overlapping segments of one size: [batch, time, bands] -> [batch, segments, rows, bands].

    A segment that reaches beyond its item is filled up with silence. An item of n rows that are heard has ceil(n / hop)
    segments.

    - "grid": one begins at every multiple of the hop.
    - "speech": the same from the first loud row to the last one; loud is what comes within `drop` of the loudest.
    - "valleys": each begins where the level is lowest within half a hop of the grid's place.

    Args:
        rows: of a segment.
        hop: rows between the starts of two.
        silence: a value of the front end's rows where nothing sounds.
        drop: in the unit of the front end's rows.
        placed: where segments lie.

    """

    def __init__(self, *, rows: int, hop: int, silence: float, drop: float, placed: Laid) -> None:
        super().__init__()
        self.rows = rows
        self.hop = hop
        self.silence = silence
        self.drop = drop
        self.placed = placed

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the segments and how many each item has; None comes back only for a grid without lengths."""
        batch, time = x.shape[:2]
        if lengths is not None:
            x = torch.where(valid(lengths, time)[:, :, None], x, self.silence)
        x = torch.cat([x, x.new_full((self.rows, x.shape[2]), self.silence).expand(batch, -1, -1)], dim=1)
        starts = self.hop * torch.arange((time - 1) // self.hop + 1, device=x.device).expand(batch, -1)
        heard = lengths
        if self.placed != "grid":
            there = torch.full((batch,), time, device=x.device) if lengths is None else lengths
            first, heard = (self._spoken if self.placed == "speech" else self._at_valleys)(x, starts, there)
            starts = starts + first
        places = starts[:, :, None] + torch.arange(self.rows, device=x.device)
        places = places.clamp(max=time + self.rows - 1)  # the last row is silent
        items = torch.arange(batch, device=x.device)[:, None, None]
        return x[items, places], None if heard is None else (heard - 1) // self.hop + 1

    def _spoken(self, x: Tensor, starts: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - as below
        """Return how far each item's grid is moved, [batch, 1], and the rows from there to its last loud one."""
        level = x.logsumexp(dim=2).masked_fill(~valid(there, x.shape[1]), LOWEST)
        loud = (level >= level.amax(dim=1, keepdim=True) - self.drop).to(torch.int64)
        first = loud.argmax(dim=1, keepdim=True)
        last = x.shape[1] - 1 - loud.flip(1).argmax(dim=1)
        return first, last - first[:, 0] + 1

    def _at_valleys(self, x: Tensor, starts: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Return how far each segment is moved, [batch, segments], and the rows of each item."""
        level = x.logsumexp(dim=2)[:, None]
        level = nn.functional.avg_pool1d(level, SMOOTH, 1, SMOOTH // 2, count_include_pad=False)[:, 0]
        near = torch.arange(-(self.hop // 2), self.hop - self.hop // 2, device=x.device)
        places = starts[:, :, None] + near
        inside = (places >= 0) & (places < there[:, None, None])
        items = torch.arange(x.shape[0], device=x.device)[:, None, None]
        around = level[items, places.clamp(0, x.shape[1] - 1)].masked_fill(~inside, -LOWEST)
        # A segment behind the item's end has no place inside; it is not counted, and stays where it is.
        return torch.where(inside.any(dim=2), near[around.argmin(dim=2)], 0), there


class _Each(nn.Module):
    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return what the block makes of each segment, whole as they all are, and the unchanged lengths."""
        batch, segments = x.shape[:2]
        y, _ = super().forward(x.flatten(0, 1), None)
        return y.reshape(batch, segments, *y.shape[1:]), lengths


class EachPatch(_Each, image.Patch):
    """See `each`."""


class EachSame(_Each, image.SameBlock):
    """See `each`."""


class EachSeparable(_Each, image.SeparableBlock):
    """See `each`."""


class EachImage(_Each, mobile.Image):
    """See `each`."""


class EachConvNorm(_Each, mobile.ConvNorm):
    """See `each`."""


class EachInverted(_Each, mobile.Inverted):
    """See `each`."""


class EachMean(_Each, mobile.MeanEmbedding):
    """See `each`."""


_KINDS: dict[type[nn.Module], type[nn.Module]] = {
    kind.__mro__[2]: kind
    for kind in (EachPatch, EachSame, EachSeparable, EachImage, EachConvNorm, EachInverted, EachMean)
}


def each(block: nn.Module) -> nn.Module:
    """Return a block that does for each segment what the given one does for each item.

    It has the same tensors under the same names, so that weights of the given one's net fit; the given one is used up.
    """
    kind = _KINDS[type(block)]
    made = kind.__new__(kind)
    vars(made).update(vars(block))
    return made
