"""Fundamental frequency of frames, by autocorrelation. In double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.features.framing import frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array, Hertz

    Values = NDArray[np.float64]

LOWEST, HIGHEST = 60.0, 500.0  # hertz
VOICED = 0.5  # lowest autocorrelation, relative to lag 0, of a voiced frame
NEAR = 0.9  # lags with this share of the highest autocorrelation are candidates: multiples of the period fit too


def tapered_frames(signal: Array, *, window: int, hop: int) -> Values:
    """Return the complete frames [frames, window] of a signal [time], less their mean, times a Hann window."""
    pieces = frames(signal, window=window, hop=hop)
    tapered: Values = (pieces - pieces.mean(axis=1, keepdims=True)) * np.hanning(window)
    return tapered


def frame_pitches(pieces: Values, *, rate: Hertz, quietest: float) -> Values:
    """Return the fundamental frequency of each frame [frames] in hertz; 0 where a frame is not voiced.

    Key idea: the autocorrelation of a frame, divided by that of its window, is highest at the period; of several such
    lags, the first within 10 % of the highest is taken.

    Args:
        pieces: of `tapered_frames`, at least two periods of 60 Hz long.
        rate: of the signal, in hertz.
        quietest: energy (sum of squares) up to which a frame is not voiced.

    Reference: Boersma, Accurate short-term analysis of the fundamental frequency, IFA proceedings 17, 1993.

    """
    window = np.hanning(pieces.shape[1])
    shortest, longest = int(rate / HIGHEST), int(rate / LOWEST)
    correlations = _autocorrelation(pieces)
    energy = correlations[:, :1]
    relative = correlations[:, : longest + 1] / np.maximum(energy, 1e-30)
    relative /= _autocorrelation(window[None])[:, : longest + 1] / (window @ window)
    candidates = relative[:, shortest:]
    best = candidates.max(axis=1)
    voiced = (energy[:, 0] > quietest) & (best > VOICED)
    hertz = np.zeros(len(pieces))
    if voiced.any():
        rows = candidates[voiced]
        fits = rows >= NEAR * best[voiced, None]
        after = np.maximum.accumulate(fits, axis=1)
        run = fits & (np.cumsum(after & ~fits, axis=1) == 0)  # the first lags that fit, up to the first that does not
        hertz[voiced] = rate / (np.argmax(np.where(run, rows, -np.inf), axis=1) + shortest)
    return hertz


def _autocorrelation(pieces: Values) -> Values:
    """Return the autocorrelation of rows [pieces, time] at lags of 0 and more."""
    length = 2 * pieces.shape[1]
    found: Values = np.fft.irfft(np.abs(np.fft.rfft(pieces, n=length, axis=1)) ** 2, n=length, axis=1)
    return found
