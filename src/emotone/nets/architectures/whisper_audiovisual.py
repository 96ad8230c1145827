"""Whisper's encoder on the sound and mini-Xception on the face of chunks of 512 ms, an LSTM or attention over both.

The input is rows of `audio-visual` with the sound of `whisper-log-mel`; a window is a clip whose length is a multiple
of 2.56 s, 5 chunks. The encoder is one block, `encoder`, whose layers have the names of the source that is loaded into
it; it is meant to be frozen. Without a face, or without sound, the other is enough: in training, each is removed from
some of the clips.

References: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Figure 1; Radford et al.,
Robust speech recognition via large-scale weak supervision, 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import (
    CHUNK_MILLISECONDS,
    FACE_FILTERS,
    Context,
    check_context,
    check_dropout,
    check_face,
    check_heads,
    check_layers,
    require_torch,
)

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network

HOP, STEP = 10, 20  # milliseconds between rows, and between outputs of the encoder
SILENCE = -10.0  # log10 power of `whisper-log-mel`


@dataclass(frozen=True)
class WhisperAudiovisual:
    """Layers of Whisper's encoder and a face network on each chunk, context over both, logits.

    Attributes:
        layers: whose outputs are averaged, ascending; this and the next three as in `whisper-lstm`.
        width: values per step.
        heads: of attention.
        peak: log10 mel power of the loudest value of an input; None keeps the level.
        size: of the face in pixels.
        channels: of the face: 1, or 3 with colour.
        context: "lstm", "bidirectional-lstm" or "attention" (see `emotone.nets.base.Context`).
        context_units: of each direction of the LSTM, or of the attention.
        dropout: share of the values of a chunk, and of those before the output layer, dropped in training.
        modality_dropout: share of the clips that are trained on without sound, and of those without the face.

    Raises:
        ConfigError: a number out of range, an unknown context, or no or unordered layers.

    """

    title: ClassVar[str] = "Whisper's encoder on the sound and a face network, over chunks of 512 ms with context"
    paper: ClassVar[str] = "Convolutions on two-channel spectrograms, LSTMs for context (spectrogram-cnn-lstm)"
    source_block: ClassVar[str] = "encoder"

    layers: tuple[int, ...] = (2, 3, 4)
    width: int = 512
    heads: int = 8
    peak: float | None = 1.5
    size: int = 24
    channels: int = 1
    context: Context = "lstm"
    context_units: int = 128
    dropout: float = 0.5
    modality_dropout: float = 0.2

    def __post_init__(self) -> None:
        name = "whisper-audiovisual"
        check_layers(name, self.layers)
        check_heads(name, width=self.width, heads=self.heads)
        if not 0 <= self.modality_dropout <= 0.5:
            raise ConfigError(f"{name} needs 0 <= modality_dropout <= 0.5; given {self.modality_dropout}")
        check_context(name, self.context, units=self.context_units)
        check_dropout(name, self.dropout)
        check_face(name, size=self.size, channels=self.channels, offset=1.0)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The encoder, the branches, the context, and the classifier."""
        if self.context == "attention":
            return (("encoder",), ("standardise",), ("branches",), ("classifier",))
        return (("encoder",), ("standardise", "branches"), ("context",), ("classifier",))

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`); raise `ConfigError` for rows without sound besides a face."""
        pixels = self.size * self.size * self.channels
        sound_values = dimension + -pixels // (CHUNK_MILLISECONDS // HOP)
        if sound_values < 1:
            raise ConfigError(
                f"whisper-audiovisual: a face of {self.size} x {self.size} pixels and {self.channels} channel(s) has "
                f"{dimension - sound_values} values per row, and the rows have {dimension}; use the front end "
                "audio-visual with the same size and the sound whisper-log-mel"
            )
        require_torch("building a network")
        from emotone.nets.blocks.audiovisual import EncodedSound, SoundAndFace, StandardisedSound, face_layers
        from emotone.nets.blocks.base import DropoutBlock, Network
        from emotone.nets.blocks.chunk import context_layers
        from emotone.nets.blocks.transformer import whisper_layers

        encoder = whisper_layers(
            sound_values, width=self.width, heads=self.heads, last=self.layers[-1], kept=self.layers, peak=self.peak
        )
        face = face_layers(FACE_FILTERS, rows=1, size=self.size, channels=self.channels)
        inputs = self.width + FACE_FILTERS[-1] + 2
        return Network(
            {
                "encoder": EncodedSound(
                    encoder,
                    sound_values=sound_values,
                    silence=SILENCE,
                    pixels=pixels,
                    hop=HOP,
                    step=STEP,
                    chunk=CHUNK_MILLISECONDS,
                ),
                "standardise": StandardisedSound(self.width),
                "branches": SoundAndFace({}, face, sound_values=self.width, dropped=self.modality_dropout),
                "dropout": DropoutBlock(self.dropout),
                **context_layers(self.context, inputs, units=self.context_units, classes=classes, dropout=self.dropout),
            }
        )


NET = WhisperAudiovisual
