"""YAMNet: MobileNet on patches of a spectrogram with published weights, trained on the sounds of AudioSet.

The input is rows of `vggish-log-mel` with an offset of 0.001. The network classifies one patch of 96 rows, 0.96 s (see
`emotone.nets.architectures.vggish` for windows of other lengths). Its batch normalisations are folded into the
convolutions, as in published copies for inference: each has a bias and nothing else. For a trained network the function
is the same, and no statistics change with the batches of fine-tuning.

The published network ends in 521 scores, each with a sigmoid of its own; here a classifier replaces them.

References: AudioSet YAMNet in TensorFlow's model garden (Apache-2.0); Howard et al., MobileNets: Efficient
convolutional neural networks for mobile vision applications, arXiv:1704.04861, 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.nets.base import PATCH_ROWS, check_patch_network, require_torch, scaled

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network

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
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.dense import EmbeddingClassifier
        from emotone.nets.blocks.patch import Patch, SameConv, SeparableConv

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


NET = Yamnet
