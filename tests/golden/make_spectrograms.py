"""Writes `spectrograms.npz`: rows of log-mel and other spectrograms by definition, slowly, with `math` only.

Run from the repository's root: python -m tests.golden.make_spectrograms
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("spectrograms.npz")
SAMPLES = 1300  # a remainder belongs to no complete window; windows that start in the signal include zeros after it


def make_signal(samples: int = SAMPLES, rate: int = 16000) -> list[float]:
    """Return a loud glide that fades into faint noise."""
    state, signal = 1, []
    for index in range(samples):
        state = (1103515245 * state + 12345) % 2**31
        noise = 2 * state / 2**31 - 1
        glide = math.sin(2 * math.pi * (200 + 1.5 * index) * index / rate)
        signal.append(0.7 * math.exp(-index / 250) * glide + 0.001 * noise)
    return [float(np.float32(value)) for value in signal]


def frames(signal: list[float], *, window: int, hop: int) -> list[list[float]]:
    """Return one window for each hop that starts inside the signal, with zeros after its end."""
    padded = signal + [0.0] * window
    return [padded[first : first + window] for first in range(0, len(signal), hop)]


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


# ----------------------------------------------------------------------------------------------------------------------
# log-mel: its own signal, which ends in digital silence, and all steps written out.


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


def log_mel_signal() -> list[float]:
    """Return a loud glide that fades into faint noise, then digital silence."""
    state, signal = 1, []
    for index in range(SAMPLES):
        state = (1103515245 * state + 12345) % 2**31
        noise = 2 * state / 2**31 - 1
        glide = math.sin(2 * math.pi * (200 + 1.5 * index) * index / 16000)
        signal.append(0.7 * math.exp(-index / 250) * glide + 0.001 * noise if index < 1000 else 0.0)
    return [float(np.float32(value)) for value in signal]


def log_mel_rows(signal: list[float], case: Case) -> list[list[float]]:
    """Return rows [frames][bands]."""
    rows = []
    first = 0
    while first + case.window <= len(signal):
        power = log_mel_powers(signal[first : first + case.window], case)
        rows.append([math.log(log_mel_band(power, number, case) + case.offset) for number in range(case.bands)])
        first += case.hop
    return rows


def log_mel_powers(frame: list[float], case: Case) -> list[float]:
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


def log_mel_band(power: list[float], number: int, case: Case) -> float:
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


# ----------------------------------------------------------------------------------------------------------------------
# VGGish and YAMNet: magnitudes, with triangles that are straight in mel.


OFFSETS = {"default": 0.01, "yamnet": 0.001}


def vggish_rows(signal: list[float], offset: float) -> list[list[float]]:
    """Return rows [frames][bands], one for each hop that starts inside the signal."""
    rows = []
    hann = [(1 - math.cos(2 * math.pi * index / 400)) / 2 for index in range(400)]
    for frame in frames(signal, window=400, hop=160):
        heights = [math.sqrt(value) for value in powers([a * b for a, b in zip(frame, hann, strict=True)], 512)]
        sums = [band(heights, number, rate=16000, fft=512, bands=64, low=125.0, high=7500.0) for number in range(64)]
        rows.append([math.log(value + offset) for value in sums])
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# The networks of MobileNetV3.


def mn_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][128] of complete windows of 25 ms at 32 kHz, every 10 ms, after pre-emphasis."""
    emphasised = [signal[index + 1] - 0.97 * signal[index] for index in range(len(signal) - 1)]
    hann = [(1 - math.cos(2 * math.pi * index / 799)) / 2 for index in range(800)]
    rows = []
    for first in range(0, len(emphasised) - 800 + 1, 320):
        heights = powers([a * b for a, b in zip(emphasised[first : first + 800], hann, strict=True)], 1024)
        sums = [band(heights, number, rate=32000, fft=1024, bands=128, low=0.0, high=15000.0) for number in range(128)]
        rows.append([math.log(value + 1e-5) for value in sums])
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# Whisper: powers, with triangles of area 1 on Slaney's scale.


def to_hertz(mel: float) -> float:
    """Return the frequency of a value on Slaney's scale."""
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)


def whisper_band(heights: list[float], number: int) -> float:
    """Return the sum under the triangle of one band, whose sides are straight in hertz and whose area is 1."""
    top = 15 + 27 * math.log(8000 / 1000) / math.log(6.4)
    low, centre, high = (to_hertz(top * place / 81) for place in (number, number + 1, number + 2))
    total = 0.0
    for k, value in enumerate(heights):
        hertz = k * 16000 / 400
        total += value * max(0.0, min((hertz - low) / (centre - low), (high - hertz) / (high - centre)))
    return 2 * total / (high - low)


def whisper_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][80], one for each hop that starts inside the signal."""
    hann = [(1 - math.cos(2 * math.pi * index / 400)) / 2 for index in range(400)]
    rows = []
    for frame in frames(signal, window=400, hop=160):
        heights = powers([a * b for a, b in zip(frame, hann, strict=True)], 400)
        rows.append([math.log10(max(whisper_band(heights, number), 1e-10)) for number in range(80)])
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# Recognisers of letters: power densities; DeepSpeech: magnitudes.


def power_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][161] of log power densities, one for each complete window."""
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / 319) for n in range(320)]
    scale = 16000 * sum(value * value for value in hann)
    rows = []
    for first in range(0, len(signal) - 320 + 1, 160):
        heights = powers([a * b for a, b in zip(signal[first : first + 320], hann, strict=True)], 320)
        twice = [1 if bin_ in {0, 160} else 2 for bin_ in range(len(heights))]
        rows.append([math.log(many * value / scale + 1e-14) for many, value in zip(twice, heights, strict=True)])
    return rows


def recogniser_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][161] of log magnitudes, one for each hop that starts inside the signal."""
    hamming = [0.54 - 0.46 * math.cos(2 * math.pi * n / 320) for n in range(320)]
    rows = []
    for frame in frames(signal, window=320, hop=160):
        heights = powers([a * b for a, b in zip(frame, hamming, strict=True)], 320)
        rows.append([math.log(1 + math.sqrt(value)) for value in heights])
    return rows


def main() -> None:
    """Write the file: of each front end, `NAME/signal` [time] and the rows `NAME/CASE` [frames, bands]."""
    signal, of_mn = make_signal(), make_signal(1500, 32000)
    faded = log_mel_signal()
    arrays = {
        "log-mel/signal": faded,
        **{f"log-mel/{name}": log_mel_rows(faded, case) for name, case in CASES.items()},
        "vggish-log-mel/signal": signal,
        **{f"vggish-log-mel/{name}": vggish_rows(signal, offset) for name, offset in OFFSETS.items()},
        "mn-log-mel/signal": of_mn,
        "mn-log-mel/default": mn_rows(of_mn),
        "whisper-log-mel/signal": signal,
        "whisper-log-mel/default": whisper_rows(signal),
        "power-spectrogram/signal": signal,
        "power-spectrogram/default": power_rows(signal),
        "recogniser-spectrogram/signal": signal,
        "recogniser-spectrogram/default": recogniser_rows(signal),
    }
    typed = {key: np.array(one, np.float32 if key.endswith("signal") else np.float64) for key, one in arrays.items()}
    np.savez_compressed(GOLDEN, allow_pickle=False, **typed)


if __name__ == "__main__":
    main()
