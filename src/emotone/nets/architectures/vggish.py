"""VGGish: six convolutions on patches of a spectrogram with published weights, trained on the sounds of AudioSet.

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
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import PATCH_ROWS, check_patch_network, require_torch, scaled

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
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.dense import EmbeddingClassifier, ReluDense
        from emotone.nets.blocks.patch import Patch, PatchConv

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


NET = Vggish
