"""Writes `vggish_log_mel.npz`: its rows by definition, slowly, without any transform or array arithmetic.

Run from anywhere: python tests/golden/make_vggish_log_mel.py
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("vggish_log_mel.npz")
SAMPLES = 1300  # 9 rows of 400 samples every 160: the last three include zeros after the end
WINDOW, HOP, FFT, RATE = 400, 160, 512, 16000
BANDS, LOW, HIGH = 64, 125.0, 7500.0
OFFSETS = {"default": 0.01, "yamnet": 0.001}


def make_signal(samples: int = SAMPLES, rate: int = RATE) -> list[float]:
    """Return a loud glide that fades into faint noise."""
    state, signal = 1, []
    for index in range(samples):
        state = (1103515245 * state + 12345) % 2**31
        noise = 2 * state / 2**31 - 1
        glide = math.sin(2 * math.pi * (200 + 1.5 * index) * index / rate)
        signal.append(0.7 * math.exp(-index / 250) * glide + 0.001 * noise)
    return [float(np.float32(value)) for value in signal]


def make_rows(signal: list[float], offset: float) -> list[list[float]]:
    """Return rows [frames][bands], one for each hop that starts inside the signal."""
    rows = []
    for first in range(0, len(signal), HOP):
        frame = signal[first : first + WINDOW]
        frame += [0.0] * (WINDOW - len(frame))
        hann = [(1 - math.cos(2 * math.pi * index / WINDOW)) / 2 for index in range(WINDOW)]
        heights = [math.sqrt(value) for value in powers([a * b for a, b in zip(frame, hann, strict=True)], FFT)]
        sums = [band(heights, number, rate=RATE, fft=FFT, bands=BANDS, low=LOW, high=HIGH) for number in range(BANDS)]
        rows.append([math.log(value + offset) for value in sums])
    return rows


def powers(frame: list[float], fft: int) -> list[float]:
    """Return |X_k|^2 for k = 0 ... fft / 2 of a windowed frame."""
    found = []
    for k in range(fft // 2 + 1):
        real = sum(value * math.cos(2 * math.pi * k * index / fft) for index, value in enumerate(frame))
        imaginary = sum(value * math.sin(2 * math.pi * k * index / fft) for index, value in enumerate(frame))
        found.append(real * real + imaginary * imaginary)
    return found


def band(heights: list[float], number: int, *, rate: int, fft: int, bands: int, low: float, high: float) -> float:
    """Return the sum under the triangle of one band, whose sides are straight in mel; the first bin belongs to none."""

    def mel(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    step = (mel(high) - mel(low)) / (bands + 1)
    total = 0.0
    for k, value in enumerate(heights[1:], start=1):
        place = (mel(k * rate / fft) - mel(low)) / step - number  # 0 left edge, 1 centre, 2 right edge
        total += value * max(0.0, min(place, 2 - place))
    return total


def main() -> None:
    """Write the file."""
    signal = make_signal()
    rows = {name: np.array(make_rows(signal, offset)) for name, offset in OFFSETS.items()}
    np.savez_compressed(GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), **rows)


if __name__ == "__main__":
    main()
