"""Writes `recogniser_spectrogram.npz`: its rows by definition, slowly, without any transform.

Run from the repository's root: python -m tests.golden.make_recogniser_spectrogram
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from tests.golden.make_vggish_log_mel import make_signal, powers

GOLDEN = Path(__file__).with_name("recogniser_spectrogram.npz")
WINDOW, HOP = 320, 160


def make_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][161], one for each hop that starts inside the signal."""
    rows = []
    for first in range(0, len(signal), HOP):
        frame = signal[first : first + WINDOW]
        frame += [0.0] * (WINDOW - len(frame))
        hamming = [0.54 - 0.46 * math.cos(2 * math.pi * n / WINDOW) for n in range(WINDOW)]
        heights = powers([a * b for a, b in zip(frame, hamming, strict=True)], WINDOW)
        rows.append([math.log(1 + math.sqrt(value)) for value in heights])
    return rows


def main() -> None:
    """Write the file."""
    signal = make_signal()
    np.savez_compressed(GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), default=make_rows(signal))


if __name__ == "__main__":
    main()
