"""Fully connected layers on a patch of a spectrogram: what the segment paper compares VGGish with.

Input are rows of `vggish-log-mel`; a window gives one patch of 96 rows, as in `emotone.nets.architectures.vggish`.

Reference: Sahoo, Kumar, Raman, Roy, A segment level approach to speech emotion recognition using transfer learning,
ACPR 2019, section 4.3, "Baseline Model".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import Layer, modules
from emotone.nets.blocks.image_specs import ROWS, check_dropout, parts, patch_layer

if TYPE_CHECKING:
    from emotone.nets.blocks.base import LengthAware


@dataclass(frozen=True)
class SegmentMlp:
    """Linear and ReLU, some times over, with dropout and a batch normalisation between them; then logits.

    The paper tries 2, 3 and 4 layers of 100 and 200 units; 2 of 200 are its best and the default here. Dropout comes
    before the normalisation, in the order in which the paper names them. It says "between every fully connected
    layer": the logits are one, so both stand before them too.

    Layers are called `dense1` and `norm1`, the further ones together `hidden`.

    Attributes:
        depth: number of layers with ReLU, at least 2.
        units: of each.
        dropout: share of values dropped in training.
        offset: the front end's, whose logarithm is silence.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "fully connected layers on 0.96 s of log-mel magnitudes"
    paper: ClassVar[str] = "A segment level approach to speech emotion recognition using transfer learning, 2019"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (("dense1",), ("norm1",), ("hidden",), ("classifier",))

    depth: int = 2
    units: int = 200
    dropout: float = 0.5
    offset: float = 0.01

    def __post_init__(self) -> None:
        if self.depth < 2 or self.units < 1:
            raise ConfigError(f"segment-mlp needs depth >= 2 and units >= 1; given {self.depth} and {self.units}")
        if not self.offset > 0:
            raise ConfigError(f"segment-mlp needs offset > 0, the front end's; given {self.offset}")
        check_dropout("segment-mlp", self.dropout)

    def layers(self, dimension: int, classes: int) -> tuple[Layer, ...]:
        """Return the layer table."""
        units, deeper = self.units, self.depth - 1
        each = (units + 1) * units + 2 * units
        return (
            patch_layer(dimension),
            Layer("dense1", "linear, ReLU", f"{units}", (ROWS * dimension + 1) * units),
            Layer("norm1", "dropout, batch norm", f"{units}", 2 * units),
            Layer("hidden", f"{deeper} x (linear, ReLU, dropout, batch norm)", f"{units}", deeper * each),
            Layer("classifier", "linear", f"{classes}", (units + 1) * classes),
        )

    def build(self, dimension: int, classes: int) -> LengthAware:
        """Return the torch module (see `NetSpec.build`)."""
        made = parts()
        deeper = []
        for _ in range(self.depth - 1):
            deeper += [made.Dense(self.units, self.units), made.DropoutNorm(self.units, dropout=self.dropout)]
        net: LengthAware = modules().LengthAware(
            {
                "patch": made.Patch(rows=ROWS, silence=math.log(self.offset)),
                "dense1": made.Dense(ROWS * dimension, self.units),
                "norm1": made.DropoutNorm(self.units, dropout=self.dropout),
                "hidden": made.Chain(deeper),
                "classifier": made.EmbeddingClassifier(self.units, hidden=0, classes=classes, dropout=0.0),
            }
        )
        return net


NET = SegmentMlp
