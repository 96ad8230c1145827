"""Tempo and gain of an utterance, in rows of levels or of cepstra and pitch.

Key idea: rows come at a fixed rate, so a tempo is a change of their number; a gain adds a constant to levels, and to
the first of the orthonormal cepstra of n levels sqrt(n) times as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError

if TYPE_CHECKING:
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


AUGMENTATION = TempoGain
