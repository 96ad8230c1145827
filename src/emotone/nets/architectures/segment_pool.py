"""A network of AudioSet on each second of a window, and what the whole window is by them: learned together.

Input are the rows of the trunk's front end. A window, several seconds long, is cut into segments of a second; the trunk
(`emotone.nets.architectures.yamnet` or `emotone.nets.architectures.mn04`) sees each by itself, a classifier scores it, and the scores are pooled.
In training the label is the window's, and not that of each second: a second may say nothing.

Reference: Ilse, Tomczak, Welling, Attention-based deep multiple instance learning, ICML 2018, for the pooling; Sahoo,
Kumar, Raman, Roy, A segment level approach to speech emotion recognition using transfer learning, ACPR 2019, for
segments whose logits are averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

from emotone.config import LATER
from emotone.errors import ConfigError, unknown_name
from emotone.nets.base import NETS, Layer, modules
from emotone.nets.blocks.image_specs import ROWS, check

if TYPE_CHECKING:
    from types import ModuleType

    from emotone.nets.base import NetSpec
    from emotone.nets.blocks.base import LengthAware

Trunk: TypeAlias = Literal["mn04", "yamnet"]
Pool: TypeAlias = Literal["mean-logit", "attention", "gated-attention", "log-sum-exp", "max"]
Laid: TypeAlias = Literal["grid", "speech", "valleys"]  # by the rows
Placed: TypeAlias = Literal[Laid, "changes"]

HOP = 50  # rows: half a second
SECOND = {"mn04": 98, "yamnet": ROWS}  # rows of a segment: whole windows in a second, and what YAMNet hears of it
# 1 - cos of two seconds: half of those of one speaker of Emo-DB, from clips of two emotions, are further apart.
CHANGE = {"mn04": 0.35, "yamnet": 0.46}
DROP = {"mn04": 25 * math.log(10) / 10, "yamnet": 25 * math.log(10) / 20}  # 25 dB of ln(power), and of ln(magnitude)


@dataclass(frozen=True)
class SegmentPool:
    """Segments of 1 s every 0.5 s, a trunk on each, a hidden layer, logits; and the pooling of logits.

    Layers are called as those of the trunk, so that its source's weights fit, with `segments` before and `classifier`
    behind them.

    Attributes:
        trunk: the network that sees each segment.
        pool: how the segments' logits become the window's: their mean; their mean weighed by an attention, or by a
            gated one; the logarithm of the mean of their exponentials; or, of each label, the largest.
        placed: where segments lie: on the grid of half seconds; on the same from the first row to the last one that
            come within 25 dB of the loudest; or each where the level is lowest within a quarter of a second. With
            "changes" they lie on the grid, and what the trunk makes of them is taken together from one change of it to
            the next (see `emotone.nets.blocks.segment_pooling.Changes`): segments of any length, which count by it.
        hidden: units of the hidden layer; 0 for a linear classifier.
        attention: units of the attention.
        dropout: share of values dropped before each linear layer in training.
        width: of all channels; 0.4 in mn04, 1 in YAMNet as published.
        offset: the front end's, whose logarithm is silence: 0.00001 with mn-log-mel.
        change: 1 - cos of two touching seconds above which they are two segments, with "changes"; 0 takes the trunk's.

    Raises:
        ConfigError: a number out of range, or no such name.

    """

    title: ClassVar[str] = "a network of AudioSet on each second, their scores pooled by learned weights"
    paper: ClassVar[str] = "Attention-based deep multiple instance learning, 2018"

    trunk: Trunk = "mn04"
    pool: Pool = "attention"
    placed: Placed = "grid"
    hidden: int = 200
    attention: int = 64
    dropout: float = 0.0
    width: float = 0.4
    offset: float = 0.00001
    change: float = field(default=0.0, metadata=LATER)

    def __post_init__(self) -> None:
        for kind, given, allowed in (
            ("trunk", self.trunk, get_args(Trunk)),
            ("pool", self.pool, get_args(Pool)),
            ("placed", self.placed, get_args(Placed)),
        ):
            if given not in allowed:
                raise ConfigError(f"segment-pool: {unknown_name(kind, given, allowed)}")
        if self.attention < 1:
            raise ConfigError(f"segment-pool needs attention >= 1; given {self.attention}")
        if not 0 <= self.change < 2:
            raise ConfigError(f"segment-pool needs 0 <= change < 2, where 0 is the trunk's own; given {self.change}")
        check("segment-pool", width=self.width, offset=self.offset, hidden=self.hidden, dropout=self.dropout)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The trunk's groups of layers (see `NetSpec`)."""
        return self._trunk.groups

    def layers(self, dimension: int, classes: int) -> tuple[Layer, ...]:
        """Return the layer table (S: segments of the window, T: rows of a segment)."""
        rows, inside = SECOND[self.trunk], self.hidden or self._embedding(dimension)
        each = (replace(layer, output=f"S x {layer.output}") for layer in self._trunk.layers(dimension, classes)[:-1])
        count = (self._embedding(dimension) + 1) * self.hidden if self.hidden else 0
        count += (inside + 1) * classes
        kind = f"linear {self.hidden}, ReLU, " if self.hidden else ""
        before = "segments from change to change, " if self.placed == "changes" else ""
        looks = {"attention": 1, "gated-attention": 2}.get(self.pool, 0)
        if looks:
            count += looks * (inside + 1) * self.attention + self.attention
        return (
            Layer("segments", f"segments of {rows} rows every {HOP}", f"S x {rows} x {dimension}", 0),
            *each,
            Layer("classifier", f"{before}{kind}linear, {self.pool} over segments", f"{classes}", count),
        )

    def build(self, dimension: int, classes: int) -> LengthAware:
        """Return the torch module (see `NetSpec.build`)."""
        parts, pooled = _parts()
        blocks = dict(self._trunk.build(dimension, classes).blocks.items())
        del blocks["classifier"]
        net: LengthAware = modules().LengthAware(
            {
                "segments": parts.Segments(
                    rows=SECOND[self.trunk],
                    hop=HOP,
                    silence=math.log(self.offset),
                    drop=DROP[self.trunk],
                    placed="grid" if self.placed == "changes" else self.placed,
                ),
                **{name: parts.each(block) for name, block in blocks.items()},
                "classifier": pooled.PooledClassifier(
                    self._embedding(dimension),
                    hidden=self.hidden,
                    classes=classes,
                    dropout=self.dropout,
                    pool=self.pool,
                    attention=self.attention,
                    penalty=(self.change or CHANGE[self.trunk]) if self.placed == "changes" else None,
                ),
            }
        )
        return net

    @property
    def _trunk(self) -> NetSpec:
        settings = {} if self.trunk == "mn04" else {"offset": self.offset}
        built: NetSpec = NETS.get(self.trunk)(hidden=0, width=self.width, **settings)
        return built

    def _embedding(self, dimension: int) -> int:
        return int(self._trunk.layers(dimension, 2)[-2].output)


def _parts() -> tuple[ModuleType, ModuleType]:
    modules()  # says what to install where torch is missing
    import emotone.nets.blocks.segment_pooling as pooled
    import emotone.nets.blocks.segments as parts

    return parts, pooled


NET = SegmentPool
