"""Encoders of speech: Whisper's, pooled over all time or chunk by chunk, and a small student.

The encoder of Whisper up to a chosen layer, pooled over time, and a classifier.

The input is rows of `whisper-log-mel`. The published sizes are those of `whisper-base` (width 512, 6 layers, 8 heads)
and `whisper-tiny.en` (width 384, 4 layers, 6 heads). Layers after the last one that is used are not built. The paper's
method is "Fine-tuning MP-x": the output of a recogniser's layer x, averaged over time, is the input of a classifier.

References: Radford et al., Robust speech recognition via large-scale weak supervision, 2022 (encoder; OpenAI, MIT);
Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017 (MP-x).

The encoder of Whisper up to a chosen layer, its means over chunks of 512 ms, an LSTM or attention over the chunks.

The input is rows of `whisper-log-mel`; a window is a clip. The encoder's layers have the names of the published
weights, and are meant to be frozen: then their means are computed once and cached.

References: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), section 4, which plans an
LSTM on features of another network; Radford et al., Robust speech recognition via large-scale weak supervision, 2022.

A small convolutional speech encoder, to be trained as the student of a larger one, and a classifier.

The input is rows of `whisper-log-mel`. Two convolutions reduce them to 25 steps per second; ConvNeXt layers with a
context follow, whose outputs are pooled over time as those of `whisper-encoder` are.

Reference: Liu et al., A ConvNet for the 2020s, CVPR 2022 (the layers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.errors import ConfigError
from emotone.nets.base import (
    CHUNK_MILLISECONDS,
    Context,
    check_context,
    check_dropout,
    check_heads,
    check_layers,
    require_torch,
)

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


@dataclass(frozen=True)
class WhisperEncoder:
    """Whisper's encoder as a source of features for a classifier.

    Attributes:
        layers: whose outputs are pooled, ascending; 0 is the output of the convolutions with positions.
        width: values per step.
        heads: of attention.
        final_norm: whether the normalisation after the last layer is applied to the last of the outputs.
        statistics: over time: "mean", or "mean-deviation" for the mean and the standard deviation.
        combination: of the outputs: "concatenate", "mean", or "learned" for an average with learned weights.
        peak: log10 mel power to which the loudest value of an input is shifted, so that results do not depend on the
            recording level; None keeps the level, as Whisper does.
        hidden: units of the classifier's hidden layer; 0 for a linear classifier.
        dropout: share of pooled values, and of hidden units, that are dropped in training.

    Raises:
        ConfigError: a number out of range, or no or unordered layers.

    """

    title: ClassVar[str] = "Whisper's encoder up to a layer, pooled over time, with published recogniser weights"
    paper: ClassVar[str] = "Reusing neural speech representations for auditory emotion recognition, 2017"
    layers: tuple[int, ...] = (2, 3, 4)
    width: int = 512
    heads: int = 8
    final_norm: bool = False
    statistics: Literal["mean", "mean-deviation"] = "mean"
    combination: Literal["concatenate", "mean", "learned"] = "concatenate"
    peak: float | None = None
    hidden: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_layers("whisper-encoder", self.layers)
        check_heads("whisper-encoder", width=self.width, heads=self.heads)
        if self.hidden < 0:
            raise ConfigError(f"whisper-encoder needs hidden >= 0, where 0 means no hidden layer; given {self.hidden}")
        check_dropout("whisper-encoder", self.dropout)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Convolutions, transformer layers, what follows them, and the classifier."""
        encoder = tuple(f"layer{number}" for number in range(1, self.layers[-1] + 1))
        return (
            ("conv1", "conv2", "positions"),
            encoder + (("final_norm",) if self.final_norm else ()),
            (*(("pool",) if self.combination == "learned" else ()), "standardise"),
            ("classifier",),
        )

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks import transformer
        from emotone.nets.blocks.base import EmbeddingClassifier, Network

        width, last = self.width, self.layers[-1]
        blocks = transformer.whisper_layers(
            dimension, width=width, heads=self.heads, last=last, kept=self.layers, peak=self.peak
        )
        if self.final_norm:
            blocks["final_norm"] = transformer.FinalNorm(width)
        outputs = len(self.layers)
        blocks["pool"] = transformer.LayerPooling(outputs, statistics=self.statistics, combination=self.combination)
        values = width * (2 if self.statistics == "mean-deviation" else 1)
        values *= outputs if self.combination == "concatenate" else 1
        blocks["standardise"] = transformer.Standardiser(values)
        blocks["classifier"] = EmbeddingClassifier(values, hidden=self.hidden, classes=classes, dropout=self.dropout)
        return Network(blocks)


STEP = 20  # milliseconds between two outputs of the encoder


@dataclass(frozen=True)
class WhisperLstm:
    """Layers of Whisper's encoder, averaged over chunks of 512 ms, with temporal context.

    Attributes:
        layers: whose outputs are averaged, ascending; 0 is the output of the convolutions with positions.
        width: values per step: 512 in `whisper-base`, 384 in `whisper-tiny.en`.
        heads: of attention: 8 and 6.
        peak: log10 mel power to which the loudest value of an input is shifted, so that results do not depend on the
            recording level; None keeps the level, as Whisper does.
        context: "lstm", "bidirectional-lstm" or "attention" (see `emotone.nets.base.Context`).
        context_units: of each direction of the LSTM, or of the attention.
        dropout: share of the values of a chunk, and of those before the output layer, dropped in training.

    Raises:
        ConfigError: a number out of range, an unknown context, or no or unordered layers.

    """

    title: ClassVar[str] = "Whisper's encoder up to a layer, means of chunks of 512 ms, an LSTM or attention over them"
    paper: ClassVar[str] = "Convolutions on two-channel spectrograms, LSTMs for context (spectrogram-cnn-lstm)"

    layers: tuple[int, ...] = (2, 3, 4)
    width: int = 512
    heads: int = 8
    peak: float | None = 1.5
    context: Context = "lstm"
    context_units: int = 128
    dropout: float = 0.5

    def __post_init__(self) -> None:
        name = "whisper-lstm"
        check_layers(name, self.layers)
        check_heads(name, width=self.width, heads=self.heads)
        check_context(name, self.context, units=self.context_units)
        check_dropout(name, self.dropout)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Convolutions, transformer layers, the context, and the classifier."""
        encoder = tuple(f"layer{number}" for number in range(1, self.layers[-1] + 1))
        after = ("standardise",) if self.context == "attention" else ("standardise", "context")
        return (("conv1", "conv2", "positions"), encoder, after, ("classifier",))

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import DropoutBlock, Network
        from emotone.nets.blocks.chunk import EncoderChunks, context_layers
        from emotone.nets.blocks.segments import per_segment
        from emotone.nets.blocks.transformer import Standardiser, whisper_layers

        encoder = whisper_layers(
            dimension, width=self.width, heads=self.heads, last=self.layers[-1], kept=self.layers, peak=self.peak
        )
        context = context_layers(
            self.context, self.width, units=self.context_units, classes=classes, dropout=self.dropout
        )
        return Network(
            {
                **encoder,
                "chunk": EncoderChunks(step=STEP, chunk=CHUNK_MILLISECONDS),
                # Statistics of training are those of chunks that items have.
                "standardise": per_segment(Standardiser(self.width), skips_padding=True),
                "dropout": DropoutBlock(self.dropout),
                **context,
            }
        )


STEM = 160  # channels between the two convolutions


@dataclass(frozen=True)
class SpeechStudent:
    """A convolutional encoder of speech, pooled over time, and a classifier.

    Attributes:
        layers: whose outputs are pooled and concatenated, ascending; 0 is the output of the convolutions. The last one
            is the number of layers.
        width: values per step.
        kernel: steps of 40 ms of each layer's convolution; odd.
        expansion: hidden units of a layer per value.
        statistics: over time: "mean", or "mean-deviation" for the mean and the standard deviation.
        peak: log10 mel power to which the loudest value of an input is shifted, so that results do not depend on the
            recording level; None keeps the level.
        dropout: share of pooled values that are dropped in training.

    Raises:
        ConfigError: a number out of range, or no or unordered layers.

    """

    title: ClassVar[str] = "small convolutional speech encoder, a student of a larger one"
    paper: ClassVar[str] = "emotone"
    layers: tuple[int, ...] = (2, 4)
    width: int = 256
    kernel: int = 9
    expansion: int = 4
    statistics: Literal["mean", "mean-deviation"] = "mean"
    peak: float | None = 1.5
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_layers("speech-student", self.layers)
        if min(self.width, self.expansion) < 1:
            raise ConfigError(
                f"speech-student needs width and expansion of at least 1; given {self.width}, {self.expansion}"
            )
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigError(f"speech-student needs an odd kernel; given {self.kernel}")
        check_dropout("speech-student", self.dropout)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Convolutions, ConvNeXt layers, what follows them, and the classifier."""
        encoder = tuple(f"layer{number}" for number in range(1, self.layers[-1] + 1))
        return (("conv1", "conv2", "stack"), encoder, ("standardise",), ("classifier",))

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks import transformer
        from emotone.nets.blocks.base import Block, EmbeddingClassifier, Network

        blocks: dict[str, Block] = {
            "range": transformer.DynamicRange(peak=self.peak),
            "conv1": transformer.ConvGelu(dimension, STEM, stride=2),
            "conv2": transformer.ConvGelu(STEM, self.width, stride=2),
            "stack": transformer.AsStack(self.width),
        }
        for number in range(1, self.layers[-1] + 1):
            blocks[f"layer{number}"] = transformer.ConvNextLayer(
                self.width, kernel=self.kernel, expansion=self.expansion, keep_input=number - 1 in self.layers
            )
        outputs = len(self.layers)
        blocks["pool"] = transformer.LayerPooling(outputs, statistics=self.statistics, combination="concatenate")
        values = self.width * outputs * (2 if self.statistics == "mean-deviation" else 1)
        blocks["standardise"] = transformer.Standardiser(values)
        blocks["classifier"] = EmbeddingClassifier(values, hidden=0, classes=classes, dropout=self.dropout)
        return Network(blocks)
