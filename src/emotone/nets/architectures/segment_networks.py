"""Networks on segments of one second: one that classifies a segment, and one that pools those of a window.

Fully connected layers on a patch of a spectrogram: the baseline of the paper on segments with VGGish.

The input is rows of `vggish-log-mel`; a window gives one patch of 96 rows, as for
VGGish in `emotone.nets.architectures.sound_events`.

Reference: Sahoo, Kumar, Raman, Roy, A segment level approach to speech emotion recognition using transfer learning,
ACPR 2019, section 4.3, "Baseline Model".

An AudioSet network on each second of a window, and a pooling of their scores, trained together.

The input is rows of the trunk's front end. A window of several seconds is divided into segments of a second; the trunk
(YAMNet or mn04 of `emotone.nets.architectures.sound_events`) processes each segment, a classifier scores it, and the
scores are pooled. In training the label belongs to the window, not to each second.

References: Ilse, Tomczak, Welling, Attention-based deep multiple instance learning, ICML 2018, for the pooling; Sahoo,
Kumar, Raman, Roy, A segment level approach to speech emotion recognition using transfer learning, ACPR 2019, for
segments whose logits are averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

from emotone.errors import ConfigError
from emotone.nets.base import (
    NETS,
    PATCH_ROWS,
    PoolingMethod,
    SegmentPlacement,
    check_choice,
    check_dropout,
    check_offset,
    check_patch_network,
    require_torch,
)

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
        from emotone.nets.blocks.base import BlockChain, DropoutNorm, EmbeddingClassifier, Network, ReluDense
        from emotone.nets.blocks.spectrogram import Patch

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


Trunk: TypeAlias = Literal["mn04", "yamnet"]

HOP = 50  # rows: half a second
SEGMENT_ROWS = {"mn04": 98, "yamnet": PATCH_ROWS}  # complete windows in a second, and the patch of YAMNet
# 1 - cos of two seconds: half of those of one speaker of Emo-DB, from clips of two emotions, are further apart.
CHANGE = {"mn04": 0.35, "yamnet": 0.46}
DROP = {"mn04": 25 * math.log(10) / 10, "yamnet": 25 * math.log(10) / 20}  # 25 dB of ln(power), and of ln(magnitude)


@dataclass(frozen=True)
class SegmentPool:
    """Segments of 1 s every 0.5 s, a trunk on each, a hidden layer, logits, and the pooling of logits.

    The layers have the names of the trunk's, so that the trunk's weights fit, with `segments` before them and
    `classifier` after them.

    Attributes:
        trunk: the network that processes each segment.
        pooling: how the segments' logits become those of the window: their mean; their mean weighted by attention, or
            by gated attention; the logarithm of the mean of their exponentials; or, for each label, the maximum.
        placement: where segments start: on a grid of half seconds; on that grid from the first to the last row within
            25 dB of the loudest; or where the level is lowest within a quarter of a second of the grid. With "changes"
            they are on the grid, and the trunk's outputs are averaged between change points (see
            `emotone.nets.blocks.segments.ChangePointPooling`): segments of any length, weighted by it.
        hidden: units of the hidden layer; 0 for a linear classifier.
        attention: units of the attention.
        dropout: share of values dropped before each linear layer in training.
        width: factor of all channels; 0.4 in mn04, 1 in YAMNet as published.
        offset: of the front end; its logarithm is the value for silence: 0.00001 with mn-log-mel.
        change_threshold: 1 - cos of two adjacent seconds above which they are two segments, with "changes"; 0 for the
            trunk's own.

    Raises:
        ConfigError: a number out of range, or an unknown name.

    """

    title: ClassVar[str] = "an AudioSet network on each second, scores pooled with trained weights"
    paper: ClassVar[str] = "Attention-based deep multiple instance learning, 2018"

    trunk: Trunk = "mn04"
    pooling: PoolingMethod = "attention"
    placement: SegmentPlacement = "grid"
    hidden: int = 200
    attention: int = 64
    dropout: float = 0.0
    width: float = 0.4
    offset: float = 0.00001
    change_threshold: float = 0.0

    def __post_init__(self) -> None:
        check_choice("segment-pool", "trunk", self.trunk, get_args(Trunk))
        check_choice("segment-pool", "pooling", self.pooling, get_args(PoolingMethod))
        check_choice("segment-pool", "placement", self.placement, get_args(SegmentPlacement))
        if self.attention < 1:
            raise ConfigError(f"segment-pool needs attention >= 1; given {self.attention}")
        if not 0 <= self.change_threshold < 2:
            raise ConfigError(
                "segment-pool needs 0 <= change_threshold < 2, where 0 is the trunk's own; "
                f"given {self.change_threshold}"
            )
        check_patch_network(
            "segment-pool", width=self.width, offset=self.offset, hidden=self.hidden, dropout=self.dropout
        )

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The trunk's groups of layers (see `NetSpec`)."""
        groups: tuple[tuple[str, ...], ...] = self._trunk_spec.groups
        return groups

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.segments import SegmentClassifier, SegmentCutter, per_segment

        trunk = dict(self._trunk_spec.build(dimension, classes).blocks.items())
        del trunk["classifier"]
        return Network(
            {
                "segments": SegmentCutter(
                    rows=SEGMENT_ROWS[self.trunk],
                    hop=HOP,
                    silence=math.log(self.offset),
                    drop=DROP[self.trunk],
                    placement="grid" if self.placement == "changes" else self.placement,
                ),
                **{name: per_segment(block) for name, block in trunk.items()},
                "classifier": SegmentClassifier(
                    self._trunk_spec.embedding,
                    hidden=self.hidden,
                    classes=classes,
                    dropout=self.dropout,
                    pooling=self.pooling,
                    attention=self.attention,
                    penalty=(self.change_threshold or CHANGE[self.trunk]) if self.placement == "changes" else None,
                ),
            }
        )

    @property
    def _trunk_spec(self) -> Any:
        settings = {} if self.trunk == "mn04" else {"offset": self.offset}
        return NETS.get(self.trunk)(hidden=0, width=self.width, **settings)
