"""Writes `power_spectrogram.npz`: its rows by definition, slowly, without any transform.

Run from the repository's root: python -m tests.golden.make_power_spectrogram
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from tests.golden.make_vggish_log_mel import make_signal, powers

GOLDEN = Path(__file__).with_name("power_spectrogram.npz")
RATE, WINDOW, HOP = 16000, 320, 160


def make_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][161], one for each complete window."""
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / (WINDOW - 1)) for n in range(WINDOW)]
    scale = RATE * sum(value * value for value in hann)
    rows = []
    for first in range(0, len(signal) - WINDOW + 1, HOP):
        frame = signal[first : first + WINDOW]
        heights = powers([a * b for a, b in zip(frame, hann, strict=True)], WINDOW)
        twice = [1 if bin_ in {0, WINDOW // 2} else 2 for bin_ in range(len(heights))]
        rows.append([math.log(many * value / scale + 1e-14) for many, value in zip(twice, heights, strict=True)])
    return rows


def main() -> None:
    """Write the file."""
    signal = make_signal()
    np.savez_compressed(GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), default=make_rows(signal))


if __name__ == "__main__":
    main()
