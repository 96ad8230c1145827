"""Blocks that divide a window into segments, and classify it by them. Conventions as in `emotone.nets.blocks.base`.

Between `SegmentCutter` and the pooling of segments x is [batch, segments, ...],
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
    from emotone.nets.base import GridPlacement, PoolingMethod

SMOOTHING = 5  # rows: levels are averaged over 50 ms, so that a single row is no valley
LOWEST = -1e30  # replaces minus infinity, whose gradient may be NaN

DISTANCE = 2  # segments: one of a second, every half second, ends where the second next starts
MIN_NORM = 1e-12  # of vectors that are divided by their norm


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


class ChangePointPooling(nn.Module):
    """Segments every half second, averaged between change points: [batch, segments, in] -> the same shape.

    Key idea: take two adjacent seconds a and b, scaled to unit length. The sum of their squared distances from their
    mean is |a - b|^2 / 2 = 1 - cos(a, b); from a mean of their own it is 0. Two segments are better than one where that
    exceeds a penalty per segment: kernel change-point detection with the kernel cos(a, b), decided from the second
    before and the second after a place alone. These do not overlap, unlike neighbours on a grid of half seconds, whose
    distance is large at two places of one change.

    A long segment starts at the first half second, and wherever the distance is a peak above the penalty. Its value is
    the mean of the seconds inside it, without the one across a change. The last second of an item adds nothing to the
    one before it but the silence that fills it, so it counts only if it is the only one. A change point has at least a
    second before it and more than a second after it.

    Args:
        penalty: a distance, from 0 to 2.

    References: Harchaoui, Cappé, Retrospective multiple change-point estimation with kernels, SSP 2007; Arlot, Celisse,
    Harchaoui, A kernel multiple change-point algorithm via model selection, JMLR 20, 2019; Chen, Gopalakrishnan,
    Speaker, environment and channel change detection and clustering via the Bayesian information criterion, DARPA
    Broadcast News Workshop 1998, for the decision between one segment and two.

    """

    def __init__(self, penalty: float) -> None:
        super().__init__()
        self.penalty = penalty

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the long segments, and the half seconds of each [batch, segments]: 0 after an item's last one."""
        batch, count = x.shape[:2]
        places = torch.arange(count, device=x.device).expand(batch, -1)
        counts = x.new_full((batch, 1), count).long() if lengths is None else lengths[:, None]
        starts = self._starts(x, places, counts)
        number = starts.to(torch.int64).cumsum(dim=1) - 1
        across = torch.cat([starts[:, 1:], starts.new_zeros(batch, 1)], dim=1)
        whole = (places < (counts - 1).clamp(min=1)) & ~across
        member = number[:, None, :] == places[:, :, None]  # [batch, long segments, segments]
        inside = (member & whole[:, None, :]).to(x.dtype)
        means = (inside @ x) / inside.sum(dim=2, keepdim=True).clamp(min=1.0)
        return means, (member & (places < counts)[:, None, :]).to(x.dtype).sum(dim=2)

    def _starts(self, x: Tensor, places: Tensor, counts: Tensor) -> Tensor:
        """Return booleans [batch, segments]: true where a long segment starts with this one."""
        scaled = x / x.norm(dim=2, keepdim=True).clamp(min=MIN_NORM)
        before = torch.cat([scaled.new_zeros(x.shape[0], DISTANCE, x.shape[2]), scaled], dim=1)[:, : x.shape[1]]
        distance = 1.0 - (scaled * before).sum(dim=2)
        distance = distance.masked_fill((places < DISTANCE) | (places >= counts - DISTANCE), -1.0)
        edge = distance.new_full((x.shape[0], 1), -1.0)
        earlier = torch.cat([edge, distance], dim=1)[:, : x.shape[1]]
        later = torch.cat([distance, edge], dim=1)[:, 1:]
        peaks: Tensor = (distance > self.penalty) & (distance > earlier) & (distance >= later)
        return peaks | (places == 0)


class SegmentClassifier(Block):
    """Logits of each segment, pooled: [batch, segments, in] -> [batch, classes].

    With z the logits of a segment, and s its share of the item (1 / n for n segments, or its share of the time between
    change points),

    - "mean-logit": sum s z.
    - "attention": sum a z, where a = softmax over segments of ln s + w tanh(V h), and h is the input of the output
    layer.
    - "gated-attention": the same with w (tanh(V h) * sigmoid(U h)).
    - "log-sum-exp": ln sum s exp z, label by label: between the mean and the maximum.
    - "max": the largest z, label by label.

    Args:
        inputs: values of a segment.
        hidden: units of the hidden layer; 0 for none.
        classes: number of logits.
        dropout: share of values dropped before each linear layer in training.
        pooling: one of these methods.
        attention: rows of V and U.
        penalty: of `ChangePointPooling`, which comes first; None keeps the segments.

    Reference: Ilse, Tomczak, Welling, Attention-based deep multiple instance learning, ICML 2018.

    """

    def __init__(
        self,
        inputs: int,
        *,
        hidden: int,
        classes: int,
        dropout: float,
        pooling: PoolingMethod,
        attention: int,
        penalty: float | None = None,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.change_points = None if penalty is None else ChangePointPooling(penalty)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(inputs, hidden) if hidden else None
        self.output = nn.Linear(hidden or inputs, classes)
        attends = pooling in {"attention", "gated-attention"}
        self.look = nn.Linear(hidden or inputs, attention) if attends else None
        self.gate = nn.Linear(hidden or inputs, attention) if pooling == "gated-attention" else None
        self.weigh = nn.Linear(attention, 1, bias=False) if attends else None  # a bias would cancel out

    @property
    def description(self) -> str:
        """Hidden layer, output layer and pooling."""
        before = "" if self.change_points is None else "segments between change points, "
        hidden = "" if self.hidden is None else f"linear {self.hidden.out_features}, ReLU, "
        return f"{before}{hidden}linear, {self.pooling} over segments"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return logits; the segments are pooled, so the lengths are None."""
        if self.change_points is not None:
            x, durations = self.change_points(x, lengths)
            valid: Tensor | None = durations > 0
        else:
            valid = None if lengths is None else valid_steps(lengths, x.shape[1])
            durations = x.new_ones(1, x.shape[1]) if valid is None else valid.to(x.dtype)
        if valid is not None and self.training:  # most of a batch may be padding
            scores = self._scores(x[valid])
            scores = torch.zeros(*valid.shape, scores.shape[1], dtype=x.dtype).index_put((valid,), scores)
        else:
            scores = self._scores(x)
        return self._pooled(scores, durations, valid), None

    def _pooled(self, scores: Tensor, durations: Tensor, valid: Tensor | None) -> Tensor:
        """Return [batch, classes] of the output of `_scores`, weighted by the segments' durations, 0 for padding."""
        classes, log_durations = self.output.out_features, durations.clamp(min=1.0).log()[:, :, None]
        logits = scores[:, :, :classes]
        if self.weigh is not None:
            energy = _filled(scores[:, :, classes:] + log_durations, valid, LOWEST)
            return (torch.softmax(energy, dim=1) * logits).sum(dim=1)
        if self.pooling == "max":
            return _filled(logits, valid, LOWEST).amax(dim=1)
        total = durations.sum(dim=1, keepdim=True)
        if self.pooling == "mean-logit":
            return (_filled(logits, valid, 0.0) * durations[:, :, None]).sum(dim=1) / total
        return _filled(logits + log_durations, valid, LOWEST).logsumexp(dim=1) - total.log()

    def _scores(self, x: Tensor) -> Tensor:
        """Return the logits of segments [..., in], followed by their attention energy where there is attention."""
        x = self.dropout(x)
        if self.hidden is not None:
            x = self.dropout(torch.relu(self.hidden(x)))
        logits: Tensor = self.output(x)
        if self.look is None or self.weigh is None:
            return logits
        key = torch.tanh(self.look(x))
        if self.gate is not None:
            key = key * torch.sigmoid(self.gate(x))
        return torch.cat([logits, self.weigh(key)], dim=-1)


def _filled(x: Tensor, valid: Tensor | None, value: float) -> Tensor:
    return x if valid is None else x.masked_fill(~valid[:, :, None], value)
