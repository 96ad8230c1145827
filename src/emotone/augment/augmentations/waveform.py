"""Variation of raw samples: a speaker's tempo and pitch, and white noise of the recording.

Key idea: a signal of n samples shall become r times faster and p times higher. Resampling to n / p samples raises all
frequencies and the tempo by p. Overlapping segments of the result at a different spacing, to n / r samples, changes the
tempo only. Both changes take one resampling and one change of the time scale, by p / r.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.augment.base import stretch
from emotone.errors import ConfigError

if TYPE_CHECKING:
    from emotone.types import Array

QUARTER_TONES = 24  # per octave


@dataclass(frozen=True)
class TempoPitchParameters:
    """Tempo factor (above 1 is faster), and pitch shift in quarter-tones (positive is up)."""

    tempo: float
    pitch: int

    @property
    def frequency(self) -> float:
        """Factor of all frequencies."""
        return float(2.0 ** (self.pitch / QUARTER_TONES))


@dataclass(frozen=True)
class TempoPitch:
    """Changes tempo and pitch independently; n samples become n / tempo samples.

    The tempo is changed by overlapping segments where the waveforms match best, so that periods of the voice stay
    intact; the level is unchanged, and the vocal tract is scaled with the pitch.

    Attributes:
        slowest: minimum tempo factor.
        fastest: maximum tempo factor; the factor is uniformly distributed between them.
        quarter_tones: maximum pitch shift; all whole quarter-tones from -quarter_tones to it are equally likely.

    Raises:
        ConfigError: a number out of range.

    References: ElShaer, Wisdom, Mishra, Transfer learning from sound representations for anger detection in speech,
    2019 (time stretching by [0.9, 1.1] and "pitch scaling with number of quarter-steps chosen uniformly from [-5, 5]");
    Verhelst and Roelands, An overlap-add technique based on waveform similarity, ICASSP 1993 (here with long
    segments and short overlaps).

    """

    title: ClassVar[str] = "tempo, and pitch in quarter-tones"
    front_ends: ClassVar[tuple[str, ...]] = ("waveform",)

    slowest: float = 0.9
    fastest: float = 1.1
    quarter_tones: int = 5

    def __post_init__(self) -> None:
        if not 0.5 <= self.slowest <= self.fastest <= 2:
            raise ConfigError(
                f"tempo-pitch needs 0.5 <= slowest <= fastest <= 2; given {self.slowest:g} and {self.fastest:g}"
            )
        if not 0 <= self.quarter_tones <= QUARTER_TONES:
            raise ConfigError(f"tempo-pitch needs 0 <= quarter_tones <= 24; given {self.quarter_tones}")

    @property
    def reach(self) -> float:
        """Maximum number of input rows per output row."""
        return max(1.0, self.fastest)

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> TempoPitchParameters:  # noqa: ARG002 - one protocol
        """Return tempo and pitch."""
        return TempoPitchParameters(
            tempo=float(rng.uniform(self.slowest, self.fastest)),
            pitch=int(rng.integers(-self.quarter_tones, self.quarter_tones, endpoint=True)),
        )

    def apply(self, features: Array, drawn: TempoPitchParameters) -> Array:
        """Return samples [time / tempo, 1]."""
        import soxr  # as for resampling recordings: only when needed

        signal = np.ascontiguousarray(features[:, 0])
        wanted = max(1, round(len(signal) / drawn.tempo))
        if drawn.pitch:
            # Medium quality has the precision of 16 bits, which is enough for training.
            signal = soxr.resample(signal, drawn.frequency, 1.0, quality="MQ")
        return stretch(signal, wanted)[:, None]


@dataclass(frozen=True)
class WhiteNoiseParameters:
    """Standard deviation as a share of the peak amplitude, and noise [time, 1] of standard deviation 1."""

    share: float
    values: Array


@dataclass(frozen=True)
class WhiteNoise:
    """Adds Gaussian noise with standard deviation sigma, uniformly distributed in [0, share a] with a = max |x|.

    Attributes:
        share: of the largest absolute amplitude; at most 1.

    Raises:
        ConfigError: a share out of range.

    Reference: ElShaer, Wisdom, Mishra, Transfer learning from sound representations for anger detection in speech,
    2019 (share 0.005, which is 46 dB below the peak).

    """

    title: ClassVar[str] = "Gaussian noise at a random level below the peak"
    front_ends: ClassVar[tuple[str, ...]] = ("waveform",)
    reach: ClassVar[float] = 1.0

    share: float = 0.005

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigError(f"white-noise needs a share from 0 to 1; given {self.share:g}")

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> WhiteNoiseParameters:
        """Return the parameters."""
        return WhiteNoiseParameters(float(rng.uniform(0, self.share)), rng.standard_normal(shape, np.float32))

    def apply(self, features: Array, drawn: WhiteNoiseParameters) -> Array:
        """Return samples [time, 1] with added noise."""
        sigma = np.float32(drawn.share * np.abs(features).max())
        noisy: Array = features + sigma * drawn.values
        return noisy
