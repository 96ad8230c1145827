"""YAMNet: MobileNet on patches of a spectrogram, learned from the sounds of AudioSet, to be taken over.

Input are rows of `vggish-log-mel` with offset 0.001. The net judges one patch of 96 rows, 0.96 s (see
`emotone.nets.architectures.vggish` for what a second, and less than that, becomes). Its batch normalisations are folded into the
convolutions, as published copies for prediction have them: each has a bias and nothing else. That is the same net
once it has been learned, and nothing of it moves with the batches of a fine-tuning.

The published net ends in 521 scores, each through a sigmoid of its own; a classifier takes their place.

References: AudioSet YAMNet in TensorFlow's model garden (Apache-2.0); Howard et al., MobileNets: Efficient
convolutional neural networks for mobile vision applications, arXiv:1704.04861, 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from emotone.nets.base import Layer, modules
from emotone.nets.blocks.image_specs import ROWS, check, classifier_layer, parts, patch_layer, widened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.nets.blocks.base import LengthAware

FIRST = 32  # channels of the first convolution, which has a stride of 2
SEPARABLE = (  # channels and stride of each separable convolution
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)

EMBEDDING = SEPARABLE[-1][0]  # values


@dataclass(frozen=True)
class Yamnet:
    """MobileNet version 1 on a patch: a convolution, thirteen separable ones, the mean; then a classifier.

    The published net's `layer14`, with the mean that follows it, is called `embedding` here: 1,024 values.

    Attributes:
        hidden: units of the classifier's hidden layer; 0 for a linear classifier.
        dropout: share of values dropped before each linear layer in training.
        width: of all channels; 1 in the published net.
        offset: the front end's, whose logarithm is silence.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "YAMNet: MobileNet on 0.96 s of log-mel magnitudes, made to be taken over"
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
        check("yamnet", width=self.width, offset=self.offset, hidden=self.hidden, dropout=self.dropout)

    def layers(self, dimension: int, classes: int) -> tuple[Layer, ...]:
        """Return the layer table."""
        table = [patch_layer(dimension)]
        for step in _steps(dimension, self.width):
            image = " x ".join(map(str, step.becomes))
            if step.name == "layer1":
                kind, count = "convolution 3x3, stride 2, ReLU", 10 * step.outputs
            else:
                kind = f"separable convolution 3x3, stride {step.stride}, ReLU"
                count = 10 * step.inputs + (step.inputs + 1) * step.outputs
            if step.name == "embedding":
                table.append(Layer(step.name, f"{kind}, mean", f"{step.outputs}", count))
            else:
                table.append(Layer(step.name, kind, f"{step.outputs} x {image}", count))
        table.append(classifier_layer(widened(EMBEDDING, self.width), hidden=self.hidden, classes=classes))
        return tuple(table)

    def build(self, dimension: int, classes: int) -> LengthAware:
        """Return the torch module (see `NetSpec.build`)."""
        made = parts()
        blocks: dict[str, Any] = {"patch": made.Patch(rows=ROWS, silence=math.log(self.offset))}
        for step in _steps(dimension, self.width):
            if step.name == "layer1":
                blocks[step.name] = made.SameBlock(step.outputs, stride=step.stride, size=step.size)
            else:
                blocks[step.name] = made.SeparableBlock(
                    step.inputs, step.outputs, stride=step.stride, size=step.size, pooled=step.name == "embedding"
                )
        blocks["classifier"] = made.EmbeddingClassifier(
            widened(EMBEDDING, self.width), hidden=self.hidden, classes=classes, dropout=self.dropout
        )
        net: LengthAware = modules().LengthAware(blocks)
        return net


@dataclass(frozen=True)
class _Step:
    """One layer of the trunk: what it makes of an image of `size` (time, bands)."""

    name: str
    inputs: int
    outputs: int
    stride: int
    size: tuple[int, int]

    @property
    def becomes(self) -> tuple[int, int]:
        return (-(-self.size[0] // self.stride), -(-self.size[1] // self.stride))


def _steps(dimension: int, width: float) -> Iterator[_Step]:
    inputs, size = 1, (ROWS, dimension)
    for number, (channels, stride) in enumerate(((FIRST, 2), *SEPARABLE), start=1):
        name = "embedding" if number == len(SEPARABLE) + 1 else f"layer{number}"
        step = _Step(name, inputs, widened(channels, width), stride, size)
        yield step
        inputs, size = step.outputs, step.becomes


NET = Yamnet
