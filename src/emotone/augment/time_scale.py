"""Changes of tempo that keep the pitch, in raw samples.

Key idea: segments of the signal are overlapped at another spacing than they were cut at, each from the place where its
waveform continues the segment before best, so that periods of the voice stay intact.

Reference: Verhelst and Roelands, An overlap-add technique based on waveform similarity, ICASSP 1993 (here with long
segments and short overlaps).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from emotone.types import Array

# In samples; the times are those at 16 kHz.
SEGMENT = 800  # 50 ms: several periods of the lowest voice, and shorter than a syllable
OVERLAP = 160  # cross-fade between segments: 10 ms
SEEK = 240  # candidate places of a segment: 15 ms, a period of a voice of 67 Hz


def stretch(signal: Array, samples: int) -> Array:
    """Return the signal [time] stretched to a number of samples, with the same pitch.

    Each segment continues the one before: of `SEEK` places around its nominal time, it is taken from the one with the
    highest correlation c = <tail, piece> / |piece| of its first `OVERLAP` samples with those that they replace.
    """
    count = len(signal)
    step = SEGMENT - OVERLAP
    padded = np.concatenate([signal, np.zeros(SEGMENT + SEEK, np.float32)])
    energy = np.concatenate([[0.0], np.cumsum(padded.astype(np.float64) ** 2)])
    rise = np.linspace(0, 1, OVERLAP, endpoint=False, dtype=np.float32)
    out = np.zeros(samples + SEGMENT, np.float32)
    out[:SEGMENT] = padded[:SEGMENT]
    for at in range(step, samples, step):
        last = max(0, count - SEEK - min(SEGMENT, samples - at))  # no silence from after the end
        first = min(max(0, round(at * count / samples) - SEEK // 2), last)
        tail = out[at : at + OVERLAP]
        fits = np.correlate(padded[first : first + SEEK + OVERLAP], tail, "valid")
        norms = np.sqrt(energy[first + OVERLAP : first + OVERLAP + len(fits)] - energy[first : first + len(fits)])
        best = first + int(np.argmax(fits / (norms + 1e-9)))
        segment = padded[best : best + SEGMENT]
        out[at : at + OVERLAP] += rise * (segment[:OVERLAP] - tail)
        out[at + OVERLAP : at + SEGMENT] = segment[OVERLAP:]
    return out[:samples]
