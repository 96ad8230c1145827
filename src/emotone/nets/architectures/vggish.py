"""VGGish: six convolutions on patches of a spectrogram, learned from the sounds of AudioSet, to be taken over.

Input are rows of `vggish-log-mel`, 10 ms each.

A second and 0.96 s. The paper cuts recordings into segments of one second and hands on "log mel-spectrograms of 96 x
64", which are 0.96 s. Both are so: a second has 98 windows of 25 ms that are whole, and VGGish's own front end makes
patches of 96 of them and leaves out what does not fill one. So do the nets here: of the rows of a window (100 in a
second) they take the first 96, which hear its first 0.975 s. What lies behind them in a longer window is not heard:
let windows be of one second. Rows that a shorter segment lacks are what silence gives, ln(offset), as if the segment
had been padded with zeros to a second.

References: Hershey et al., CNN architectures for large-scale audio classification, ICASSP 2017, with the layers of the
published weights (TensorFlow Models, research/audioset/vggish, Apache-2.0); Sahoo, Kumar, Raman, Roy, A segment level
approach to speech emotion recognition using transfer learning, ACPR 2019 (the classifier).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import Layer, modules
from emotone.nets.blocks.image_specs import ROWS, check, classifier_layer, parts, patch_layer, widened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.nets.blocks.base import LengthAware

CONVOLUTIONS = (  # name, channels, whether a maximum over 2 x 2 follows
    ("conv1", 64, True),
    ("conv2", 128, True),
    ("conv3_1", 256, False),
    ("conv3_2", 256, True),
    ("conv4_1", 512, False),
    ("conv4_2", 512, True),
)
DENSE = (("dense1", 4096), ("dense2", 4096), ("embedding", 128))  # name, units
KERNEL = 3
POOLED = 16  # rows, and bands, of which the convolutions make one


@dataclass(frozen=True)
class Vggish:
    """VGGish to its embedding of 128 values, and the segment paper's classifier: a hidden layer, then logits.

    What the last convolution gives is flattened as in TensorFlow: channels run fastest, then bands, then time.

    Attributes:
        hidden: units of the classifier's hidden layer (ReLU); 0 for a linear classifier. The paper's best has 200.
        dropout: share of values dropped before each linear layer of the classifier in training; the paper has none.
        width: of all channels and units up to the embedding; 1 in the published net.
        offset: the front end's, whose logarithm is silence.

    Raises:
        ConfigError: a number out of range, or rows of fewer than 16 bands.

    """

    title: ClassVar[str] = "VGGish: six convolutions on 0.96 s of log-mel magnitudes, made to be taken over"
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
        check("vggish", width=self.width, offset=self.offset, hidden=self.hidden, dropout=self.dropout)

    def layers(self, dimension: int, classes: int) -> tuple[Layer, ...]:
        """Return the layer table."""
        table = [patch_layer(dimension)]
        rows, bands = ROWS, dimension
        for name, inputs, outputs, pool in self._convolutions():
            if pool:
                rows, bands = rows // 2, bands // 2
            table.append(
                Layer(
                    name,
                    f"convolution {KERNEL}x{KERNEL}, ReLU{', max of 2x2' if pool else ''}",
                    f"{outputs} x {rows} x {bands}",
                    inputs * outputs * KERNEL**2 + outputs,
                )
            )
        for name, inputs, outputs in self._dense(dimension):
            table.append(Layer(name, "linear, ReLU", f"{outputs}", (inputs + 1) * outputs))
        table.append(classifier_layer(self._embedding, hidden=self.hidden, classes=classes))
        return tuple(table)

    def build(self, dimension: int, classes: int) -> LengthAware:
        """Return the torch module (see `NetSpec.build`)."""
        made = parts()
        blocks: dict[str, Any] = {"patch": made.Patch(rows=ROWS, silence=math.log(self.offset))}
        for name, inputs, outputs, pool in self._convolutions():
            blocks[name] = made.Conv2dBlock(inputs, outputs, kernel=KERNEL, pool=pool)
        for name, inputs, outputs in self._dense(dimension):
            blocks[name] = made.Dense(inputs, outputs)
        blocks["classifier"] = made.EmbeddingClassifier(
            self._embedding, hidden=self.hidden, classes=classes, dropout=self.dropout
        )
        net: LengthAware = modules().LengthAware(blocks)
        return net

    @property
    def _embedding(self) -> int:
        return widened(DENSE[-1][1], self.width)

    def _convolutions(self) -> Iterator[tuple[str, int, int, bool]]:
        inputs = 1
        for name, channels, pool in CONVOLUTIONS:
            outputs = widened(channels, self.width)
            yield name, inputs, outputs, pool
            inputs = outputs

    def _dense(self, dimension: int) -> Iterator[tuple[str, int, int]]:
        if dimension < POOLED:
            raise ConfigError(f"vggish needs rows of at least {POOLED} bands; given {dimension}")
        inputs = widened(CONVOLUTIONS[-1][1], self.width) * (ROWS // POOLED) * (dimension // POOLED)
        for name, units in DENSE:
            outputs = widened(units, self.width)
            yield name, inputs, outputs
            inputs = outputs


NET = Vggish
