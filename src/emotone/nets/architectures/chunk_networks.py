"""Networks on chunks of 512 ms, of the paper on spectrogram CNNs and LSTMs.

Linear layers on the hand-built values of a chunk: softmax, FC-2 and FC-3 of the paper on spectrogram CNNs.

The input is rows of `hand-built`, one per chunk of 512 ms; a window is one row.

Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Table 2.

Shallow convolutions on chunks of 512 ms of two-channel spectrograms: S1 to S4 and R1 to R6 of their paper.

The input is rows of `two-channel-spectrogram`; a window gives one chunk of 64 rows.

Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Table 4.

Consecutive chunks of 512 ms with temporal context: convolutions on each chunk, then an LSTM or attention over them.

The input is rows of `two-channel-spectrogram`; a window is a clip of any length. All layers are trained together, or
the weights of `spectrogram-cnn` are loaded into the layers of the same names, and frozen.

Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), sections 3.3 and 4. It
measures the LSTM on raw chunks, and plans the one on convolutions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import (
    CHUNK_ROWS,
    Context,
    check_channels,
    check_chunk_network,
    check_context,
    check_filters,
    grouped,
    require_torch,
)

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
        from emotone.nets.blocks.base import EmbeddingClassifier, Network, ReluDense
        from emotone.nets.blocks.cleaning import Centre, Limits, Scale
        from emotone.nets.blocks.spectrogram import FirstRow

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
        from emotone.nets.blocks.base import EmbeddingClassifier, Network
        from emotone.nets.blocks.cleaning import Centre, Limits
        from emotone.nets.blocks.spectrogram import Patch

        blocks: dict[str, Block] = {
            "chunk": Patch(rows=CHUNK_ROWS, silence=math.log(self.offset)),
            "limits": Limits(dimension, share=self.anomalies),
            "centre": Centre(dimension),
            **_convolutions(self, dimension),
        }
        blocks["classifier"] = EmbeddingClassifier(self.units, hidden=0, classes=classes, dropout=self.dropout)
        return Network(blocks)


@dataclass(frozen=True)
class SpectrogramLstm:
    """The layers of `spectrogram-cnn` up to the hidden one on each chunk, context, logits. By default, LSTM on R1.

    Attributes:
        context: "lstm", "bidirectional-lstm" or "attention" (see `emotone.nets.base.Context`).
        filters: of each convolution: one or two numbers; none for raw chunks without a hidden layer.
        whole: whether filters are as high as the image; this and the next two as in `spectrogram-cnn`.
        width: of the filters, in rows of 8 ms.
        units: of the hidden layer.
        context_units: of each direction of the LSTM, or of the attention.
        dropout: share of the values before the output layer dropped in training.
        slope: of the leaky ReLU for negative values; 0 gives ReLU.
        anomalies: share of the training values that count as anomalous (see `emotone.nets.blocks.cleaning`).
        offset: of the front end; its logarithm is the value for silence.

    Raises:
        ConfigError: a number out of range, an unknown context, or attention on raw chunks.

    """

    title: ClassVar[str] = "convolutions on chunks of 512 ms, an LSTM or attention over the chunks"
    paper: ClassVar[str] = "Convolutions on two-channel spectrograms, LSTMs for context (spectrogram-cnn-lstm)"
    starts_from: ClassVar[tuple[str, ...]] = ("spectrogram-cnn",)

    context: Context = "lstm"
    filters: tuple[int, ...] = (1024,)
    whole: bool = True
    width: int = 5
    units: int = 64
    context_units: int = 128
    dropout: float = 0.0
    slope: float = 0.0
    anomalies: float = 0.005
    offset: float = 1e-5

    def __post_init__(self) -> None:
        check_context("spectrogram-lstm", self.context, units=self.context_units)
        if self.context == "attention" and not self.filters:
            raise ConfigError("spectrogram-lstm needs filters with attention; give one or two numbers of filters")
        check_filters("spectrogram-lstm", self.filters, least=0, width=self.width, units=self.units, slope=self.slope)
        check_chunk_network("spectrogram-lstm", dropout=self.dropout, anomalies=self.anomalies, offset=self.offset)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the layers that have tensors, in four groups."""
        layers = [f"conv{number}" for number in range(1, len(self.filters) + 1)]
        if self.filters:
            layers.append("hidden")
        if self.context != "attention":
            layers.append("context")
        return grouped(["limits", "centre", *layers, "classifier"])

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`); raise `ConfigError` for rows of other than two channels."""
        check_channels("spectrogram-lstm", dimension)
        require_torch("building a network")
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.chunk import Chunks, FlatChunks, context_layers
        from emotone.nets.blocks.cleaning import Centre, Limits
        from emotone.nets.blocks.segments import per_segment

        blocks: dict[str, Block] = {
            "chunk": Chunks(rows=CHUNK_ROWS, silence=math.log(self.offset)),
            "limits": Limits(dimension, share=self.anomalies),
            "centre": Centre(dimension),
        }
        if self.filters:
            layers = _convolutions(self, dimension)
            blocks |= {name: per_segment(block, skips_padding=True) for name, block in layers.items()}
        else:
            blocks["raw"] = FlatChunks()
        inputs = self.units if self.filters else CHUNK_ROWS * dimension
        context = context_layers(self.context, inputs, units=self.context_units, classes=classes, dropout=self.dropout)
        return Network({**blocks, **context})


def _convolutions(net: SpectrogramCnn | SpectrogramLstm, dimension: int) -> dict[str, Block]:
    """Return the layers of a network on each chunk, by name, up to the hidden one."""
    from emotone.nets.blocks.chunk import chunk_layers

    return chunk_layers(
        dimension, filters=net.filters, whole=net.whole, width=net.width, units=net.units, slope=net.slope
    )
