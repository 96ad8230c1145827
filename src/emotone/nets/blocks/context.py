"""Blocks that add the context of a window's chunks. Conventions as in `emotone.nets.blocks.segments`.

x is [batch, chunks, values] from `Chunks` to the classifier; lengths count chunks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, mask_time, reversed_steps, valid_steps
from emotone.nets.blocks.segment_pooling import SegmentClassifier
from emotone.nets.blocks.segments import SegmentCutter

if TYPE_CHECKING:
    from emotone.nets.settings import Context

State: TypeAlias = tuple[Tensor, Tensor]
"""Output and cell [1, batch, units] of an LSTM after a chunk."""


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
        context: see `emotone.nets.settings`.
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
