"""26 hand-built values per chunk of 512 ms: loudness, cepstra, zero crossings, bands, roll-off, centroid and pitch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.features.spectra import (
    cepstral_transform,
    decibels,
    frame_pitches,
    mel_filterbank,
    power_spectra,
    tapered_frames,
)
from emotone.types import Hertz  # noqa: TC001  (a class variable, as in the other front ends)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array, Seconds

    Values = NDArray[np.float64]

RATE = 16000
CHUNK = 8192  # samples: 512 ms
FRAME, HOP = 512, 160  # samples of the spectra: 32 ms every 10 ms
MEL_BANDS, CEPSTRA = 26, 13
FORMANT_BANDS = (200.0, 900.0, 1800.0, 2700.0, 4000.0)  # hertz: edges of four bands, about the first four formants
SHARES = (0.25, 0.5, 0.75, 0.85, 0.95)  # of the energy below a roll-off
PITCH_FRAME, PITCH_HOP = 640, 320  # samples: two periods of the lowest pitch
QUIETEST = 1e-6  # energy of a frame, relative to the loudest one of its chunk, up to which it is not voiced


@dataclass(frozen=True)
class HandBuilt:
    """One row per chunk of 512 ms; chunks do not overlap, and an incomplete one at the end has no row.

    ==========================  ==  ========================================================================
    RMS energy                   1  level of the chunk, dB below full scale
    MFCC                        13  cepstra 0 to 12 of 26 mel bands (dB), mean over the frames
    zero crossings               1  share of neighbouring samples with different signs
    spectral energy              4  dB in 200-900, 900-1800, 1800-2700 and 2700-4000 Hz
    roll-off                     5  frequency below which 25, 50, 75, 85 and 95 % of the energy lie, kHz
    centroid                     1  mean frequency, weighted by energy, kHz
    pitch                        1  median fundamental frequency of the voiced frames, in hundreds of hertz; 0 without
    ==========================  ==  ========================================================================

    Levels are at least -100 dB. A chunk of digital silence has frequencies of 0.

    Example:
        >>> import numpy as np
        >>> HandBuilt().compute(np.zeros(16384, np.float32)).shape
        (2, 26)

    Reference: the paper on spectrogram CNNs and LSTMs, Table 1. The paper
    names the values and how many there are of each; everything else here is our choice.

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = RATE
    window: ClassVar[int] = CHUNK
    hop: ClassVar[int] = CHUNK
    dimension: ClassVar[int] = 26

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: complete chunks only, but at least one."""
        return max(1, samples // CHUNK)

    def compute(self, signal: Array) -> Array:
        """Return [chunks, 26] float32 of a signal [time]; one shorter than a chunk is padded with zeros."""
        count = self.frames(len(signal))
        padded = np.pad(signal, (0, max(0, CHUNK - len(signal))))
        chunks = padded[: count * CHUNK].reshape(count, CHUNK)
        return np.stack([_row(chunk) for chunk in chunks]).astype(np.float32)


def pitch(chunk: Array) -> float:
    """Return the median fundamental frequency of the voiced frames of a chunk [time], in hertz; 0 without any."""
    pieces = tapered_frames(chunk, window=PITCH_FRAME, hop=PITCH_HOP)
    quietest = QUIETEST * max(float((pieces**2).sum(axis=1).max()), 1e-12)
    hertz = frame_pitches(pieces, rate=RATE, quietest=quietest)
    return float(np.median(hertz[hertz > 0])) if hertz.any() else 0.0


def _row(chunk: Array) -> Values:
    spectra = power_spectra(chunk, window=FRAME, hop=HOP)
    hertz = np.fft.rfftfreq(FRAME, 1 / RATE)
    mean = spectra.mean(axis=0)
    total = mean.sum()
    share = np.cumsum(mean) / total if total > 0 else np.ones_like(mean)
    bands = [mean[(hertz >= low) & (hertz < high)].sum() for low, high in pairwise(FORMANT_BANDS)]
    crossings = np.mean(np.signbit(chunk[1:]) != np.signbit(chunk[:-1]))
    return np.concatenate(
        [
            decibels(np.mean(chunk.astype(np.float64) ** 2, keepdims=True)),
            (decibels(spectra @ _mel()) @ cepstral_transform(MEL_BANDS, CEPSTRA)).mean(axis=0),
            [crossings],
            decibels(np.array(bands)),
            [hertz[np.searchsorted(share, wanted)] / 1000 for wanted in SHARES],
            [hertz @ mean / total / 1000 if total > 0 else 0.0],
            [pitch(chunk) / 100],
        ]
    )


@lru_cache(maxsize=1)
def _mel() -> Values:
    return mel_filterbank(rate=RATE, fft=FRAME, bands=MEL_BANDS, low=0.0, high=RATE / 2, kind="htk")


FEATURE = HandBuilt
