"""What the cheap functionals share: a signal in frames, and a logarithm that silence can't break."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array

SILENCE = 1e-10  # mean square of -100 dBFS, below 16-bit quantisation noise: nothing is called quieter


def decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean squares in dB, 0 for a mean square of 1; what is below -100 dB is taken as -100 dB."""
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, SILENCE))
    return levels


def frames(signal: Array, *, window: int, hop: int) -> NDArray[np.float64]:
    """Return the whole frames [frames, window] of a signal [time]; one shorter than a frame is padded with zeros."""
    whole = signal.astype(np.float64)
    if len(whole) < window:
        whole = np.pad(whole, (0, window - len(whole)))
    found: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(whole, window)[::hop]
    return found


def power_spectra(signal: Array, *, window: int, hop: int) -> NDArray[np.float64]:
    """Return the power [frames, window / 2 + 1] of Hann-windowed frames; a row's sum is the frame's mean square."""
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    powers: NDArray[np.float64] = np.abs(np.fft.rfft(frames(signal, window=window, hop=hop) * shape, axis=1)) ** 2
    powers[:, 1 : (window + 1) // 2] *= 2  # a real signal has each of these twice
    powers /= window * (shape**2).sum()
    return powers
