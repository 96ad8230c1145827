"""Two bidirectional GRU layers on cepstra and pitch: the baseline of the paper on reusing speech recognisers.

The input is rows of `mfcc-pitch`; the network adds deltas, smooths the pitch and standardises each value.

Reference: Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017,
section 3.1.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import check_dropout, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


@dataclass(frozen=True)
class MfccBigru:
    """Two GRU layers, averaged over time, and a softmax.

    Attributes:
        units: of each direction of a layer; the paper compares 64, 96 and 128.
        dropout: share of the averaged values that are dropped in training.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "two bidirectional GRU layers on cepstra, their deltas and the pitch"
    paper: ClassVar[str] = "Reusing neural speech representations for auditory emotion recognition, 2017"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (("gru1",), ("gru2",), (), ("classifier",))

    units: int = 96
    dropout: float = 0.25

    def __post_init__(self) -> None:
        if self.units < 1:
            raise ConfigError(f"mfcc-bigru needs units >= 1; given {self.units}")
        check_dropout("mfcc-bigru", self.dropout)

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.dense import EmbeddingClassifier
        from emotone.nets.blocks.recurrent import GruLayer
        from emotone.nets.blocks.reuse import CepstralFeatures, MeanOfSteps

        return Network(
            {
                "features": CepstralFeatures(),
                "gru1": GruLayer(2 * dimension - 1, self.units),
                "gru2": GruLayer(2 * self.units, self.units),
                "pool": MeanOfSteps(),
                "classifier": EmbeddingClassifier(2 * self.units, hidden=0, classes=classes, dropout=self.dropout),
            }
        )


NET = MfccBigru
