"""Writes `paper_front_ends.npz`: rows of the papers' own front ends by definition, slowly.

Run from the repository's root: python -m tests.golden.make_paper_front_ends
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
from tests.golden.make_spectrograms import whisper_rows

GOLDEN = Path(__file__).with_name("paper_front_ends.npz")
RATE = 16000
PERIOD = 100  # samples: 160 Hz
WAVEFORM = (0.0, 0.5, -1.0, 1.0, 1.5, 2.0**-24, -0.25)  # some beyond full scale, some below 16 bits


# ----------------------------------------------------------------------------------------------------------------------
# The 26 hand-built values of a chunk, without any transform.


def hand_built_signal() -> list[float]:
    """Return a chunk of a harmonic tone of 160 Hz over noise."""
    state, signal = 1, []
    for index in range(8192):
        state = (1103515245 * state + 12345) % 2**31
        tone = sum(math.sin(2 * math.pi * order * index / PERIOD) / order for order in range(1, 12))
        signal.append(float(np.float32(0.2 * tone + 0.01 * (2 * state / 2**31 - 1))))
    return signal


def level(power: float) -> float:
    """Return a mean square in dB."""
    return 10 * math.log10(max(power, 1e-10))


def spectrum(frame: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """Return the power of each bin; the sum is the mean square under the window."""
    places = np.arange(512)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * places / 512)
    found = []
    for k in range(512 // 2 + 1):
        value = np.sum(frame * window * np.exp(-2j * np.pi * k * places / 512))
        twice = 1 if k in {0, 512 // 2} else 2
        found.append(float(twice * abs(value) ** 2 / (512 * np.sum(window**2))))
    return found


def hand_built_cepstra(powers: list[float]) -> list[float]:
    """Return cepstra 0 to 12 of 26 mel bands."""
    top = 1127 * math.log(1 + RATE / 2 / 700)
    edges = [700 * (math.exp(top * number / 27 / 1127) - 1) for number in range(28)]
    levels = []
    for low, peak, high in zip(edges, edges[1:], edges[2:], strict=False):
        total = 0.0
        for k, power in enumerate(powers):
            hertz = k * RATE / 512
            total += power * max(0.0, min((hertz - low) / (peak - low), (high - hertz) / (high - peak)))
        levels.append(level(total))
    return [
        math.sqrt((1 if order == 0 else 2) / 26)
        * sum(value * math.cos(math.pi * order * (band + 0.5) / 26) for band, value in enumerate(levels))
        for order in range(13)
    ]


def hand_built_row(signal: list[float]) -> list[float]:
    """Return the 26 values."""
    samples = np.array(signal)
    frames = [spectrum(samples[at : at + 512]) for at in range(0, 8192 - 512 + 1, 160)]
    mean = [sum(column) / len(frames) for column in zip(*frames, strict=True)]
    hertz = [k * RATE / 512 for k in range(len(mean))]
    total = sum(mean)
    row = [level(sum(value**2 for value in signal) / 8192)]
    row += [sum(column) / len(frames) for column in zip(*map(hand_built_cepstra, frames), strict=True)]
    row.append(sum((one < 0) != (other < 0) for one, other in pairwise(signal)) / (8192 - 1))
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


# ----------------------------------------------------------------------------------------------------------------------
# Cepstra and pitch.


def mfcc_pitch_signal() -> list[float]:
    """Return a harmonic tone of 160 Hz over noise, and noise alone in the last third."""
    state, signal = 1, []
    for index in range(2000):
        state = (1103515245 * state + 12345) % 2**31
        tone = sum(math.sin(2 * math.pi * order * index / PERIOD) / order for order in range(1, 12))
        voiced = index < 2 * 2000 // 3
        signal.append(float(np.float32(0.2 * tone * voiced + 0.01 * (2 * state / 2**31 - 1))))
    return signal


def cepstra(frame: list[float]) -> list[float]:
    """Return cepstra 0 to 12 of a frame of 20 ms."""
    hamming = [0.54 - 0.46 * math.cos(2 * math.pi * n / (320 - 1)) for n in range(320)]
    scale = 2 / sum(hamming)
    powers = []
    for k in range(512 // 2 + 1):
        real = sum(
            x * w * math.cos(2 * math.pi * k * n / 512) for n, (x, w) in enumerate(zip(frame, hamming, strict=True))
        )
        imag = sum(
            x * w * math.sin(2 * math.pi * k * n / 512) for n, (x, w) in enumerate(zip(frame, hamming, strict=True))
        )
        powers.append(scale**2 * (real**2 + imag**2))
    low, high = (1127 * math.log(1 + hertz / 700) for hertz in (20.0, RATE / 2))
    edges = [700 * (math.exp((low + (high - low) * number / 27) / 1127) - 1) for number in range(28)]
    levels = []
    for left, peak, right in zip(edges, edges[1:], edges[2:], strict=False):
        total = 0.0
        for k, power in enumerate(powers):
            hertz = k * RATE / 512
            total += power * max(0.0, min((hertz - left) / (peak - left), (right - hertz) / (right - peak)))
        levels.append(10 * math.log10(max(total, 1e-10)))
    return [
        math.sqrt((1 if order == 0 else 2) / 26)
        * sum(value * math.cos(math.pi * order * (band + 0.5) / 26) for band, value in enumerate(levels))
        for order in range(13)
    ]


def pitch(frame: list[float]) -> float:
    """Return the pitch of a frame of 40 ms in hundreds of hertz; 0 if it is not voiced."""
    mean = sum(frame) / 640
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / (640 - 1)) for n in range(640)]
    tapered = [(x - mean) * w for x, w in zip(frame, hann, strict=True)]

    def products(values: list[float], lag: int) -> float:
        return sum(a * b for a, b in zip(values, values[lag:], strict=False))

    energy = products(tapered, 0)
    if energy <= 1e-6 * 640 * 3 / 8:
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


def mfcc_pitch_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [frames][14], one for each hop that starts inside the signal."""
    rows = []
    for first in range(0, len(signal), 160):
        frame = signal[first : first + 640]
        frame += [0.0] * (640 - len(frame))
        rows.append([*cepstra(frame[160:480]), pitch(frame)])
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# Spectrograms of two channels, frame by frame and bin by bin.


LONG, SHORT, STEP = 640, 80, 32  # samples


def two_channel_signal() -> list[float]:
    """Return a loud glide over faint noise: three rows, which all include zeros after the end."""
    state, signal = 1, []
    for index in range(300):
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
            real += value * weight * math.cos(2 * math.pi * k * index / 2048)
            imaginary += value * weight * math.sin(2 * math.pi * k * index / 2048)
        found.append(scale * math.hypot(real, imaginary))
    return found


def two_channel_rows(signal: list[float]) -> list[list[float]]:
    """Return rows [rows][128], one for each 8 ms that start inside the signal."""
    padded = signal + [0.0] * 2 * LONG
    rows = []
    for first in range(0, len(signal), 4 * STEP):
        row = []
        for size in (LONG, SHORT):
            starts = [first + number * STEP + (LONG - size) // 2 for number in range(4)]
            logs = [[math.log(value + 1e-5) for value in magnitudes(padded[at : at + size])] for at in starts]
            row += [sum(log[4 * band + number] for log in logs for number in range(4)) / 16 for band in range(64)]
        rows.append(row)
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# Faces among the rows of two channels, pixel by pixel.


SIZE, START, EVERY, ROW = 8, 0.3, 0.512, 0.008  # pixels and seconds
FIRST = 62  # number of the first row on the chunks' grid: the chunk changes after two rows


def make_faces() -> list[list[float]]:
    """Return the pixels of three faces, line by line; the second is absent."""
    return [[(1 + pixel + 64 * number) / 256 if number != 1 else 0.0 for pixel in range(64)] for number in range(3)]


def audio_visual_rows(sound: list[list[float]], faces: list[list[float]]) -> list[list[float]]:
    """Return rows with the value of the face that is seen in the middle of the row's chunk."""
    rows = []
    for number, row in enumerate(sound, start=FIRST):
        chunk, line = divmod(number, 64)
        image = int((START + (chunk + 0.5) * 64 * ROW) / EVERY)
        pixel = faces[image][line]
        rows.append([*row, pixel or math.log(1e-5)])
    return rows


def main() -> None:
    """Write the file: of each front end, `NAME/signal` [time] and the rows `NAME/default` [frames, values]."""
    chunk, sound, glide, faces = hand_built_signal(), mfcc_pitch_signal(), two_channel_signal(), make_faces()
    pitches, rows = mfcc_pitch_rows(sound), two_channel_rows(glide)
    arrays = {
        "waveform/signal": WAVEFORM,
        "waveform/default": [[value] for value in WAVEFORM],
        "hand-built/signal": chunk,
        "hand-built/default": [hand_built_row(chunk)],
        "mfcc-pitch/signal": sound,
        "mfcc-pitch/default": pitches,
        "whisper-mfcc-pitch/signal": sound,
        "whisper-mfcc-pitch/default": np.concatenate([whisper_rows(sound), pitches], axis=1),
        "two-channel-spectrogram/signal": glide,
        "two-channel-spectrogram/default": rows,
        "audio-visual/signal": glide,
        "audio-visual/faces": np.reshape(faces, (-1, SIZE, SIZE, 1)),
        "audio-visual/default": audio_visual_rows(rows, faces),
    }
    exact = ("signal", "faces", "waveform/default", "audio-visual/default")
    typed = {key: np.array(one, np.float32 if key.endswith(exact) else np.float64) for key, one in arrays.items()}
    np.savez_compressed(GOLDEN, allow_pickle=False, **typed)


if __name__ == "__main__":
    main()
