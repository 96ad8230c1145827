"""Networks with published weights that were trained on the sounds of AudioSet: VGGish, YAMNet and mn04.

VGGish: six convolutions on patches of a spectrogram with published weights, trained on the sounds of AudioSet.

The input is rows of `vggish-log-mel`, 10 ms each.

One second or 0.96 s? The paper cuts recordings into segments of one second and passes on "log mel-spectrograms of 96 x
64", which are 0.96 s. Both hold: a second has 98 complete windows of 25 ms, and VGGish's own front end makes patches of
96 windows and drops the rest. The networks here do the same: they take the first 96 of a window's rows (100 in a
second), which cover its first 0.975 s. Later rows of a longer window are ignored, so use windows of one second. Rows
that a shorter segment lacks have the value of silence, ln(offset), as if the segment had been padded with zeros to a
second.

References: Hershey et al., CNN architectures for large-scale audio classification, ICASSP 2017, with the layers of the
published weights (TensorFlow Models, research/audioset/vggish, Apache-2.0); Sahoo, Kumar, Raman, Roy, A segment level
approach to speech emotion recognition using transfer learning, ACPR 2019 (the classifier).

YAMNet: MobileNet on patches of a spectrogram with published weights, trained on the sounds of AudioSet.

The input is rows of `vggish-log-mel` with an offset of 0.001. The network classifies one patch of 96 rows, 0.96 s (see
VGGish above for windows of other lengths). Its batch normalisations are folded into the
convolutions, as in published copies for inference: each has a bias and nothing else. For a trained network the function
is the same, and no statistics change with the batches of fine-tuning.

The published network ends in 521 scores, each with a sigmoid of its own; here a classifier replaces them.

References: AudioSet YAMNet in TensorFlow's model garden (Apache-2.0); Howard et al., MobileNets: Efficient
convolutional neural networks for mobile vision applications, arXiv:1704.04861, 2017.

mn04: a MobileNetV3 on log-mel power with published weights, trained on the sounds of AudioSet.

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
from emotone.nets.base import PATCH_ROWS, check_patch_network, check_pretrained_network, require_torch, scaled

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network

CONVOLUTIONS = (  # name, channels, whether 2 x 2 max-pooling follows
    ("conv1", 64, True),
    ("conv2", 128, True),
    ("conv3_1", 256, False),
    ("conv3_2", 256, True),
    ("conv4_1", 512, False),
    ("conv4_2", 512, True),
)
DENSE = (("dense1", 4096), ("dense2", 4096), ("embedding", 128))  # name, units
KERNEL = 3
POOLED = 16  # rows, and bands, that the convolutions reduce to one


@dataclass(frozen=True)
class Vggish:
    """VGGish up to its embedding of 128 values, and the segment paper's classifier: a hidden layer, then logits.

    The output of the last convolution is flattened as in TensorFlow: channels vary fastest, then bands, then time.

    Attributes:
        hidden: units of the classifier's hidden layer (ReLU); 0 for a linear classifier. The paper's best has 200.
        dropout: share of values dropped before each linear layer of the classifier in training; the paper has none.
        width: factor of all channels and units up to the embedding; 1 in the published network.
        offset: of the front end; its logarithm is the value for silence.

    Raises:
        ConfigError: a number out of range, or rows of fewer than 16 bands.

    """

    title: ClassVar[str] = "VGGish: six convolutions on 0.96 s of log-mel magnitudes, with published AudioSet weights"
    paper: ClassVar[str] = "A segment level approach to speech emotion recognition using transfer learning, 2019"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("conv1", "conv2"),
        ("conv3_1", "conv3_2", "conv4_1", "conv4_2"),
        ("dense1", "dense2", "embedding"),
        ("classifier",),
    )

    hidden: int = 200
    dropout: float = 0.0
    width: float = 1.0
    offset: float = 0.01

    def __post_init__(self) -> None:
        check_patch_network("vggish", width=self.width, offset=self.offset, hidden=self.hidden, dropout=self.dropout)

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import EmbeddingClassifier, Network, ReluDense
        from emotone.nets.blocks.spectrogram import Patch, PatchConv

        if dimension < POOLED:
            raise ConfigError(f"vggish needs rows of at least {POOLED} bands; given {dimension}")
        blocks: dict[str, Block] = {"patch": Patch(rows=PATCH_ROWS, silence=math.log(self.offset))}
        inputs = 1
        for name, channels, pool in CONVOLUTIONS:
            outputs = scaled(channels, self.width)
            blocks[name] = PatchConv(inputs, outputs, kernel=KERNEL, pool=pool)
            inputs = outputs
        inputs *= (PATCH_ROWS // POOLED) * (dimension // POOLED)
        for name, units in DENSE:
            outputs = scaled(units, self.width)
            blocks[name] = ReluDense(inputs, outputs)
            inputs = outputs
        blocks["classifier"] = EmbeddingClassifier(inputs, hidden=self.hidden, classes=classes, dropout=self.dropout)
        return Network(blocks)


FIRST = 32  # channels of the first convolution, which has a stride of 2
SEPARABLE = (  # channels and stride of each separable convolution
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
EMBEDDING = SEPARABLE[-1][0]  # values


@dataclass(frozen=True)
class Yamnet:
    """MobileNet version 1 on a patch: a convolution, thirteen separable ones, the mean; then a classifier.

    The published network's `layer14`, together with the mean that follows it, is `embedding` here: 1,024 values.

    Attributes:
        hidden: units of the classifier's hidden layer; 0 for a linear classifier.
        dropout: share of values dropped before each linear layer in training.
        width: factor of all channels; 1 in the published network.
        offset: of the front end; its logarithm is the value for silence.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "YAMNet: MobileNet on 0.96 s of log-mel magnitudes, with published AudioSet weights"
    paper: ClassVar[str] = "MobileNets: Efficient convolutional neural networks for mobile vision applications, 2017"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("layer1", "layer2", "layer3", "layer4"),
        ("layer5", "layer6", "layer7", "layer8", "layer9"),
        ("layer10", "layer11", "layer12", "layer13", "embedding"),
        ("classifier",),
    )

    hidden: int = 200
    dropout: float = 0.0
    width: float = 1.0
    offset: float = 0.001

    def __post_init__(self) -> None:
        check_patch_network("yamnet", width=self.width, offset=self.offset, hidden=self.hidden, dropout=self.dropout)

    @property
    def embedding(self) -> int:
        """Number of values before the classifier."""
        return scaled(EMBEDDING, self.width)

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import EmbeddingClassifier, Network
        from emotone.nets.blocks.spectrogram import Patch, SameConv, SeparableConv

        inputs, size = scaled(FIRST, self.width), (PATCH_ROWS, dimension)
        blocks: dict[str, Block] = {
            "patch": Patch(rows=PATCH_ROWS, silence=math.log(self.offset)),
            "layer1": SameConv(inputs, stride=2, size=size),
        }
        size = _strided(size, 2)
        for number, (channels, stride) in enumerate(SEPARABLE, start=2):
            is_last = number == len(SEPARABLE) + 1
            outputs = scaled(channels, self.width)
            name = "embedding" if is_last else f"layer{number}"
            blocks[name] = SeparableConv(inputs, outputs, stride=stride, size=size, pooled=is_last)
            inputs, size = outputs, _strided(size, stride)
        blocks["classifier"] = EmbeddingClassifier(
            self.embedding, hidden=self.hidden, classes=classes, dropout=self.dropout
        )
        return Network(blocks)


def _strided(size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Return the size (time, bands) of an image after a convolution "same" with a stride."""
    return -(-size[0] // stride), -(-size[1] // stride)


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
        from emotone.nets.blocks.base import EmbeddingClassifier, Network
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
