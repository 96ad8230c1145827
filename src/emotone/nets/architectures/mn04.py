"""mn04: a MobileNetV3 on log-mel power, learned from the sounds of AudioSet, to be taken over.

Input are rows of `mn-log-mel`, ln(power + 1e-5) in 128 bands at 32 kHz. Any number of rows will do: at the end the
mean over bands and time is taken. With `rows` it hears a patch of so many, filled up with silence, as VGGish does.

The published network ends in 527 scores, each through a sigmoid of its own; a classifier takes their place.

References: Schmid, Koutini, Widmer, Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation,
ICASSP 2023 (published as EfficientAT, MIT); Howard et al., Searching for MobileNetV3, ICCV 2019, table 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from emotone.config import LATER
from emotone.errors import ConfigError
from emotone.nets.base import Layer, modules
from emotone.nets.blocks.image_specs import check_common, classifier_layer

if TYPE_CHECKING:
    from types import ModuleType

    from emotone.nets.blocks.base import LengthAware


@dataclass(frozen=True)
class Row:
    """One row of MobileNetV3-Large: channels before the width is applied."""

    inputs: int
    kernel: int
    expanded: int
    outputs: int
    excited: bool
    hard_swish: bool
    stride: int


ROWS = (
    Row(16, 3, 16, 16, excited=False, hard_swish=False, stride=1),
    Row(16, 3, 64, 24, excited=False, hard_swish=False, stride=2),
    Row(24, 3, 72, 24, excited=False, hard_swish=False, stride=1),
    Row(24, 5, 72, 40, excited=True, hard_swish=False, stride=2),
    Row(40, 5, 120, 40, excited=True, hard_swish=False, stride=1),
    Row(40, 5, 120, 40, excited=True, hard_swish=False, stride=1),
    Row(40, 3, 240, 80, excited=False, hard_swish=True, stride=2),
    Row(80, 3, 200, 80, excited=False, hard_swish=True, stride=1),
    Row(80, 3, 184, 80, excited=False, hard_swish=True, stride=1),
    Row(80, 3, 184, 80, excited=False, hard_swish=True, stride=1),
    Row(80, 3, 480, 112, excited=True, hard_swish=True, stride=1),
    Row(112, 3, 672, 112, excited=True, hard_swish=True, stride=1),
    Row(112, 5, 672, 160, excited=True, hard_swish=True, stride=2),
    Row(160, 5, 960, 160, excited=True, hard_swish=True, stride=1),
    Row(160, 5, 960, 160, excited=True, hard_swish=True, stride=1),
)
LAST = 1280  # values of the embedding before the width is applied
WIDEST = 6  # the last convolution has so many times the channels of the last row
SHIFT, SCALE = 4.5, 5.0  # what the net sees is (x + SHIFT) / SCALE
SILENCE = math.log(1e-5)  # in rows of mn-log-mel


def eighths(channels: float) -> int:
    """Return the multiple of 8 nearest to a number of channels, but at least 8 and never below nine tenths of it.

    Example:
        >>> [eighths(channels * 0.4) for channels in (16, 24, 40, 112, 160)]
        [8, 16, 16, 48, 64]

    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


@dataclass(frozen=True)
class Block:
    """One row at a width: expand (where that changes anything), convolve each channel, excite, project."""

    inputs: int
    kernel: int
    expanded: int
    outputs: int
    excited: bool
    hard_swish: bool
    stride: int

    @property
    def expands(self) -> bool:
        """Whether it begins with a convolution 1 x 1."""
        return self.expanded != self.inputs

    @property
    def squeezed(self) -> int:
        """Units of the excitation's hidden layer."""
        return eighths(self.expanded // 4)

    @property
    def parameters(self) -> int:
        """Trainable parameters; a batch normalisation has two for each channel."""
        count = (self.inputs + 2) * self.expanded if self.expands else 0
        count += (self.kernel**2 + 2) * self.expanded
        if self.excited:
            count += (self.expanded + 1) * self.squeezed + (self.squeezed + 1) * self.expanded
        return count + (self.expanded + 2) * self.outputs


def blocks(width: float) -> tuple[Block, ...]:
    """Return the rows at a width."""
    return tuple(
        Block(
            eighths(width * row.inputs),
            row.kernel,
            eighths(width * row.expanded),
            eighths(width * row.outputs),
            row.excited,
            row.hard_swish,
            row.stride,
        )
        for row in ROWS
    )


@dataclass(frozen=True)
class Mn04:
    """A convolution, fifteen inverted blocks, a convolution 1 x 1, the mean over bands and time, 512 values, logits.

    Layers are called `conv1`, `block1` to `block15`, `conv2` and `embedding`, which begins with the mean.

    Attributes:
        hidden: units of the classifier's hidden layer; 0 for a linear classifier, as in the published network.
        dropout: share of values dropped before each linear layer of the classifier in training.
        width: of all channels; 0.4 in mn04, 1.0 in mn10.
        rows: that it hears: the first of a window, filled up with silence where there are fewer; 0 for all there are.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "mn04: MobileNetV3 on log-mel power at 32 kHz, made to be taken over"
    paper: ClassVar[str] = "Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation, 2023"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("conv1", "block1", "block2", "block3", "block4", "block5", "block6"),
        ("block7", "block8", "block9", "block10", "block11", "block12"),
        ("block13", "block14", "block15", "conv2", "embedding"),
        ("classifier",),
    )

    hidden: int = 0
    dropout: float = 0.2
    width: float = 0.4
    rows: int = field(default=0, metadata=LATER)

    def __post_init__(self) -> None:
        check_common("mn04", width=self.width, hidden=self.hidden, dropout=self.dropout)
        if self.width > 10:
            raise ConfigError(f"mn04 needs width <= 10; given {self.width}")
        if self.rows < 0:
            raise ConfigError(f"mn04 needs rows >= 0, where 0 hears all there are; given {self.rows}")

    def layers(self, dimension: int, classes: int) -> tuple[Layer, ...]:
        """Return the layer table (T: rows of the input)."""
        made = blocks(self.width)
        bands, step = (dimension - 1) // 2 + 1, 2
        heard = f"T = {self.rows} rows, filled with silence," if self.rows else "rows"
        table = [
            Layer("image", f"{heard} to an image, shifted and scaled", f"1 x {dimension} x T", 0),
            Layer(
                "conv1",
                "convolution 3x3, stride 2, batch norm, hard swish",
                f"{made[0].inputs} x {bands} x T/{step}",
                11 * made[0].inputs,
                3,
                2,
            ),
        ]
        for number, block in enumerate(made, start=1):
            bands, step = (bands - 1) // block.stride + 1, step * block.stride
            excited = ", excited" if block.excited else ""
            table.append(
                Layer(
                    f"block{number}",
                    f"inverted {block.kernel}x{block.kernel} of {block.expanded}, stride {block.stride}{excited}",
                    f"{block.outputs} x {bands} x T/{step}",
                    block.parameters,
                    block.kernel,
                    block.stride,
                )
            )
        wide = WIDEST * made[-1].outputs
        table += [
            Layer(
                "conv2",
                "convolution 1x1, batch norm, hard swish",
                f"{wide} x {bands} x T/{step}",
                (made[-1].outputs + 2) * wide,
            ),
            Layer("embedding", "mean, linear, hard swish", f"{self._embedding}", (wide + 1) * self._embedding),
            classifier_layer(self._embedding, hidden=self.hidden, classes=classes),
        ]
        return tuple(table)

    def build(self, dimension: int, classes: int) -> LengthAware:  # noqa: ARG002 - a convolution takes any number of bands
        """Return the torch module (see `NetSpec.build`)."""
        parts, mobile, patched = _parts()
        rows = blocks(self.width)
        wide = WIDEST * rows[-1].outputs
        image = mobile.Image(shift=SHIFT, scale=SCALE)
        made: dict[str, Any] = {
            "image": patched.PatchImage(image, rows=self.rows, silence=SILENCE) if self.rows else image,
            "conv1": mobile.ConvNorm(1, rows[0].inputs, 3, stride=2, after="hard-swish"),
        }
        for number, row in enumerate(rows, start=1):
            made[f"block{number}"] = mobile.Inverted(
                (row.inputs, row.expanded, row.outputs),
                kernel=row.kernel,
                stride=row.stride,
                squeezed=row.squeezed if row.excited else 0,
                after="hard-swish" if row.hard_swish else "relu",
            )
        made["conv2"] = mobile.ConvNorm(rows[-1].outputs, wide, 1, after="hard-swish")
        made["embedding"] = mobile.MeanEmbedding(wide, self._embedding)
        made["classifier"] = parts.EmbeddingClassifier(
            self._embedding, hidden=self.hidden, classes=classes, dropout=self.dropout
        )
        net: LengthAware = modules().LengthAware(made)
        return net

    @property
    def _embedding(self) -> int:
        return eighths(self.width * LAST)


def _parts() -> tuple[ModuleType, ModuleType, ModuleType]:
    modules()  # says what to install where torch is missing
    import emotone.nets.blocks.image as parts
    import emotone.nets.blocks.mobilenet as mobile
    import emotone.nets.blocks.patch as patched

    return parts, mobile, patched


NET = Mn04
