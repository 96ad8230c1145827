"""13 cepstra and the pitch every 10 ms: the input of the recurrent baseline of the paper on reusing recognisers.

`whisper-mfcc-pitch` has the rows of `whisper-log-mel` and these side by side, for networks with a branch for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.features.base import FEATURES
from emotone.features.spectra import (
    RowPerHop,
    cepstral_transform,
    decibels,
    frame_pitches,
    mel_filterbank,
    padded_for_rows,
    tapered_frames,
)
from emotone.types import Hertz  # noqa: TC001  (a class variable, as in the other front ends)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array

RATE = 16000
FRAME = 320  # samples of a spectrum: 20 ms
PITCH_FRAME = 640  # samples: two periods of the lowest pitch
FFT = 512
MEL_BANDS, CEPSTRA = 26, 13
LOW = 20.0  # hertz: lower edge of the first band
QUIETEST = 1e-6 * PITCH_FRAME * 3 / 8  # energy of a tapered frame at 60 dB below full scale

PARTS = ("whisper-log-mel", "mfcc-pitch")


@dataclass(frozen=True)
class MfccPitch(RowPerHop):
    """Cepstra 0 to 12 and the fundamental frequency, one row of 14 values per 10 ms.

    Cepstra are the orthonormal cosine transform of the levels, in dB, of 26 mel bands from 20 to 8000 Hz, of Hamming
    windows of 20 ms; such a window is in the middle of the row's 40 ms, which the pitch is from. The pitch is in
    hundreds of hertz, from 0.6 to 5, and 0 where a frame is not voiced. Zeros follow the end of the signal, so that
    every multiple of the hop inside it has a row: one second has 100.

    Example:
        >>> import numpy as np
        >>> MfccPitch().compute(np.zeros(16000, np.float32)).shape
        (100, 14)

    Reference: Lakomkin et al., Reusing neural speech representations for auditory emotion recognition, IJCNLP 2017,
    section 3.3. The paper computes the pitch with openSMILE, and names no settings of the cepstra but the windows; the
    rest is our choice.

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = RATE
    window: ClassVar[int] = PITCH_FRAME
    hop: ClassVar[int] = 160
    dimension: ClassVar[int] = CEPSTRA + 1

    def compute(self, signal: Array) -> Array:
        """Return [frames, 14] float32 of a signal [time], with zeros after its end."""
        count = self.frames(len(signal))
        padded = padded_for_rows(signal, rows=count, hop=self.hop, window=self.window)
        pieces = tapered_frames(padded, window=PITCH_FRAME, hop=self.hop)[:count]
        margin = (PITCH_FRAME - FRAME) // 2
        middle = padded[margin : margin + (count - 1) * self.hop + FRAME].astype(np.float64)
        window, filterbank = _tables()
        spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(middle, FRAME)[:: self.hop] * window, n=FFT)
        levels = decibels((spectra.real**2 + spectra.imag**2) @ filterbank)
        rows = np.empty((count, self.dimension), np.float32)
        rows[:, :CEPSTRA] = levels @ cepstral_transform(MEL_BANDS, CEPSTRA)
        rows[:, CEPSTRA] = frame_pitches(pieces, rate=self.rate, quietest=QUIETEST) / 100
        return rows


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the window [320], scaled so that a sine of full scale has a peak of 1, and the filterbank [257, 26]."""
    window = np.hamming(FRAME)
    window /= np.sum(window) / 2
    return window, mel_filterbank(rate=RATE, fft=FFT, bands=MEL_BANDS, low=LOW, high=RATE / 2, kind="htk")


@dataclass(frozen=True)
class WhisperMfccPitch(RowPerHop):
    """80 bands of Whisper's front end, then 13 cepstra and the pitch: one row of 94 values per 10 ms.

    Example:
        >>> import numpy as np
        >>> WhisperMfccPitch().compute(np.zeros(16000, np.float32)).shape
        (100, 94)

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = 16000
    window: ClassVar[int] = 640  # of the pitch; the bands are those of its first 25 ms
    hop: ClassVar[int] = 160
    dimension: ClassVar[int] = 94

    def compute(self, signal: Array) -> Array:
        """Return [frames, 94] float32 of a signal [time], with zeros after its end."""
        rows: Array = np.concatenate([FEATURES.get(name)().compute(signal) for name in PARTS], axis=1)
        return rows
