"""Nine variants of two-channel spectrograms: three tempos times three pitches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array

CHANNELS = 2  # of a row
BAND = 31.25  # hertz between the bands
LOWEST = 19.53125  # hertz: middle of the first band, the mean of bins 1 to 4 of a transform of 2048 points
SEMITONES = 12  # per octave


@dataclass(frozen=True)
class Variant:
    """Tempo factor (above 1 is faster) and factor of all frequencies."""

    tempo: float
    frequency: float


@dataclass(frozen=True)
class Ninefold:
    """One of nine variants, all equally likely: slower, unchanged or faster, and lower, unchanged or higher.

    Nine epochs are therefore about one epoch of the ninefold training data. Both changes interpolate the logarithms of
    magnitudes linearly; n rows become n / tempo rows. Frequencies from beyond the bands get the values of the last
    band. As with resampled sound, the resonances move with the pitch.

    Attributes:
        tempo: relative change; the factors are 1 / (1 + tempo), 1 and 1 + tempo.
        semitones: change of all frequencies, downwards and upwards.

    Raises:
        ConfigError: a number out of range.

    Reference: the paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), section 3.1, "Data
    augmentation" (nine times the data "with pitch shifts and time scaling"; the amounts are ours).

    """

    title: ClassVar[str] = "nine variants of tempo and pitch"
    front_ends: ClassVar[tuple[str, ...]] = ("two-channel-spectrogram",)

    tempo: float = 0.1
    semitones: float = 2.0

    def __post_init__(self) -> None:
        if not (0 <= self.tempo <= 1 and 0 <= self.semitones <= SEMITONES):
            raise ConfigError(
                f"ninefold needs 0 <= tempo <= 1 and 0 <= semitones <= 12; given {self.tempo:g} and {self.semitones:g}"
            )

    @property
    def reach(self) -> float:
        """Maximum number of input rows per output row."""
        return 1 + self.tempo

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Variant:  # noqa: ARG002 - one protocol
        """Return a variant."""
        tempo, pitch = rng.integers(-1, 2, 2).tolist()
        return Variant((1 + self.tempo) ** tempo, float(2 ** (pitch * self.semitones / SEMITONES)))

    def apply(self, features: Array, drawn: Variant) -> Array:
        """Return the variant [time / tempo, values]."""
        time = max(1, round(len(features) / drawn.tempo))
        rows = features[_nearest_two(np.arange(time) * drawn.tempo, len(features))]
        timed = rows[0] + _shares(np.arange(time) * drawn.tempo, len(features))[:, None] * (rows[1] - rows[0])
        bands = features.shape[1] // CHANNELS
        wanted = ((LOWEST + BAND * np.arange(bands)) / drawn.frequency - LOWEST) / BAND
        below, above = _nearest_two(wanted, bands)
        image = timed[:, : bands * CHANNELS].reshape(time, CHANNELS, bands)
        shifted = image[..., below] + _shares(wanted, bands) * (image[..., above] - image[..., below])
        return np.concatenate(
            [shifted.reshape(time, CHANNELS * bands), timed[:, bands * CHANNELS :]], axis=1, dtype=np.float32
        )


def _nearest_two(places: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Return the indices [2, places] before and after fractional places among `count` values."""
    before = np.clip(np.floor(places), 0, count - 1).astype(np.int64)
    return np.stack([before, np.minimum(before + 1, count - 1)])


def _shares(places: NDArray[np.floating], count: int) -> Array:
    """Return the share [places] of the second of two indices."""
    inside = np.clip(places, 0, count - 1)
    shares: Array = (inside - np.floor(inside)).astype(np.float32)
    return shares


AUGMENTATION = Ninefold
