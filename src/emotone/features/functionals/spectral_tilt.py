"""The long-term spectrum and noise floor: traces of the microphone, the room and the recording chain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.features.spectra import decibels, power_spectra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array, Hertz

WINDOW, HOP = 1024, 512  # 64 ms every 32 ms at 16 kHz: bins of 15.6 Hz, so the lowest band has two
BANDS = 12
LOW, HIGH = 80.0, 7600.0  # Hz: each band is 1.46 times as wide as the one below, or 0.55 octaves
QUIET = 5  # percentile of a band's frames: the level in pauses


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
        powers = power_spectra(signal, window=WINDOW, hop=HOP) @ _bands()
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
    hertz = np.fft.rfftfreq(WINDOW, 1 / SpectralTilt().rate)
    edges = _edges()
    return ((hertz[:, None] >= edges[:-1]) & (hertz[:, None] < edges[1:])).astype(np.float64)


FUNCTIONALS = SpectralTilt
