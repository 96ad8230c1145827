"""Variation of the tempo of rows: with a gain, and with the pitch.

Tempo and gain of an utterance, in rows of levels or of cepstra and pitch.

Key idea: rows come at a fixed rate, so a tempo is a change of their number; a gain adds a constant to levels, and to
the first of the orthonormal cepstra of n levels sqrt(n) times as much.

Nine variants of two-channel spectrograms: three tempos times three pitches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array

CEPSTRUM_GAIN = math.sqrt(26)  # of the first cepstrum of 26 bands, per dB
NATURAL = {161: math.log(10) / 10}  # values per row of levels in ln of power -> their change per dB
FIRST_CEPSTRUM = {14: 0, 94: 80}  # values per row -> its column; other rows are levels only
PITCH = -1  # column, in rows with cepstra
MAX_DECIBELS = 60.0


@dataclass(frozen=True)
class TempoGainParameters:
    """Tempo factor (above 1 is faster), and gain in decibels."""

    tempo: float
    decibels: float


@dataclass(frozen=True)
class TempoGain:
    """Changes tempo and level of an utterance; n rows become n / tempo rows, the pitch stays.

    Rows between those of the input are interpolated linearly; a pitch, which is 0 where there is none, is that of the
    nearest row. Levels are log10 of power, or ln of it. Networks that remove the level of their input are not affected
    by a gain.

    Attributes:
        slowest: minimum tempo factor.
        fastest: maximum tempo factor; the factor is uniformly distributed between them.
        quietest: minimum gain in decibels.
        loudest: maximum gain; it is uniformly distributed between them.

    Raises:
        ConfigError: a number out of range.

    Reference: Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017,
    section 3.3.1.

    """

    title: ClassVar[str] = "tempo and gain of an utterance"
    front_ends: ClassVar[tuple[str, ...]] = ("mfcc-pitch", "power-spectrogram", "whisper-log-mel", "whisper-mfcc-pitch")

    slowest: float = 0.85
    fastest: float = 1.15
    quietest: float = -3.0
    loudest: float = 6.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.slowest <= self.fastest <= 2:
            raise ConfigError(
                f"tempo-gain needs 0.5 <= slowest <= fastest <= 2; given {self.slowest:g} and {self.fastest:g}"
            )
        if not -MAX_DECIBELS <= self.quietest <= self.loudest <= MAX_DECIBELS:
            raise ConfigError(
                f"tempo-gain needs -60 <= quietest <= loudest <= 60 decibels; given {self.quietest:g} and "
                f"{self.loudest:g}"
            )

    @property
    def reach(self) -> float:
        """Maximum number of input rows per output row."""
        return max(1.0, self.fastest)

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> TempoGainParameters:  # noqa: ARG002 - one protocol
        """Return tempo and gain."""
        return TempoGainParameters(
            tempo=float(rng.uniform(self.slowest, self.fastest)),
            decibels=float(rng.uniform(self.quietest, self.loudest)),
        )

    def apply(self, features: Array, drawn: TempoGainParameters) -> Array:
        """Return rows [time / tempo, dimension]."""
        count = len(features)
        wanted = max(1, round(count / drawn.tempo))
        places = np.clip((np.arange(wanted) + 0.5) * count / wanted - 0.5, 0, count - 1)
        before = places.astype(np.int64)
        share = (places - before).astype(np.float32)[:, None]
        rows: Array = features[before] * (1 - share) + features[np.minimum(before + 1, count - 1)] * share
        cepstrum = FIRST_CEPSTRUM.get(features.shape[1], features.shape[1])
        rows[:, :cepstrum] += np.float32(drawn.decibels * NATURAL.get(features.shape[1], 0.1))
        if cepstrum < features.shape[1]:
            rows[:, cepstrum] += np.float32(drawn.decibels * CEPSTRUM_GAIN)
            rows[:, PITCH] = features[np.rint(places).astype(np.int64), PITCH]
        return rows


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
