"""Writes `whisper_log_mel.npz`: its rows by definition, slowly, without any transform or array arithmetic.

Run from the repository's root: python -m tests.golden.make_whisper_log_mel
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from tests.golden.make_vggish_log_mel import make_signal, powers

GOLDEN = Path(__file__).with_name("whisper_log_mel.npz")
WINDOW, HOP, RATE = 400, 160, 16000
BANDS, HIGH = 80, 8000.0


def to_hertz(mel: float) -> float:
    """Return the frequency of a value on Slaney's scale."""
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)


def band(heights: list[float], number: int) -> float:
    """Return the sum under the triangle of one band, whose sides are straight in hertz and whose area is 1."""
    top = 15 + 27 * math.log(HIGH / 1000) / math.log(6.4)
    low, centre, high = (to_hertz(top * place / (BANDS + 1)) for place in (number, number + 1, number + 2))
    total = 0.0
    for k, value in enumerate(heights):
        hertz = k * RATE / WINDOW
        total += value * max(0.0, min((hertz - low) / (centre - low), (high - hertz) / (high - centre)))
    return 2 * total / (high - low)


def make_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][bands], one for each hop that starts inside the signal."""
    rows = []
    for first in range(0, len(signal), HOP):
        frame = signal[first : first + WINDOW]
        frame += [0.0] * (WINDOW - len(frame))
        hann = [(1 - math.cos(2 * math.pi * index / WINDOW)) / 2 for index in range(WINDOW)]
        heights = powers([a * b for a, b in zip(frame, hann, strict=True)], WINDOW)
        rows.append([math.log10(max(band(heights, number), 1e-10)) for number in range(BANDS)])
    return rows


def main() -> None:
    """Write the file."""
    signal = make_signal()
    np.savez_compressed(GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), default=make_rows(signal))


if __name__ == "__main__":
    main()
