"""Writes `hand_built.npz`: the 26 values of a chunk by definition, slowly, without any transform.

Run from anywhere: python tests/golden/make_hand_built.py
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("hand_built.npz")
RATE, CHUNK, FRAME, HOP = 16000, 8192, 512, 160
PERIOD = 100  # samples: 160 Hz


def make_signal() -> list[float]:
    """Return a chunk of a harmonic tone of 160 Hz over noise."""
    state, signal = 1, []
    for index in range(CHUNK):
        state = (1103515245 * state + 12345) % 2**31
        tone = sum(math.sin(2 * math.pi * order * index / PERIOD) / order for order in range(1, 12))
        signal.append(float(np.float32(0.2 * tone + 0.01 * (2 * state / 2**31 - 1))))
    return signal


def level(power: float) -> float:
    """Return a mean square in dB."""
    return 10 * math.log10(max(power, 1e-10))


def spectrum(frame: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """Return the power of each bin; the sum is the mean square under the window."""
    places = np.arange(FRAME)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * places / FRAME)
    found = []
    for k in range(FRAME // 2 + 1):
        value = np.sum(frame * window * np.exp(-2j * np.pi * k * places / FRAME))
        twice = 1 if k in {0, FRAME // 2} else 2
        found.append(float(twice * abs(value) ** 2 / (FRAME * np.sum(window**2))))
    return found


def cepstra(powers: list[float]) -> list[float]:
    """Return cepstra 0 to 12 of 26 mel bands."""
    top = 1127 * math.log(1 + RATE / 2 / 700)
    edges = [700 * (math.exp(top * number / 27 / 1127) - 1) for number in range(28)]
    levels = []
    for low, peak, high in zip(edges, edges[1:], edges[2:], strict=False):
        total = 0.0
        for k, power in enumerate(powers):
            hertz = k * RATE / FRAME
            total += power * max(0.0, min((hertz - low) / (peak - low), (high - hertz) / (high - peak)))
        levels.append(level(total))
    return [
        math.sqrt((1 if order == 0 else 2) / 26)
        * sum(value * math.cos(math.pi * order * (band + 0.5) / 26) for band, value in enumerate(levels))
        for order in range(13)
    ]


def make_row(signal: list[float]) -> list[float]:
    """Return the 26 values."""
    samples = np.array(signal)
    frames = [spectrum(samples[at : at + FRAME]) for at in range(0, CHUNK - FRAME + 1, HOP)]
    mean = [sum(column) / len(frames) for column in zip(*frames, strict=True)]
    hertz = [k * RATE / FRAME for k in range(len(mean))]
    total = sum(mean)
    row = [level(sum(value**2 for value in signal) / CHUNK)]
    row += [sum(column) / len(frames) for column in zip(*map(cepstra, frames), strict=True)]
    row.append(sum((one < 0) != (other < 0) for one, other in pairwise(signal)) / (CHUNK - 1))
    for low, high in ((200, 900), (900, 1800), (1800, 2700), (2700, 4000)):
        row.append(level(sum(power for power, at in zip(mean, hertz, strict=True) if low <= at < high)))
    for share in (0.25, 0.5, 0.75, 0.85, 0.95):
        below = 0.0
        for power, at in zip(mean, hertz, strict=True):
            below += power
            if below >= share * total:
                row.append(at / 1000)
                break
    row.append(sum(power * at for power, at in zip(mean, hertz, strict=True)) / total / 1000)
    row.append(RATE / PERIOD / 100)
    return row


def main() -> None:
    """Write the file."""
    signal = make_signal()
    np.savez_compressed(
        GOLDEN, allow_pickle=False, signal=np.array(signal, np.float32), default=np.array([make_row(signal)])
    )


if __name__ == "__main__":
    main()
