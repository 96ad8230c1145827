"""Spectrograms of sound, and the face that is seen meanwhile: both of a chunk of 512 ms in its rows.

A face is divided among the rows of its chunk: with `two-channel-spectrogram`, row k of 64 holds the sound of 8 ms,
followed by a 64th of the values of the face in the middle of the chunk; with `whisper-log-mel`, the first 51 rows of
10 ms that start in a chunk hold a 51st each. So windows, batches and models that are divided into chunks contain the
faces of their chunks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from emotone.errors import ConfigError, unknown_name
from emotone.features.base import FEATURES
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.audio.source import Recording
    from emotone.features.base import FaceTrack, Feature
    from emotone.types import Array, Seconds

Sound: TypeAlias = Literal["two-channel-spectrogram", "whisper-log-mel"]
CHUNK = 8192  # samples
EVERY: Seconds = 0.512


@dataclass(frozen=True)
class AudioVisual:
    """Rows of sound, each followed by a part of a face: by default one row of 128 values and a 64th per 8 ms.

    Values of a face are above 0 and at most 1. Where there is no face, and in `compute`, which gets sound only, they
    are ln(offset), the value of silence.

    Attributes:
        size: of the square face in pixels, a multiple of 8.
        colour: red, green and blue; False gives grey.
        offset: of the two-channel spectrogram.
        sound: front end of the sound: "two-channel-spectrogram", or "whisper-log-mel" with 80 values per 10 ms.

    Raises:
        ConfigError: a number out of range, or another front end.

    Example:
        >>> import numpy as np
        >>> AudioVisual().compute(np.zeros(8192, np.float32)).shape
        (64, 144)

    Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Figure 1.

    """

    version: ClassVar[int] = 1
    pads_end: ClassVar[bool] = True
    rate: ClassVar[Hertz] = 16000

    size: int = 32
    colour: bool = False
    offset: float = 1e-5
    sound: Sound = "two-channel-spectrogram"

    def __post_init__(self) -> None:
        if self.size < 1 or self.size % 8:
            raise ConfigError(
                f"audio-visual needs a size of the face that is a multiple of 8 pixels; given {self.size}"
            )
        if self.sound not in get_args(Sound):
            raise ConfigError(f"audio-visual: {unknown_name('sound', self.sound, get_args(Sound))}")
        _ = self._sound

    @property
    def _sound(self) -> Feature:
        settings = {"offset": self.offset} if self.sound == "two-channel-spectrogram" else {}
        sound: Feature = FEATURES.get(self.sound)(**settings)
        return sound

    @property
    def hop(self) -> int:
        """Samples between rows."""
        return self._sound.hop

    @property
    def chunk_rows(self) -> int:
        """Rows of a chunk that hold a part of its face."""
        return CHUNK // self.hop

    @property
    def window(self) -> int:
        """Samples that one row depends on."""
        return self._sound.window

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    @property
    def face_values(self) -> int:
        """Values of a face in each row."""
        return -(-self.size * self.size * (3 if self.colour else 1) // self.chunk_rows)

    @property
    def dimension(self) -> int:
        """Values per row."""
        return self._sound.dimension + self.face_values

    def frames(self, samples: int) -> int:
        """Return the number of rows: one for each hop that starts inside the signal, but at least one."""
        return self._sound.frames(samples)

    def compute(self, signal: Array) -> Array:
        """Return [frames, values of sound + those of a face] float32 of a signal [time], without faces."""
        sound = self._sound.compute(signal)
        absent = np.full((len(sound), self.face_values), math.log(self.offset), np.float32)
        return np.concatenate([sound, absent], axis=1)

    def faces(self, recording: Recording) -> FaceTrack:
        """Return the faces of a recording every 512 ms (see `emotone.features.faces.face_track`)."""
        from emotone.features.faces import face_track

        return face_track(recording, every=EVERY, size=self.size, colour=self.colour)

    def with_faces(self, rows: Array, track: FaceTrack, *, start: Seconds, first: int = 0) -> Array:
        """Return a copy of rows [frames, dimension] with the faces of their chunks.

        Args:
            rows: from `compute`.
            track: of the whole recording.
            start: time of row 0 of the chunks' grid, from the track's offset on.
            first: number of the first of the given rows on that grid.

        """
        filled = rows.copy()
        found, sound_values = track.found, self._sound.dimension
        numbers = np.arange(first, first + len(rows))
        chunks = numbers * self.hop // CHUNK
        places = numbers + (-chunks * CHUNK) // self.hop  # on from the first row that starts in the chunk
        for chunk in np.unique(chunks).tolist():
            image = int((track.offset + start + (chunk + 0.5) * EVERY) / track.every)
            if image < len(found) and found[image]:
                here = (chunks == chunk) & (places < self.chunk_rows)
                values = track.faces[image].reshape(-1)
                padded = np.pad(values, (0, self.chunk_rows * self.face_values - len(values)), mode="edge")
                filled[here, sound_values:] = padded.reshape(self.chunk_rows, self.face_values)[places[here]]
        return filled


FEATURE = AudioVisual
