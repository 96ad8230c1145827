"""Shallow convolutions on chunks of 512 ms of two-channel spectrograms: S1 to S4 and R1 to R6 of their paper.

The input is rows of `two-channel-spectrogram`; a window gives one chunk of 64 rows.

Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Table 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.nets.base import CHUNK_ROWS, check_channels, check_chunk_network, check_filters, grouped, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network


@dataclass(frozen=True)
class SpectrogramCnn:
    """Cleaned values, one or two convolutions with max-pooling, a hidden layer, logits. The defaults are R1.

    Attributes:
        filters: of each convolution: one or two numbers.
        whole: whether filters are as high as the image (R), so that they move over time only; False gives squares (S).
        width: of the filters, in rows of 8 ms; squares are as high as wide.
        units: of the hidden layer.
        dropout: share of the hidden layer's values dropped in training.
        slope: of the leaky ReLU for negative values; 0 gives ReLU.
        anomalies: share of the training values that count as anomalous (see `emotone.nets.blocks.cleaning`).
        offset: of the front end; its logarithm is the value for silence.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "one or two convolutions on 512 ms of two-channel spectrograms"
    paper: ClassVar[str] = "Convolutions on two-channel spectrograms, LSTMs for context (spectrogram-cnn-lstm)"

    filters: tuple[int, ...] = (1024,)
    whole: bool = True
    width: int = 5
    units: int = 64
    dropout: float = 0.0
    slope: float = 0.0
    anomalies: float = 0.005
    offset: float = 1e-5

    def __post_init__(self) -> None:
        check_filters("spectrogram-cnn", self.filters, least=1, width=self.width, units=self.units, slope=self.slope)
        check_chunk_network("spectrogram-cnn", dropout=self.dropout, anomalies=self.anomalies, offset=self.offset)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the layers that have tensors, in four groups."""
        convolutions = [f"conv{number}" for number in range(1, len(self.filters) + 1)]
        return grouped(["limits", "centre", *convolutions, "hidden", "classifier"])

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`); raise `ConfigError` for rows of other than two channels."""
        check_channels("spectrogram-cnn", dimension)
        require_torch("building a network")
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.chunk import chunk_layers
        from emotone.nets.blocks.cleaning import Centre, Limits
        from emotone.nets.blocks.dense import EmbeddingClassifier
        from emotone.nets.blocks.patch import Patch

        blocks: dict[str, Block] = {
            "chunk": Patch(rows=CHUNK_ROWS, silence=math.log(self.offset)),
            "limits": Limits(dimension, share=self.anomalies),
            "centre": Centre(dimension),
            **chunk_layers(
                dimension,
                filters=self.filters,
                whole=self.whole,
                width=self.width,
                units=self.units,
                slope=self.slope,
            ),
        }
        blocks["classifier"] = EmbeddingClassifier(self.units, hidden=0, classes=classes, dropout=self.dropout)
        return Network(blocks)


NET = SpectrogramCnn
