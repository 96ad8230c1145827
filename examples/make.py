"""Make the example recordings again, or a small corpus for the tutorials.

    python examples/make.py [DIR]
    python examples/make.py --corpus DIR

The recordings are synthetic speech in different manners, the same bytes every time. They need espeak-ng on the path
(apt-get install espeak-ng; made with 1.51). Nobody needs to make them to use them.

The voices of the corpus are pulses with overtones. Two labels differ in pitch, rhythm and brightness; speakers differ
in pitch. No human speaks in them, and scores on them are no evidence about speech.
"""

from __future__ import annotations

import argparse
import csv
import io
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

if TYPE_CHECKING:
    from numpy.typing import NDArray


# ----------------------------------------------------------------------------------------------------------------------
# Make the example recordings again: synthetic speech in different manners, the same bytes every time.

RATE = 16_000  # hertz
EDGE = 0.01  # seconds of fade at both ends, against clicks


@dataclass(frozen=True)
class Manner:
    """How a sentence is spoken.

    Attributes:
        voice: of espeak-ng, e.g. "en-us+f3".
        pitch: 0 to 99.
        span: 0 to 99, how far the pitch moves.
        words: per minute.
        level: decibels below full scale, of the speech's root mean square.
        tilt: share of the previous sample that is taken away (above 0: brighter, as a raised voice is) or added.
        tremble: decibels by which loudness swings, five times a second.

    """

    voice: str
    pitch: int
    span: int
    words: int
    level: float
    tilt: float = 0.0
    tremble: float = 0.0


EVEN = Manner("en-us+m3", pitch=38, span=25, words=150, level=-26.0)
RAISED = Manner("en-us+f3", pitch=82, span=99, words=225, level=-14.0, tilt=0.75, tremble=3.0)
SOFT = Manner("en-us+m7", pitch=12, span=8, words=95, level=-36.0, tilt=-0.6)
LIVELY = Manner("en-gb+f2", pitch=66, span=85, words=190, level=-19.0, tilt=0.3)

Part = tuple[Manner, str] | float
"""A sentence and its manner, or seconds of silence."""

RECORDINGS: dict[str, tuple[Part, ...]] = {
    "even": (0.2, (EVEN, "The train to the coast leaves at ten, and it stops at every station."), 0.2),
    "loud-fast-high": (0.1, (RAISED, "No! I told you twice! Take your hands off that door, right now!"), 0.1),
    "soft-slow-low": (0.3, (SOFT, "There was nobody left. The house was empty."), 0.3),
    "conversation": (
        0.3,
        (EVEN, "Hello. Where is my parcel?"),
        0.6,
        (LIVELY, "Oh, lovely! It is on its way!"),
        0.8,
        (RAISED, "You said that last week! Nothing came!"),
        1.5,
        (SOFT, "I am so sorry. It is lost."),
        0.5,
    ),
}


def speak(manner: Manner, text: str) -> NDArray[np.float64]:
    """Return a sentence [time] at `RATE`, shaped by `manner`."""
    words = ["espeak-ng", "-v", manner.voice, "-s", str(manner.words), "-z", "--stdout"]
    markup = f'<speak><prosody range="{manner.span}%">{text}</prosody></speak>'
    command = [*words, "-p", str(manner.pitch), "-m", markup]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout
    samples, rate = soundfile.read(io.BytesIO(spoken), dtype="float64")
    signal: NDArray[np.float64] = soxr.resample(samples, rate, RATE, quality="VHQ")
    signal = np.append(signal[:1], signal[1:] - manner.tilt * signal[:-1])
    seconds = np.arange(len(signal)) / RATE
    signal *= 10 ** (manner.tremble / 20 * np.sin(2 * np.pi * 5 * seconds))
    signal *= np.clip(np.minimum(seconds, seconds[-1] - seconds) / EDGE, 0, 1)
    signal *= 10 ** (manner.level / 20) / np.sqrt(np.mean(signal**2))
    return np.tanh(signal)  # rounds off peaks that would clip


def make(parts: tuple[Part, ...]) -> NDArray[np.int16]:
    """Return a recording [time] as 16-bit samples."""
    pieces = [np.zeros(round(part * RATE)) if isinstance(part, float) else speak(*part) for part in parts]
    return np.round(np.concatenate(pieces) * 32767).astype(np.int16)


def write_recordings(folder: Path) -> None:
    """Write every recording into a folder."""
    for name, parts in RECORDINGS.items():
        path = folder / f"{name}.flac"
        samples = make(parts)
        soundfile.write(path, samples, RATE, subtype="PCM_16", compression_level=1.0)
        print(f"{path}: {len(samples) / RATE:.1f} s, {path.stat().st_size / 1000:.0f} kB")


# ----------------------------------------------------------------------------------------------------------------------
# Voices of the corpus.

VOICE_SECONDS = 1.2
VOICE_PAUSE = 0.2  # seconds of near silence before and after the voice
NOISE = 0.001  # relative to full scale
SPEAKERS = ("s1", "s2", "s3", "s4")
TAKES = 5  # per speaker and label


@dataclass(frozen=True)
class Voice:
    """How a label sounds: mean pitch in hertz, number of overtones, and pulses per second."""

    pitch: float
    overtones: int
    pulses: float


VOICES = {"anger": Voice(200.0, 9, 4.0), "sadness": Voice(170.0, 7, 3.6)}


def synthetic_voice(manner: Voice, *, scale: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a signal [time] at `RATE`, full scale 1.

    Args:
        manner: pitch, overtones and rhythm.
        scale: factor of the pitch, which identifies the speaker.
        rng: draws pitch contour and noise.

    """
    time = np.arange(round(VOICE_SECONDS * RATE)) / RATE
    contour = 1 + 0.15 * np.sin(2 * np.pi * 1.3 * time + rng.uniform(0, 2 * np.pi))
    phase = 2 * np.pi * np.cumsum(manner.pitch * scale * rng.uniform(0.75, 1.25) * contour) / RATE
    overtones = manner.overtones + rng.integers(-2, 3)
    tone = np.sum([np.sin(order * phase) / order for order in range(1, overtones + 1)], axis=0)
    pulses = manner.pulses * rng.uniform(0.8, 1.2)
    signal = 0.1 * (1 + np.sin(2 * np.pi * pulses * time)) * tone
    padded = np.pad(signal, round(VOICE_PAUSE * RATE))
    return (padded + NOISE * rng.standard_normal(len(padded))).astype(np.float32)


def write_corpus(folder: Path) -> None:
    """Write one recording per speaker, label and take, and `voices.csv`, their table."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    rows = []
    for number, speaker in enumerate(SPEAKERS):
        for label, manner in VOICES.items():
            for take in range(TAKES):
                name = f"{speaker}-{label}-{take}.wav"
                soundfile.write(
                    folder / name, synthetic_voice(manner, scale=0.8 + 0.1 * number, rng=rng), RATE, subtype="PCM_16"
                )
                rows.append((name, speaker, label))
    with (folder / "voices.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("file", "speaker", "label"), *rows])
    print(f"{len(rows)} recordings of {len(SPEAKERS)} speakers: {folder / 'voices.csv'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the example recordings, or a small corpus.")
    parser.add_argument("folder", nargs="?", type=Path, help="default: that of the examples, or voices")
    parser.add_argument("--corpus", action="store_true", help="make the corpus of the tutorials")
    given = parser.parse_args()
    if given.corpus:
        write_corpus(given.folder or Path("voices"))
    else:
        write_recordings(given.folder or Path(__file__).resolve().parent)
