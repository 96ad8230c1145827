"""Writes `mfcc_pitch.npz`: its rows by definition, slowly, without any transform.

Run from the repository's root: python -m tests.golden.make_mfcc_pitch
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("mfcc_pitch.npz")
RATE, HOP, FRAME, PITCH_FRAME, FFT, BANDS = 16000, 160, 320, 640, 512, 26
SAMPLES, PERIOD = 2000, 100  # samples: 160 Hz


def make_signal() -> list[float]:
    """Return a harmonic tone of 160 Hz over noise, and noise alone in the last third."""
    state, signal = 1, []
    for index in range(SAMPLES):
        state = (1103515245 * state + 12345) % 2**31
        tone = sum(math.sin(2 * math.pi * order * index / PERIOD) / order for order in range(1, 12))
        voiced = index < 2 * SAMPLES // 3
        signal.append(float(np.float32(0.2 * tone * voiced + 0.01 * (2 * state / 2**31 - 1))))
    return signal


def cepstra(frame: list[float]) -> list[float]:
    """Return cepstra 0 to 12 of a frame of 20 ms."""
    hamming = [0.54 - 0.46 * math.cos(2 * math.pi * n / (FRAME - 1)) for n in range(FRAME)]
    scale = 2 / sum(hamming)
    powers = []
    for k in range(FFT // 2 + 1):
        real = sum(
            x * w * math.cos(2 * math.pi * k * n / FFT) for n, (x, w) in enumerate(zip(frame, hamming, strict=True))
        )
        imag = sum(
            x * w * math.sin(2 * math.pi * k * n / FFT) for n, (x, w) in enumerate(zip(frame, hamming, strict=True))
        )
        powers.append(scale**2 * (real**2 + imag**2))
    low, high = (1127 * math.log(1 + hertz / 700) for hertz in (20.0, RATE / 2))
    edges = [700 * (math.exp((low + (high - low) * number / (BANDS + 1)) / 1127) - 1) for number in range(BANDS + 2)]
    levels = []
    for left, peak, right in zip(edges, edges[1:], edges[2:], strict=False):
        total = 0.0
        for k, power in enumerate(powers):
            hertz = k * RATE / FFT
            total += power * max(0.0, min((hertz - left) / (peak - left), (right - hertz) / (right - peak)))
        levels.append(10 * math.log10(max(total, 1e-10)))
    return [
        math.sqrt((1 if order == 0 else 2) / BANDS)
        * sum(value * math.cos(math.pi * order * (band + 0.5) / BANDS) for band, value in enumerate(levels))
        for order in range(13)
    ]


def pitch(frame: list[float]) -> float:
    """Return the pitch of a frame of 40 ms in hundreds of hertz; 0 if it is not voiced."""
    mean = sum(frame) / PITCH_FRAME
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / (PITCH_FRAME - 1)) for n in range(PITCH_FRAME)]
    tapered = [(x - mean) * w for x, w in zip(frame, hann, strict=True)]

    def products(values: list[float], lag: int) -> float:
        return sum(a * b for a, b in zip(values, values[lag:], strict=False))

    energy = products(tapered, 0)
    if energy <= 1e-6 * PITCH_FRAME * 3 / 8:
        return 0.0
    lags = range(RATE // 500, int(RATE / 60) + 1)
    found = [products(tapered, lag) / energy / (products(hann, lag) / products(hann, 0)) for lag in lags]
    if max(found) <= 0.5:
        return 0.0
    first = next(place for place, value in enumerate(found) if value >= 0.9 * max(found))
    last = first
    while last + 1 < len(found) and found[last + 1] >= 0.9 * max(found):
        last += 1
    place = max(range(first, last + 1), key=lambda at: found[at])
    return RATE / lags[place] / 100


def make_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][14], one for each hop that starts inside the signal."""
    rows = []
    for first in range(0, len(signal), HOP):
        frame = signal[first : first + PITCH_FRAME]
        frame += [0.0] * (PITCH_FRAME - len(frame))
        rows.append([*cepstra(frame[160:480]), pitch(frame)])
    return rows


def main() -> None:
    """Write the file."""
    signal = make_signal()
    np.savez_compressed(GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), default=make_rows(signal))


if __name__ == "__main__":
    main()
