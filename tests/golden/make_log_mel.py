"""Writes `log_mel.npz`: log-mel rows by definition, slowly, without any transform or array arithmetic.

Run from anywhere: python tests/golden/make_log_mel.py
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("log_mel.npz")
SAMPLES = 1300  # 6 frames of 400 samples every 160, and a remainder that belongs to no frame


@dataclass(frozen=True)
class Case:
    """Settings written out here, so that a changed default in the package is noticed."""

    rate: int
    window: int
    hop: int
    fft: int
    bands: int
    low: float
    high: float
    offset: float


CASES = {
    "default": Case(rate=16000, window=400, hop=160, fft=512, bands=64, low=60.0, high=7800.0, offset=1e-10),
    "narrow": Case(rate=8000, window=200, hop=80, fft=200, bands=12, low=100.0, high=4000.0, offset=1e-6),
}


def make_signal() -> list[float]:
    """Return a loud glide that fades into faint noise, then digital silence."""
    state, signal = 1, []
    for index in range(SAMPLES):
        state = (1103515245 * state + 12345) % 2**31
        noise = 2 * state / 2**31 - 1
        glide = math.sin(2 * math.pi * (200 + 1.5 * index) * index / 16000)
        signal.append(0.7 * math.exp(-index / 250) * glide + 0.001 * noise if index < 1000 else 0.0)
    return [float(np.float32(value)) for value in signal]


def make_rows(signal: list[float], case: Case) -> list[list[float]]:
    """Return rows [frames][bands]."""
    rows = []
    first = 0
    while first + case.window <= len(signal):
        power = _power(signal[first : first + case.window], case)
        rows.append([math.log(_band(power, number, case) + case.offset) for number in range(case.bands)])
        first += case.hop
    return rows


def _power(frame: list[float], case: Case) -> list[float]:
    """Return |X_k|^2 for k = 0 ... fft / 2 of the windowed frame, a full-scale sine having a peak of 1."""
    hann = [(1 - math.cos(2 * math.pi * index / case.window)) / 2 for index in range(case.window)]
    gain = sum(hann) / 2
    powers = []
    for k in range(case.fft // 2 + 1):
        real = imaginary = 0.0
        for index, sample in enumerate(frame):
            angle = 2 * math.pi * k * index / case.fft
            real += sample * hann[index] / gain * math.cos(angle)
            imaginary -= sample * hann[index] / gain * math.sin(angle)
        powers.append(real * real + imaginary * imaginary)
    return powers


def _band(power: list[float], number: int, case: Case) -> float:
    """Return the sum of powers under the triangle of one band."""
    lowest, highest = (1127.01048 * math.log(1 + hertz / 700) for hertz in (case.low, case.high))
    step = (highest - lowest) / (case.bands + 1)
    left, centre, right = (700 * (math.exp((lowest + step * (number + i)) / 1127.01048) - 1) for i in range(3))
    total = 0.0
    for k, value in enumerate(power):
        hertz = k * case.rate / case.fft
        if left < hertz <= centre:
            total += value * (hertz - left) / (centre - left)
        elif centre < hertz < right:
            total += value * (right - hertz) / (right - centre)
    return total


def main() -> None:
    """Write the file."""
    signal = make_signal()
    rows = {name: np.array(make_rows(signal, case)) for name, case in CASES.items()}
    np.savez_compressed(GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), **rows)


if __name__ == "__main__":
    main()
