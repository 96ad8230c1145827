"""Simple cues instead of the emotional expression (length, level, long-term spectrum, speaker), and several as one.

Cues are baselines. The level depends on the microphone's distance and gain as much as on the voice; spectrum and noise
floor are traces of the microphone, the room and the recording chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError, RunError
from emotone.features.base import FUNCTIONALS as MEMBERS
from emotone.features.base import MetadataFunctionals
from emotone.features.spectra import decibels, frames, power_spectra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.features.base import Functionals
    from emotone.types import Array, Hertz, Utterance

LEVEL_WINDOW, LEVEL_HOP = 320, 160  # 20 ms every 10 ms at 16 kHz
ACTIVE = 30.0  # dB below the 95th percentile of frames: quieter frames are pauses

SPECTRUM_WINDOW, SPECTRUM_HOP = 1024, 512  # 64 ms every 32 ms at 16 kHz: bins of 15.6 Hz, so the lowest band has two
BANDS = 12
LOW, HIGH = 80.0, 7600.0  # Hz: each band is 1.46 times as wide as the one below, or 0.55 octaves
QUIET = 5  # percentile of a band's frames: the level in pauses


@dataclass(frozen=True)
class Duration:
    """The length of a recording in seconds, and its natural logarithm.

    An empty recording counts as one sample, so that the logarithm is finite.

    Example:
        >>> import numpy as np
        >>> Duration().compute(np.zeros(16000, np.float32))
        array([1., 0.], dtype=float32)

    """

    version: ClassVar[int] = 1

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        return 16000

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value."""
        return ("seconds", "log seconds")

    def compute(self, signal: Array) -> Array:
        """Return the vector [2] float32 of a signal [time]."""
        seconds = max(len(signal), 1) / self.rate
        return np.array([seconds, np.log(seconds)], np.float32)


@dataclass(frozen=True)
class Loudness:
    """Levels of a whole recording in dB below full scale (a mean square of 1), -100 at the lowest.

    level           of the whole
    active level    of the frames (20 ms) less than 30 dB below the 95th percentile of frames
    peak            of the largest sample
    active spread   standard deviation of the active frames' levels, dB
    range           from the 5th to the 95th percentile of all frames' levels, dB
    """

    version: ClassVar[int] = 1

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        return 16000

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value."""
        return ("level", "active level", "peak", "active spread", "range")

    def compute(self, signal: Array) -> Array:
        """Return the vector [5] float32 of a signal [time]."""
        samples = signal.astype(np.float64) if len(signal) else np.zeros(1)
        powers = (frames(signal, window=LEVEL_WINDOW, hop=LEVEL_HOP) ** 2).mean(axis=1)
        levels = decibels(powers)
        low, high = np.percentile(levels, (5, 95))
        active = levels >= high - ACTIVE
        values = [
            *decibels(np.array([(samples**2).mean(), powers[active].mean(), (samples**2).max()])),
            levels[active].std(),
            high - low,
        ]
        return np.array(values, np.float32)


@dataclass(frozen=True)
class SpectralTilt:
    """The long-term average spectrum and the noise floor, in twelve bands of equal width in octaves.

    spectrum    each band's mean power in dB, minus the mean over bands: independent of the level
    tilt        slope of the spectrum, dB per octave
    floor       5th percentile of each band's power over frames, dB below full scale, -100 at the lowest
    """

    version: ClassVar[int] = 1

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        return 16000

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value; bands are named by their centre."""
        centres = [f"{centre:.0f} Hz" for centre in _centres()]
        return (*(f"spectrum {name}" for name in centres), "tilt", *(f"floor {name}" for name in centres))

    def compute(self, signal: Array) -> Array:
        """Return the vector [25] float32 of a signal [time]."""
        powers = power_spectra(signal, window=SPECTRUM_WINDOW, hop=SPECTRUM_HOP) @ _bands()
        spectrum = decibels(powers.mean(axis=0))
        spectrum -= spectrum.mean()
        octaves = np.log2(_centres() / _centres().mean())
        octaves -= octaves.mean()
        tilt = (octaves @ spectrum) / (octaves @ octaves)
        floor = decibels(np.percentile(powers, QUIET, axis=0))
        return np.concatenate([spectrum, [tilt], floor]).astype(np.float32)


def _edges() -> NDArray[np.float64]:
    return np.geomspace(LOW, HIGH, BANDS + 1)


def _centres() -> NDArray[np.float64]:
    edges = _edges()
    centres: NDArray[np.float64] = np.sqrt(edges[:-1] * edges[1:])
    return centres


@lru_cache(maxsize=1)
def _bands() -> NDArray[np.float64]:
    """Return the membership of bins in bands [bins, bands]: 0 or 1."""
    hertz = np.fft.rfftfreq(SPECTRUM_WINDOW, 1 / SpectralTilt().rate)
    edges = _edges()
    return ((hertz[:, None] >= edges[:-1]) & (hertz[:, None] < edges[1:])).astype(np.float64)


@dataclass(frozen=True)
class SpeakerIdentity:
    """A one-hot vector of the utterance's speaker, in the order of `speaker_key`."""

    version: ClassVar[int] = 1

    def of(self, utterances: Sequence[Utterance]) -> dict[str, Array]:
        """Return the vector [speakers] float32 of each utterance by its key.

        Raises:
            RunError: an utterance without a speaker.

        """
        nameless = [utterance.key for utterance in utterances if not utterance.speaker]
        if nameless:
            raise RunError(
                f"{len(nameless)} utterances have no speaker (first: {nameless[0]}), which speaker-identity needs; "
                "fill the column 'speaker'"
            )
        speakers = sorted({utterance.speaker_key for utterance in utterances})
        places = dict(zip(speakers, np.eye(len(speakers), dtype=np.float32), strict=True))
        return {utterance.key: places[utterance.speaker_key].copy() for utterance in utterances}


@dataclass(frozen=True)
class ConcatenatedFunctionals:
    """The vectors of other functionals with their default settings, concatenated.

    Attributes:
        members: names of at least two different functionals with the same sampling rate.
        versions: of the members, filled in automatically, so that cached values of other versions are not used.

    """

    version: ClassVar[int] = 1

    members: tuple[str, ...] = ("duration", "loudness", "spectral-tilt")
    versions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.members) < 2 or len(set(self.members)) < len(self.members) or "joined" in self.members:
            raise ConfigError(f"members must be at least two different functionals; given {list(self.members)}")
        parts = self._parts
        rates = {name: part.rate for name, part in zip(self.members, parts, strict=True)}
        if len(set(rates.values())) > 1:
            raise ConfigError(f"members must have the same sampling rate; given {rates}")
        now = tuple(part.version for part in parts)
        if self.versions not in {(), now}:
            raise ConfigError(
                f"versions {list(self.versions)} of {list(self.members)} are not available; "
                f"the present ones are {list(now)}"
            )
        object.__setattr__(self, "versions", now)

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        return self._parts[0].rate

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value, prefixed by its member."""
        pairs = zip(self.members, self._parts, strict=True)
        return tuple(f"{member}: {name}" for member, part in pairs for name in part.names)

    def compute(self, signal: Array) -> Array:
        """Return the members' vectors [values] float32 of a signal [time], concatenated.

        Raises:
            AudioError: the signal is too short for a member.

        """
        return np.concatenate([part.compute(signal) for part in self._parts])

    @property
    def _parts(self) -> tuple[Functionals, ...]:
        built = [MEMBERS.get(name)() for name in self.members]
        parts = tuple(part for part in built if not isinstance(part, MetadataFunctionals))
        if len(parts) < len(built):
            raise ConfigError(f"members must be computed from the signal; given {list(self.members)}")
        return parts
