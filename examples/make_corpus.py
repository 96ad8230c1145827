"""Write a small corpus of synthetic voices for the tutorials: python examples/make_corpus.py FOLDER

The voices are pulses with overtones. Two labels differ in pitch, rhythm and brightness; speakers differ in pitch. No
human speaks in them, and scores on them are no evidence about speech.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 16_000
SECONDS = 1.2
PAUSE = 0.2  # seconds of near silence before and after the voice
NOISE = 0.001  # relative to full scale
SPEAKERS = ("s1", "s2", "s3", "s4")
TAKES = 5  # per speaker and label


@dataclass(frozen=True)
class Manner:
    """How a label sounds: mean pitch in hertz, number of overtones, and pulses per second."""

    pitch: float
    overtones: int
    pulses: float


MANNERS = {"anger": Manner(200.0, 9, 4.0), "sadness": Manner(170.0, 7, 3.6)}


def voice(manner: Manner, *, scale: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a signal [time] at `RATE`, full scale 1.

    Args:
        manner: pitch, overtones and rhythm.
        scale: factor of the pitch, which identifies the speaker.
        rng: draws pitch contour and noise.

    """
    time = np.arange(round(SECONDS * RATE)) / RATE
    contour = 1 + 0.15 * np.sin(2 * np.pi * 1.3 * time + rng.uniform(0, 2 * np.pi))
    phase = 2 * np.pi * np.cumsum(manner.pitch * scale * rng.uniform(0.75, 1.25) * contour) / RATE
    overtones = manner.overtones + rng.integers(-2, 3)
    tone = np.sum([np.sin(order * phase) / order for order in range(1, overtones + 1)], axis=0)
    pulses = manner.pulses * rng.uniform(0.8, 1.2)
    signal = 0.1 * (1 + np.sin(2 * np.pi * pulses * time)) * tone
    padded = np.pad(signal, round(PAUSE * RATE))
    return (padded + NOISE * rng.standard_normal(len(padded))).astype(np.float32)


def main(folder: Path) -> None:
    """Write one recording per speaker, label and take, and `voices.csv`, their table."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    rows = []
    for number, speaker in enumerate(SPEAKERS):
        for label, manner in MANNERS.items():
            for take in range(TAKES):
                name = f"{speaker}-{label}-{take}.wav"
                soundfile.write(folder / name, voice(manner, scale=0.8 + 0.1 * number, rng=rng), RATE, subtype="PCM_16")
                rows.append((name, speaker, label))
    with (folder / "voices.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("file", "speaker", "label"), *rows])
    print(f"{len(rows)} recordings of {len(SPEAKERS)} speakers: {folder / 'voices.csv'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "voices"))
