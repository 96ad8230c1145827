"""Writes `mn_log_mel.npz`: its rows by definition, slowly, without any transform or array arithmetic.

Run from the repository's root: python -m tests.golden.make_mn_log_mel
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from tests.golden.make_vggish_log_mel import band, make_signal, powers

GOLDEN = Path(__file__).with_name("mn_log_mel.npz")
SAMPLES = 1500  # 3 rows of 801 samples every 320, and a remainder that belongs to no row
WINDOW, HOP, FFT, RATE = 800, 320, 1024, 32000
BANDS, LOW, HIGH = 128, 0.0, 15000.0


def make_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][bands] of complete windows."""
    emphasised = [signal[index + 1] - 0.97 * signal[index] for index in range(len(signal) - 1)]
    hann = [(1 - math.cos(2 * math.pi * index / (WINDOW - 1))) / 2 for index in range(WINDOW)]
    rows = []
    for first in range(0, len(emphasised) - WINDOW + 1, HOP):
        frame = emphasised[first : first + WINDOW]
        heights = powers([a * b for a, b in zip(frame, hann, strict=True)], FFT)
        sums = [band(heights, number, rate=RATE, fft=FFT, bands=BANDS, low=LOW, high=HIGH) for number in range(BANDS)]
        rows.append([math.log(value + 1e-5) for value in sums])
    return rows


def main() -> None:
    """Write the file."""
    signal = make_signal(SAMPLES, RATE)
    np.savez_compressed(
        GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), default=np.array(make_rows(signal))
    )


if __name__ == "__main__":
    main()
