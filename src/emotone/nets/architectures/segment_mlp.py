"""Fully connected layers on a patch of a spectrogram: the baseline of the paper on segments with VGGish.

The input is rows of `vggish-log-mel`; a window gives one patch of 96 rows, as in `emotone.nets.architectures.vggish`.

Reference: Sahoo, Kumar, Raman, Roy, A segment level approach to speech emotion recognition using transfer learning,
ACPR 2019, section 4.3, "Baseline Model".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import PATCH_ROWS, check_dropout, check_offset, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network


@dataclass(frozen=True)
class SegmentMlp:
    """Several linear layers with ReLU, with dropout and batch normalisation between them; then logits.

    The paper compares 2, 3 and 4 layers of 100 and 200 units; 2 of 200 are best there and the default here. Dropout
    precedes the normalisation, in the paper's order. As they are "between every fully connected layer", and the logits
    are one, both also precede the logits.

    The layers are `dense1`, `norm1`, `hidden` (all further ones) and `classifier`.

    Attributes:
        depth: number of layers with ReLU, at least 2.
        units: of each.
        dropout: share of values dropped in training.
        offset: of the front end; its logarithm is the value for silence.

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
        check_offset("segment-mlp", self.offset)
        check_dropout("segment-mlp", self.dropout)

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import BlockChain, Network
        from emotone.nets.blocks.dense import DropoutNorm, EmbeddingClassifier, ReluDense
        from emotone.nets.blocks.patch import Patch

        hidden: list[Block] = []
        for _ in range(self.depth - 1):
            hidden += [ReluDense(self.units, self.units), DropoutNorm(self.units, dropout=self.dropout)]
        return Network(
            {
                "patch": Patch(rows=PATCH_ROWS, silence=math.log(self.offset)),
                "dense1": ReluDense(PATCH_ROWS * dimension, self.units),
                "norm1": DropoutNorm(self.units, dropout=self.dropout),
                "hidden": BlockChain(hidden, repeats=self.depth - 1),
                "classifier": EmbeddingClassifier(self.units, hidden=0, classes=classes, dropout=0.0),
            }
        )


NET = SegmentMlp
