"""Frames, power spectra and decibels for the functionals, in double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.features.mel import hann

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array

SILENCE = 1e-10  # mean square of -100 dBFS, below 16-bit quantisation noise: the lowest level that is reported


def decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean squares in dB, 0 for a mean square of 1; lower ones are -100 dB."""
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, SILENCE))
    return levels


def frames(signal: Array, *, window: int, hop: int) -> NDArray[np.float64]:
    """Return the complete frames [frames, window] of a signal [time]; one shorter than a frame is padded with zeros."""
    samples = signal.astype(np.float64)
    if len(samples) < window:
        samples = np.pad(samples, (0, window - len(samples)))
    view: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    return view


def power_spectra(signal: Array, *, window: int, hop: int) -> NDArray[np.float64]:
    """Return the power [frames, window / 2 + 1] of Hann-windowed frames; a row's sum is the mean square."""
    taper = hann(window)
    powers: NDArray[np.float64] = np.abs(np.fft.rfft(frames(signal, window=window, hop=hop) * taper, axis=1)) ** 2
    powers[:, 1 : (window + 1) // 2] *= 2  # of a real signal, each of these occurs twice
    powers /= window * (taper**2).sum()
    return powers
