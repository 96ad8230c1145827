"""Networks on the sound and the face of consecutive chunks of 512 ms.

Sound and face of consecutive chunks of 512 ms, each with layers of its own, and an LSTM over both.

The input is rows of `audio-visual`; a window is a clip of any length. Without a face, or without sound, the other is
enough: in training, each is removed from some of the clips.

Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Figure 1, which plans it.

Whisper's encoder on the sound and mini-Xception on the face of chunks of 512 ms, an LSTM or attention over both.

The input is rows of `audio-visual` with the sound of `whisper-log-mel`; a window is a clip whose length is a multiple
of 2.56 s, 5 chunks. The encoder is one block, `encoder`, whose layers have the names of the source that is loaded into
it; it is meant to be frozen. Without a face, or without sound, the other is enough: in training, each is removed from
some of the clips.

References: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Figure 1; Radford et al.,
Robust speech recognition via large-scale weak supervision, 2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import (
    CHUNK_MILLISECONDS,
    CHUNK_ROWS,
    FACE_FILTERS,
    Context,
    check_channels,
    check_chunk_network,
    check_context,
    check_dropout,
    check_face,
    check_face_rows,
    check_filters,
    check_heads,
    check_layers,
    require_torch,
)

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


@dataclass(frozen=True)
class AudiovisualLstm:
    """The layers of R1 on the sound, those of mini-Xception on the face, an LSTM over both, logits.

    Attributes:
        filters: of the convolutions on the sound: one or two numbers; this and the next three as in `spectrogram-cnn`.
        width: of these filters, in rows of 8 ms.
        units: of the sound's hidden layer.
        slope: of its leaky ReLU for negative values; 0 gives ReLU.
        size: of the face in pixels.
        channels: of the face: 1, or 3 with colour.
        context_units: of each direction of the LSTM.
        bidirectional: whether a second LSTM reads the chunks from the last to the first.
        dropout: share of the values before the output layer dropped in training.
        modality_dropout: share of the clips that are trained on without sound, and of those without the face.
        anomalies: share of the training values of the sound that count as anomalous.
        offset: of the front end; its logarithm is the value of silence, and of an absent face.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "convolutions on the sound and the face of chunks of 512 ms, an LSTM over both"
    paper: ClassVar[str] = "Convolutions on two-channel spectrograms, LSTMs for context (spectrogram-cnn-lstm)"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (("limits", "centre"), ("branches",), ("context",), ("classifier",))

    filters: tuple[int, ...] = (1024,)
    width: int = 5
    units: int = 64
    slope: float = 0.0
    size: int = 32
    channels: int = 1
    context_units: int = 128
    bidirectional: bool = False
    dropout: float = 0.0
    modality_dropout: float = 0.2
    anomalies: float = 0.005
    offset: float = 1e-5

    def __post_init__(self) -> None:
        name = "audiovisual-lstm"
        check_filters(name, self.filters, least=1, width=self.width, units=self.units, slope=self.slope)
        check_chunk_network(name, dropout=self.dropout, anomalies=self.anomalies, offset=self.offset)
        check_face(name, size=self.size, channels=self.channels, offset=self.offset)
        if not 0 <= self.modality_dropout <= 0.5:
            raise ConfigError(f"{name} needs 0 <= modality_dropout <= 0.5; given {self.modality_dropout}")
        if self.context_units < 1:
            raise ConfigError(f"{name} needs context_units >= 1; given {self.context_units}")

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`); raise `ConfigError` for rows of another size of face."""
        name, silence = "audiovisual-lstm", math.log(self.offset)
        sound_values = dimension - check_face_rows(name, dimension, size=self.size, channels=self.channels)
        check_channels(name, sound_values)
        require_torch("building a network")
        from emotone.nets.blocks.audiovisual import LeadingValues, Presence, SoundAndFace, face_layers
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.chunk import Chunks, ContextLstm, LastStepClassifier, chunk_layers
        from emotone.nets.blocks.cleaning import Centre, Limits

        sound = chunk_layers(
            sound_values,
            filters=self.filters,
            whole=True,
            width=self.width,
            units=self.units,
            slope=self.slope,
        )
        inputs = self.units + FACE_FILTERS[-1] + 2
        return Network(
            {
                "chunk": Chunks(rows=CHUNK_ROWS, silence=silence),
                "presence": Presence(sound_values=sound_values, silence=silence),
                "limits": LeadingValues(Limits(sound_values, share=self.anomalies), sound_values),
                "centre": LeadingValues(Centre(sound_values), sound_values),
                "branches": SoundAndFace(
                    sound,
                    face_layers(FACE_FILTERS, rows=CHUNK_ROWS, size=self.size, channels=self.channels),
                    sound_values=sound_values,
                    dropped=self.modality_dropout,
                ),
                "context": ContextLstm(inputs, self.context_units, bidirectional=self.bidirectional),
                "classifier": LastStepClassifier(
                    self.context_units, bidirectional=self.bidirectional, classes=classes, dropout=self.dropout
                ),
            }
        )


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
