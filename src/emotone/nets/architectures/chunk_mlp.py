"""Linear layers on the hand-built values of a chunk: softmax, FC-2 and FC-3 of the paper on spectrogram CNNs.

The input is rows of `hand-built`, one per chunk of 512 ms; a window is one row.

Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Table 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import check_chunk_network, grouped, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network


@dataclass(frozen=True)
class ChunkMlp:
    """Cleaned and scaled values, hidden layers with ReLU, logits. The default is FC-2: one hidden layer.

    The paper centres values only. Hand-built values differ in unit, so they are also divided by their deviation.

    Attributes:
        depth: number of hidden layers: 0 gives softmax, 1 FC-2 and 2 FC-3.
        units: of each hidden layer.
        dropout: share of the last layer's inputs dropped in training.
        anomalies: share of the training values that count as anomalous (see `emotone.nets.blocks.cleaning`).

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "linear layers on hand-built values"
    paper: ClassVar[str] = "Convolutions on two-channel spectrograms, LSTMs for context (spectrogram-cnn-lstm)"

    depth: int = 1
    units: int = 64
    dropout: float = 0.0
    anomalies: float = 0.005

    def __post_init__(self) -> None:
        if self.depth < 0 or self.units < 1:
            raise ConfigError(f"chunk-mlp needs depth >= 0 and units >= 1; given {self.depth} and {self.units}")
        check_chunk_network("chunk-mlp", dropout=self.dropout, anomalies=self.anomalies, offset=1.0)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the layers that have tensors, in four groups."""
        dense = [f"dense{number}" for number in range(1, self.depth + 1)]
        return grouped(["limits", "centre", "scale", *dense, "classifier"])

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.cleaning import Centre, Limits, Scale
        from emotone.nets.blocks.dense import EmbeddingClassifier, ReluDense
        from emotone.nets.blocks.patch import FirstRow

        blocks: dict[str, Block] = {
            "chunk": FirstRow(),
            "limits": Limits(dimension, share=self.anomalies),
            "centre": Centre(dimension),
            "scale": Scale(dimension),
        }
        inputs = dimension
        for number in range(1, self.depth + 1):
            blocks[f"dense{number}"] = ReluDense(inputs, self.units)
            inputs = self.units
        blocks["classifier"] = EmbeddingClassifier(inputs, hidden=0, classes=classes, dropout=self.dropout)
        return Network(blocks)


NET = ChunkMlp
