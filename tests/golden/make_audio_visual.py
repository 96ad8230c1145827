"""Writes `audio_visual.npz`: rows of the two-channel spectrogram with faces, placed value by value.

Run from anywhere: python tests/golden/make_audio_visual.py
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("audio_visual.npz")
SOUND = Path(__file__).with_name("two_channel_spectrogram.npz")
SIZE, START, EVERY, ROW = 8, 0.3, 0.512, 0.008  # pixels and seconds
FIRST = 62  # number of the first row on the chunks' grid: the chunk changes after two rows


def make_faces() -> list[list[float]]:
    """Return the pixels of three faces, line by line; the second is absent."""
    return [[(1 + pixel + 64 * number) / 256 if number != 1 else 0.0 for pixel in range(64)] for number in range(3)]


def make_rows(sound: list[list[float]], faces: list[list[float]]) -> list[list[float]]:
    """Return rows with the value of the face that is seen in the middle of the row's chunk."""
    rows = []
    for number, row in enumerate(sound, start=FIRST):
        chunk, line = divmod(number, 64)
        image = int((START + (chunk + 0.5) * 64 * ROW) / EVERY)
        pixel = faces[image][line]
        rows.append([*row, pixel or math.log(1e-5)])
    return rows


def main() -> None:
    """Write the file."""
    with np.load(SOUND, allow_pickle=False) as golden:
        signal, sound = golden["signal"], golden["default"]
    faces = make_faces()
    np.savez_compressed(
        GOLDEN,
        signal=signal,
        faces=np.array(faces, np.float32).reshape(-1, SIZE, SIZE, 1),
        default=np.array(make_rows(sound.tolist(), faces), np.float32),
    )


if __name__ == "__main__":
    main()
