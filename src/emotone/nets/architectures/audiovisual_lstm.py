"""Sound and face of consecutive chunks of 512 ms, each with layers of its own, and an LSTM over both.

The input is rows of `audio-visual`; a window is a clip of any length. Without a face, or without sound, the other is
enough: in training, each is removed from some of the clips.

Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Figure 1, which plans it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import (
    CHUNK_ROWS,
    FACE_FILTERS,
    check_channels,
    check_chunk_network,
    check_face,
    check_face_rows,
    check_filters,
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


NET = AudiovisualLstm
