"""Blocks for chunks with sound and a face. Conventions as in `emotone.nets.blocks.segments`."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.nets.blocks.base import Block, valid_steps
from emotone.nets.blocks.chunk import EncoderChunks
from emotone.nets.blocks.cleaning import FittedBlock
from emotone.nets.blocks.image import ABSENT, FaceImage, ImageMean, NormConv, XceptionModule

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
        return f"sound: {sound or 'as given'}; face: {face}"

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


class EncodedSound(Block):
    """A frozen encoder of sound over chunks, with the face of each chunk: [batch, time, sound values + face values].

    It returns [batch, chunks, 1, width + pixels + 2]: the encoder's means over the chunk, the pixels of its face, and
    whether it has sound, and a face, for `SoundAndFace`. Nothing in it is trained, so its outputs are computed once.

    Args:
        encoder: layers from the rows of sound to a stack of outputs, by the names that they have in a source.
        sound_values: of each row; they come first.
        silence: value of a row without sound.
        pixels: of a face, in the first rows that start in a chunk.
        hop: milliseconds between rows.
        step: milliseconds between outputs of the encoder.
        chunk: milliseconds of a chunk.

    """

    def __init__(
        self,
        encoder: Mapping[str, Block],
        *,
        sound_values: int,
        silence: float,
        pixels: int,
        hop: int,
        step: int,
        chunk: int,
    ) -> None:
        super().__init__()
        self.names = tuple(encoder)
        self.sound_values, self.silence, self.pixels = sound_values, silence, pixels
        self.hop, self.chunk = hop, chunk
        self.means = EncoderChunks(step=step, chunk=chunk)
        for name, block in encoder.items():
            self.add_module(name, block)

    @property
    def description(self) -> str:
        """The last layer of the encoder, and what is computed from it."""
        return f"encoder up to {self.names[-1]}, {self.means.description}; face of the chunk"

    def time_kernel(self, dimension: int) -> int:
        """Return that of the widest layer."""
        kernels = (self.get_submodule(name).time_kernel(dimension) for name in self.names)  # type: ignore[operator]
        return int(max(kernels))

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values of the chunks and their number per item."""
        y, counts = x[..., : self.sound_values], lengths
        for name in self.names:
            y, counts = self.get_submodule(name)(y, counts)
        means, counts = self.means(y, counts)
        rows, time = self.chunk // self.hop, x.shape[1]
        if lengths is not None:
            x = torch.where(valid_steps(lengths, time)[:, :, None], x, self.silence)
        x = nn.functional.pad(x, (0, 0, 0, rows), value=self.silence)
        starts = (torch.arange(means.shape[1], device=x.device) * self.chunk + self.hop - 1) // self.hop
        places = starts[:, None] + torch.arange(rows, device=x.device)
        of_chunks = x[:, places.clamp(max=time + rows - 1)]
        faces = of_chunks[..., self.sound_values :].flatten(2)[..., : self.pixels]
        heard = of_chunks[..., : self.sound_values].amax(dim=(2, 3))[..., None] > self.silence + FAINT
        seen = faces.amax(dim=2, keepdim=True) > ABSENT
        return torch.cat([means, faces, heard.to(x.dtype), seen.to(x.dtype)], dim=2)[:, :, None], counts


class StandardisedSound(Block):
    """The first values of chunks with sound, standardised by those of the training data; the others are unchanged.

    Args:
        values: number of the first values of [batch, chunks, 1, values + others + 2].

    """

    def __init__(self, values: int) -> None:
        super().__init__()
        self.values = values
        self.norm = nn.BatchNorm1d(values, affine=False, momentum=None)

    @property
    def description(self) -> str:
        """Standardised."""
        return "sound standardised by the statistics of the training data"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the values and the unchanged lengths."""
        sound = x[:, :, 0, : self.values]
        if self.training:
            heard = x[:, :, 0, -2] > 0
            if lengths is not None:
                heard = heard & valid_steps(lengths, x.shape[1])
            y = torch.zeros_like(sound)
            y[heard] = self.norm(sound[heard]) if int(heard.sum()) > 1 else sound[heard]
        else:
            y = self.norm(sound.flatten(0, 1)).reshape(sound.shape)
        return torch.cat([y[:, :, None], x[..., self.values :]], dim=3), lengths


def face_layers(filters: tuple[int, ...], *, rows: int, size: int, channels: int) -> dict[str, Block]:
    """Return the layers of mini-Xception up to its last module, and their mean over the image, by name.

    Args:
        filters: of its convolutions and modules.
        rows: that hold a face.
        size: of the face in pixels.
        channels: of the face: 1, or 3 with colour.

    """
    modules = enumerate(pairwise(filters), start=1)
    return {
        "face": FaceImage(rows=rows, size=size, channels=channels),
        "conv1": NormConv(channels, filters[0], kernel=3),
        "conv2": NormConv(filters[0], filters[0], kernel=3),
        **{f"module{number}": XceptionModule(*sizes) for number, sizes in modules},
        "mean": ImageMean(),
    }
