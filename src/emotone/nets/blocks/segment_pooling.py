"""Building blocks that say what a window is by its segments. Conventions as in `emotone.nets.blocks.segments`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import valid

if TYPE_CHECKING:
    from emotone.nets.architectures.segment_pool import Pool

LOWEST = -1e30  # stands for minus infinity, whose gradient may be no number
TOUCH = 2  # segments: one of a second, every half second, ends where the second next begins
SHORTEST = 1e-12  # of what is divided by its length


class Changes(nn.Module):
    """Segments every half second as longer ones, from change to change: [batch, segments, in] -> the same shape.

    Key idea: of two seconds that touch, a and b, with their values scaled to length 1, the squared distances from what
    they are together, their mean, are |a - b|^2 / 2 = 1 - cos(a, b) in all; from what each is alone, 0. As two segments
    they are told better than as one where that is more than a penalty for every segment: kernel change points with the
    kernel cos(a, b), decided from the second before and the second behind a place alone. Those don't overlap, as
    neighbours of a grid of half seconds do, whose distance is large at two places of one change.

    A segment begins at the first half second, and wherever the distance is a peak above the penalty. It is the mean of
    the seconds that lie in it, and not of one that lies across a change. An item's last second holds nothing that the
    one before it lacks, but silence that fills it up: it counts only where it is alone. A change leaves a second at
    least before it, and more than a second behind it.

    Args:
        penalty: a distance, from 0 to 2.

    References: Harchaoui, Cappé, Retrospective multiple change-point estimation with kernels, SSP 2007; Arlot, Celisse,
    Harchaoui, A kernel multiple change-point algorithm via model selection, JMLR 20, 2019; Chen, Gopalakrishnan,
    Speaker, environment and channel change detection and clustering via the Bayesian information criterion, DARPA
    Broadcast News Workshop 1998, for deciding between one segment and two.

    """

    def __init__(self, penalty: float) -> None:
        super().__init__()
        self.penalty = penalty

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the longer segments, and half seconds of each [batch, segments]: 0 behind an item's last one."""
        batch, count = x.shape[:2]
        places = torch.arange(count, device=x.device).expand(batch, -1)
        there = x.new_full((batch, 1), count).long() if lengths is None else lengths[:, None]
        begins = self._begins(x, places, there)
        number = begins.to(torch.int64).cumsum(dim=1) - 1
        across = torch.cat([begins[:, 1:], begins.new_zeros(batch, 1)], dim=1)
        whole = (places < (there - 1).clamp(min=1)) & ~across
        belongs = number[:, None, :] == places[:, :, None]  # [batch, longer segments, segments]
        inside = (belongs & whole[:, None, :]).to(x.dtype)
        means = (inside @ x) / inside.sum(dim=2, keepdim=True).clamp(min=1.0)
        return means, (belongs & (places < there)[:, None, :]).to(x.dtype).sum(dim=2)

    def _begins(self, x: Tensor, places: Tensor, there: Tensor) -> Tensor:
        """Return booleans [batch, segments]: true where a longer segment begins with this one."""
        scaled = x / x.norm(dim=2, keepdim=True).clamp(min=SHORTEST)
        before = torch.cat([scaled.new_zeros(x.shape[0], TOUCH, x.shape[2]), scaled], dim=1)[:, : x.shape[1]]
        distance = 1.0 - (scaled * before).sum(dim=2)
        distance = distance.masked_fill((places < TOUCH) | (places >= there - TOUCH), -1.0)
        edge = distance.new_full((x.shape[0], 1), -1.0)
        earlier = torch.cat([edge, distance], dim=1)[:, : x.shape[1]]
        later = torch.cat([distance, edge], dim=1)[:, 1:]
        peaks: Tensor = (distance > self.penalty) & (distance > earlier) & (distance >= later)
        return peaks | (places == 0)


class PooledClassifier(nn.Module):
    """Logits of each segment, pooled: [batch, segments, in] -> [batch, classes].

    With z the logits of a segment, and s its share of the item: 1 / n out of n, or with changes its share in time,

    - "mean-logit": sum s z.
    - "attention": sum a z, where a = softmax over segments of ln s + w tanh(V h), and h is what is mapped to logits.
    - "gated-attention": the same with w (tanh(V h) * sigmoid(U h)).
    - "log-sum-exp": ln sum s exp z, label by label: between the mean and the maximum.
    - "max": the largest z, label by label.

    Args:
        inputs: values of a segment.
        hidden: units of the hidden layer; 0 for none.
        classes: logits.
        dropout: share of values dropped before each linear layer in training.
        pool: one of these.
        attention: rows of V and U.
        penalty: see `Changes`, which comes first; None takes segments as they are.

    Reference: Ilse, Tomczak, Welling, Attention-based deep multiple instance learning, ICML 2018.

    """

    def __init__(
        self,
        inputs: int,
        *,
        hidden: int,
        classes: int,
        dropout: float,
        pool: Pool,
        attention: int,
        penalty: float | None = None,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.changes = None if penalty is None else Changes(penalty)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(inputs, hidden) if hidden else None
        self.output = nn.Linear(hidden or inputs, classes)
        attends = pool in {"attention", "gated-attention"}
        self.look = nn.Linear(hidden or inputs, attention) if attends else None
        self.gate = nn.Linear(hidden or inputs, attention) if pool == "gated-attention" else None
        self.weigh = nn.Linear(attention, 1, bias=False) if attends else None  # a bias would cancel out

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return logits; lengths are used up, so None comes back."""
        if self.changes is not None:
            x, held = self.changes(x, lengths)
            there: Tensor | None = held > 0
        else:
            there = None if lengths is None else valid(lengths, x.shape[1])
            held = x.new_ones(1, x.shape[1]) if there is None else there.to(x.dtype)
        if there is not None and self.training:  # most of a batch may be filling
            scores = self._scores(x[there])
            scores = torch.zeros(*there.shape, scores.shape[1], dtype=x.dtype).index_put((there,), scores)
        else:
            scores = self._scores(x)
        return self._pooled(scores, held, there), None

    def _pooled(self, scores: Tensor, held: Tensor, there: Tensor | None) -> Tensor:
        """Return [batch, classes] of what `_scores` gives, by how much each segment holds; 0 where it is none."""
        classes, more = self.output.out_features, held.clamp(min=1.0).log()[:, :, None]
        logits = scores[:, :, :classes]
        if self.weigh is not None:
            energy = _filled(scores[:, :, classes:] + more, there, LOWEST)
            return (torch.softmax(energy, dim=1) * logits).sum(dim=1)
        if self.pool == "max":
            return _filled(logits, there, LOWEST).amax(dim=1)
        whole = held.sum(dim=1, keepdim=True)
        if self.pool == "mean-logit":
            return (_filled(logits, there, 0.0) * held[:, :, None]).sum(dim=1) / whole
        return _filled(logits + more, there, LOWEST).logsumexp(dim=1) - whole.log()

    def _scores(self, x: Tensor) -> Tensor:
        """Return the logits of segments [..., in], followed by what the attention makes of each where there is one."""
        x = self.dropout(x)
        if self.hidden is not None:
            x = self.dropout(torch.relu(self.hidden(x)))
        logits: Tensor = self.output(x)
        if self.look is None or self.weigh is None:
            return logits
        seen = torch.tanh(self.look(x))
        if self.gate is not None:
            seen = seen * torch.sigmoid(self.gate(x))
        return torch.cat([logits, self.weigh(seen)], dim=-1)


def _filled(x: Tensor, there: Tensor | None, value: float) -> Tensor:
    return x if there is None else x.masked_fill(~there[:, :, None], value)
