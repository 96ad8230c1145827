"""Blocks for chunks with sound and a face. Conventions as in `emotone.nets.blocks.segments`."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block
from emotone.nets.blocks.cleaning import FittedBlock
from emotone.nets.blocks.image import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from emotone.types import Array

FAINT = 0.1  # above the value of silence: a chunk below has no sound
FLAGS = 2  # values that `Presence` adds to each row


class Presence(Block):
    """Whether each chunk has sound, and a face: [batch, chunks, rows, values] -> [batch, chunks, rows, values + 2].

    Both are 1 or 0 in every row of the chunk. They are computed before cleaning, which hides what is absent.

    Args:
        sound_values: of each row; they come first.
        silence: value of a row without sound.

    """

    def __init__(self, *, sound_values: int, silence: float) -> None:
        super().__init__()
        self.sound_values = sound_values
        self.silence = silence

    @property
    def description(self) -> str:
        """Two values."""
        return "whether there is sound, and a face"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the rows with two more values and the unchanged lengths."""
        sound, face = x[..., : self.sound_values], x[..., self.sound_values :]
        heard = sound.amax(dim=(2, 3), keepdim=True) > self.silence + FAINT
        seen = face.amax(dim=(2, 3), keepdim=True) > ABSENT
        flags = torch.cat([heard, seen], dim=3).to(x.dtype).expand(-1, -1, x.shape[2], -1)
        return torch.cat([x, flags], dim=3), lengths


class LeadingValues(FittedBlock):
    """A fitted block for the first values of each row; the others are unchanged.

    Args:
        block: for the first values.
        values: number of them.

    """

    def __init__(self, block: FittedBlock, values: int) -> None:
        super().__init__()
        self.block = block
        self.values = values

    @property
    def description(self) -> str:
        """What the block does, and where."""
        return f"{self.block.description}, of the first {self.values} values"

    def fit(self, rows: Array, rng: np.random.Generator) -> Array:
        """Fit the block to the first values, and return the rows with its output."""
        made = rows.copy()
        made[:, : self.values] = self.block.fit(rows[:, : self.values], rng)
        return made

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values and the unchanged lengths."""
        y, _ = self.block(x[..., : self.values], None)
        return torch.cat([y, x[..., self.values :]], dim=-1), lengths


class SoundAndFace(Block):
    """Features of the sound and of the face of each chunk, and whether each is there.

    [batch, chunks, rows, values + 2] -> [batch, chunks, sound + 1 + face + 1], after `Presence`. Features of what is
    absent are 0. In training, one of the two is removed from a whole item at random (modality dropout), so that the
    layers after this one can do without.

    Args:
        sound: blocks from the rows [batch, rows, sound values] of a chunk to a vector.
        face: blocks from rows to a vector.
        sound_values: of each row; they come first.
        dropped: share of the items from which the sound is removed in training, and of those from which the face is.

    """

    def __init__(
        self,
        sound: Mapping[str, Block],
        face: Mapping[str, Block],
        *,
        sound_values: int,
        dropped: float,
    ) -> None:
        super().__init__()
        self.sound = nn.ModuleDict(OrderedDict(sound))
        self.face = nn.ModuleDict(OrderedDict(face))
        self.sound_values = sound_values
        self.dropped = dropped

    @property
    def description(self) -> str:
        """The layers of both."""
        sound, face = (
            "; ".join(str(block.description) for block in blocks.values()) for blocks in (self.sound, self.face)
        )
        return f"sound: {sound}; face: {face}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the features and the unchanged lengths."""
        batch, chunks = x.shape[:2]
        rows = x.flatten(0, 1)
        sound, face = rows[..., : self.sound_values], rows[..., self.sound_values : -FLAGS]
        heard, seen = rows[:, 0, -2], rows[:, 0, -1]
        if self.training and self.dropped:
            draw = torch.rand(batch, device=x.device).repeat_interleave(chunks)
            heard = heard * (draw >= self.dropped)
            seen = seen * (draw < 1 - self.dropped)
        parts = []
        for blocks, values, there in ((self.sound, sound, heard), (self.face, face, seen)):
            y = values
            for block in blocks.values():
                y, _ = block(y, None)
            parts += [y.flatten(1) * there[:, None], there[:, None]]
        return torch.cat(parts, dim=1).reshape(batch, chunks, -1), lengths
