"""Writes `two_channel_spectrogram.npz`: its rows by definition, slowly, frame by frame and bin by bin.

Run from anywhere: python tests/golden/make_two_channel_spectrogram.py
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("two_channel_spectrogram.npz")
SAMPLES, RATE, FFT = 300, 16000, 2048  # 3 rows: all of them include zeros after the end
LONG, SHORT, STEP, OFFSET = 640, 80, 32, 1e-5


def make_signal() -> list[float]:
    """Return a loud glide over faint noise."""
    state, signal = 1, []
    for index in range(SAMPLES):
        state = (1103515245 * state + 12345) % 2**31
        glide = math.sin(2 * math.pi * (150 + index) * index / RATE)
        signal.append(float(np.float32(0.6 * glide + 0.01 * (2 * state / 2**31 - 1))))
    return signal


def magnitudes(frame: list[float]) -> list[float]:
    """Return |X_k| for 7.8 to 2000 Hz of a frame under a Hamming window, 1 for a sine of full scale."""
    count = len(frame)
    window = [0.54 - 0.46 * math.cos(2 * math.pi * index / (count - 1)) for index in range(count)]
    scale = 2 / sum(window)
    found = []
    for k in range(1, 257):
        real = imaginary = 0.0
        for index, (value, weight) in enumerate(zip(frame, window, strict=True)):
            real += value * weight * math.cos(2 * math.pi * k * index / FFT)
            imaginary += value * weight * math.sin(2 * math.pi * k * index / FFT)
        found.append(scale * math.hypot(real, imaginary))
    return found


def make_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [rows][128], one for each 8 ms that start inside the signal."""
    padded = signal + [0.0] * 2 * LONG
    rows = []
    for first in range(0, len(signal), 4 * STEP):
        row = []
        for size in (LONG, SHORT):
            starts = [first + number * STEP + (LONG - size) // 2 for number in range(4)]
            logs = [[math.log(value + OFFSET) for value in magnitudes(padded[at : at + size])] for at in starts]
            row += [sum(log[4 * band + number] for log in logs for number in range(4)) / 16 for band in range(64)]
        rows.append(row)
    return rows


def main() -> None:
    """Write the file."""
    signal = make_signal()
    rows = np.array(make_rows(signal))
    np.savez_compressed(GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), default=rows)


if __name__ == "__main__":
    main()
