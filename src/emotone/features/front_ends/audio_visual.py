"""Two-channel spectrograms, and the face that is seen meanwhile: both of a chunk of 512 ms in its 64 rows.

A face has 64 rows too: row k of a chunk holds the sound of 8 ms, followed by a 64th of the values of the face in the
middle of the chunk. So windows, batches and models that are divided into chunks contain the faces of their chunks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError
from emotone.features.base import FEATURES
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.audio.source import Recording
    from emotone.features.base import FaceTrack, Feature
    from emotone.types import Array, Seconds

SOUND = "two-channel-spectrogram"
SOUND_VALUES = 128
HOP = 128  # samples: 8 ms
CHUNK_ROWS = 64
EVERY: Seconds = 0.512


@dataclass(frozen=True)
class AudioVisual:
    """The 128 values of `two-channel-spectrogram`, then a 64th of a face; one row per 8 ms.

    Values of a face are above 0 and at most 1. Where there is no face, and in `compute`, which gets sound only, they
    are ln(offset), the value of silence.

    Attributes:
        size: of the square face in pixels, a multiple of 8.
        colour: red, green and blue; False gives grey.
        offset: of the spectrogram.

    Raises:
        ConfigError: a number out of range.

    Example:
        >>> import numpy as np
        >>> AudioVisual().compute(np.zeros(8192, np.float32)).shape
        (64, 144)

    Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), Figure 1.

    """

    version: ClassVar[int] = 1
    pads_end: ClassVar[bool] = True
    rate: ClassVar[Hertz] = 16000
    hop: ClassVar[int] = HOP

    size: int = 32
    colour: bool = False
    offset: float = 1e-5

    def __post_init__(self) -> None:
        if self.size < 1 or self.size % 8:
            raise ConfigError(
                f"audio-visual needs a size of the face that is a multiple of 8 pixels; given {self.size}"
            )
        _ = self._sound

    @property
    def _sound(self) -> Feature:
        sound: Feature = FEATURES.get(SOUND)(offset=self.offset)  # type: ignore[call-arg] # of this member
        return sound

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
        return self.size * self.size * (3 if self.colour else 1) // CHUNK_ROWS

    @property
    def dimension(self) -> int:
        """Values per row."""
        return SOUND_VALUES + self.face_values

    def frames(self, samples: int) -> int:
        """Return the number of rows: one for each hop that starts inside the signal, but at least one."""
        return self._sound.frames(samples)

    def compute(self, signal: Array) -> Array:
        """Return [frames, 128 + values of a face] float32 of a signal [time], without faces."""
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
        found = track.found
        numbers = np.arange(first, first + len(rows))
        for chunk in np.unique(numbers // CHUNK_ROWS).tolist():
            image = int((track.offset + start + (chunk + 0.5) * EVERY) / track.every)
            if image < len(found) and found[image]:
                here = numbers // CHUNK_ROWS == chunk
                lines = track.faces[image].reshape(CHUNK_ROWS, self.face_values)
                filled[here, SOUND_VALUES:] = lines[numbers[here] % CHUNK_ROWS]
        return filled


FEATURE = AudioVisual
