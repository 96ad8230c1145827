"""The encoder of Whisper up to a chosen layer, its means over chunks of 512 ms, an LSTM or attention over the chunks.

The input is rows of `whisper-log-mel`; a window is a clip. The encoder's layers have the names of the published
weights, and are meant to be frozen: then their means are computed once and cached.

References: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), section 4, which plans an
LSTM on features of another network; Radford et al., Robust speech recognition via large-scale weak supervision, 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

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


NET = WhisperLstm
