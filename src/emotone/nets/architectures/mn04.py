"""mn04: a MobileNetV3 on log-mel power with published weights, trained on the sounds of AudioSet.

The input is rows of `mn-log-mel`, ln(power + 1e-5) in 128 bands at 32 kHz. Any number of rows is allowed: the mean over
bands and time follows the last convolution. With `rows` the network reads a patch of that many rows, filled with
silence, like VGGish.

The published network ends in 527 scores, each with a sigmoid of its own; here a classifier replaces them.

References: Schmid, Koutini, Widmer, Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation,
ICASSP 2023 (published as EfficientAT, MIT); Howard et al., Searching for MobileNetV3, ICCV 2019, table 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import check_pretrained_network, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network


@dataclass(frozen=True)
class BottleneckShape:
    """Sizes of one inverted bottleneck: expand (if the channels change), convolve depthwise, excite, project."""

    inputs: int
    kernel: int
    expanded: int
    outputs: int
    excited: bool
    hard_swish: bool
    stride: int

    @property
    def expands(self) -> bool:
        """Whether it starts with a convolution 1 x 1."""
        return self.expanded != self.inputs

    @property
    def squeezed(self) -> int:
        """Units of the excitation's hidden layer."""
        return eighths(self.expanded // 4)


MOBILENET_V3_LARGE = (  # at a width of 1
    BottleneckShape(16, 3, 16, 16, excited=False, hard_swish=False, stride=1),
    BottleneckShape(16, 3, 64, 24, excited=False, hard_swish=False, stride=2),
    BottleneckShape(24, 3, 72, 24, excited=False, hard_swish=False, stride=1),
    BottleneckShape(24, 5, 72, 40, excited=True, hard_swish=False, stride=2),
    BottleneckShape(40, 5, 120, 40, excited=True, hard_swish=False, stride=1),
    BottleneckShape(40, 5, 120, 40, excited=True, hard_swish=False, stride=1),
    BottleneckShape(40, 3, 240, 80, excited=False, hard_swish=True, stride=2),
    BottleneckShape(80, 3, 200, 80, excited=False, hard_swish=True, stride=1),
    BottleneckShape(80, 3, 184, 80, excited=False, hard_swish=True, stride=1),
    BottleneckShape(80, 3, 184, 80, excited=False, hard_swish=True, stride=1),
    BottleneckShape(80, 3, 480, 112, excited=True, hard_swish=True, stride=1),
    BottleneckShape(112, 3, 672, 112, excited=True, hard_swish=True, stride=1),
    BottleneckShape(112, 5, 672, 160, excited=True, hard_swish=True, stride=2),
    BottleneckShape(160, 5, 960, 160, excited=True, hard_swish=True, stride=1),
    BottleneckShape(160, 5, 960, 160, excited=True, hard_swish=True, stride=1),
)
LAST = 1280  # values of the embedding at a width of 1
WIDEST = 6  # channels of the last convolution, as a multiple of those of the last bottleneck
SHIFT, SCALE = 4.5, 5.0  # the image is (x + SHIFT) / SCALE
SILENCE = math.log(1e-5)  # in rows of mn-log-mel


def eighths(channels: float) -> int:
    """Return the multiple of 8 nearest to a number of channels, but at least 8 and never below nine tenths of it.

    Example:
        >>> [eighths(channels * 0.4) for channels in (16, 24, 40, 112, 160)]
        [8, 16, 16, 48, 64]

    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def bottlenecks(width: float) -> tuple[BottleneckShape, ...]:
    """Return the bottlenecks at a width."""
    return tuple(
        replace(
            shape,
            inputs=eighths(width * shape.inputs),
            expanded=eighths(width * shape.expanded),
            outputs=eighths(width * shape.outputs),
        )
        for shape in MOBILENET_V3_LARGE
    )


@dataclass(frozen=True)
class Mn04:
    """A convolution, fifteen inverted bottlenecks, a convolution 1 x 1, the mean of the image, 512 values, logits.

    The layers are `conv1`, `block1` to `block15`, `conv2`, `embedding` (which starts with the mean) and `classifier`.

    Attributes:
        hidden: units of the classifier's hidden layer; 0 for a linear classifier, as in the published network.
        dropout: share of values dropped before each linear layer of the classifier in training.
        width: factor of all channels; 0.4 in mn04, 1.0 in mn10.
        rows: number of rows that are read: the first rows of a window, filled with silence; 0 reads all rows.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "mn04: MobileNetV3 on log-mel power at 32 kHz, with published AudioSet weights"
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
    rows: int = 0

    def __post_init__(self) -> None:
        check_pretrained_network("mn04", width=self.width, hidden=self.hidden, dropout=self.dropout)
        if self.width > 10:
            raise ConfigError(f"mn04 needs width <= 10; given {self.width}")
        if self.rows < 0:
            raise ConfigError(f"mn04 needs rows >= 0, where 0 reads all rows; given {self.rows}")

    @property
    def embedding(self) -> int:
        """Number of values before the classifier."""
        return eighths(self.width * LAST)

    def build(self, dimension: int, classes: int) -> Network:  # noqa: ARG002 - convolutions take any number of bands
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.dense import EmbeddingClassifier
        from emotone.nets.blocks.mobilenet import BandImage, ConvNorm, InvertedBottleneck, MeanEmbedding, PatchImage

        shapes = bottlenecks(self.width)
        last = WIDEST * shapes[-1].outputs
        image = BandImage(shift=SHIFT, scale=SCALE)
        blocks: dict[str, Block] = {
            "image": PatchImage(image, rows=self.rows, silence=SILENCE) if self.rows else image,
            "conv1": ConvNorm(1, shapes[0].inputs, 3, stride=2, activation="hard-swish"),
        }
        for number, shape in enumerate(shapes, start=1):
            blocks[f"block{number}"] = InvertedBottleneck(
                (shape.inputs, shape.expanded, shape.outputs),
                kernel=shape.kernel,
                stride=shape.stride,
                squeezed=shape.squeezed if shape.excited else 0,
                activation="hard-swish" if shape.hard_swish else "relu",
            )
        blocks["conv2"] = ConvNorm(shapes[-1].outputs, last, 1, activation="hard-swish")
        blocks["embedding"] = MeanEmbedding(last, self.embedding)
        blocks["classifier"] = EmbeddingClassifier(
            self.embedding, hidden=self.hidden, classes=classes, dropout=self.dropout
        )
        return Network(blocks)


NET = Mn04
