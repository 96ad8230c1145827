"""Fit the weights of `emotone.audio.activity`, or count the speech that it detects in real recordings.

    OMP_NUM_THREADS=1 python -m scripts.activity fit CORPORA
    OMP_NUM_THREADS=1 python -m scripts.activity count CORPORA

`fit` prints the weights as Python code; the exit status is 1 if they differ from those of the package, to two decimals.
CORPORA contains the folders `emodb/wav`, `librispeech`, `ami` (trn*.flac and debug.train.rttm) and `esc10` (a folder
per class, files named fold-clip-take). All random numbers come from two seeded generators in a fixed order, so frames
may only be added or removed at the end. It takes about 15 seconds and 400 MB. Frames and their labels:

    read and acted speech       speech within 25 dB of a clip's loud frames, none 42 dB below, unlabelled in between;
                                the same clip in noise, and at another level; Emo-DB also at 1.25 to 2 times the pitch
    meetings                    speech and pauses by AMI's annotations, except frames 25 dB down
    environmental sound         none of it speech; ESC-10 without its crying babies, which are voices
    noise, tones, hum, clicks   synthetic, none of it speech

`count` needs all of AMI's excerpts (trn*, dev*, tst* and an RTTM file per split), and a folder for every name in
SPEECH. It writes results/activity/scores.json, from whose counts `make docs` generates docs/results/activity.md. It
takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.audio.activity import (
    CONTEXT,
    GROUP,
    HOP,
    LEFT,
    RATE,
    RIGHT,
    WEIGHTS,
    Weights,
    behaviour,
    measure,
    speech_activity,
)
from emotone.audio.read import read
from emotone.audio.samples import resample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Training.

SEED = 1
RECORDINGS = frozenset({".flac", ".ogg", ".opus", ".wav"})
HELD_OUT_FOLDS = frozenset("45")  # of ESC-10, not trained on
TEXTURES = frozenset({"Rain", "Sea waves", "Helicopter", "Chainsaw", "Fire crackling", "Clock tick"})
VOICES, CLICKING = "Baby cry", "Clock tick"
LONGEST, SHORTEST = 6 * RATE, RATE // 4  # samples of a speech clip used, and needed
SILENT = -7.0  # log10 energy, -70 dBFS: below is never speech, whatever the label
ROUNDS, LENGTH = 40, 4 * RATE  # synthetic sounds of every kind, and samples in each


class Frames(NamedTuple):
    """Frames to fit on: numbers [n, 18] as `behaviour` gives them, whether speech [n], how much each counts [n]."""

    numbers: Array
    speech: NDArray[np.int64]
    weight: NDArray[np.float64]


def described(signal: NDArray[np.floating]) -> tuple[Array, Array]:
    """Return the numbers [frames, 18] that the weights are for, and the level [frames] in log10 of the energy."""
    frames = -(-len(signal) // HOP)
    groups = -(-frames // GROUP)
    padded = np.zeros(LEFT + groups * GROUP * HOP + RIGHT, np.float32)
    padded[LEFT : LEFT + len(signal)] = signal
    measured = measure(padded, groups=groups)[:, :frames]
    numbers = behaviour(np.pad(measured, ((0, 0), (CONTEXT + 1, CONTEXT))))
    return np.ascontiguousarray(numbers.T), measured[1]


def labelled(signal: NDArray[np.floating], labels: NDArray[np.int64] | int, weight: float) -> Frames:
    """Return the frames of a signal [time] whose label [frames] is not -1 (unknown)."""
    numbers, level = described(signal)
    labels = np.broadcast_to(np.asarray(labels, np.int64), len(level))
    known = labels >= 0
    return Frames(numbers[known], np.where(level < SILENT, 0, labels)[known], np.full(int(known.sum()), weight))


def by_level(level: Array) -> NDArray[np.int64]:
    """Return labels [frames] of a clean speech clip: 1 near its loud frames, 0 far below, -1 in between."""
    loud = np.percentile(level, 98)
    labels = np.full(len(level), -1)
    labels[level > loud - 2.5] = 1
    labels[level < loud - 4.2] = 0
    return labels


def coloured(samples: int, exponent: float, rng: np.random.Generator) -> Array:
    """Return noise [samples] at -20 dBFS whose power falls with frequency to this exponent, from 20 Hz on."""
    frequencies = np.fft.rfftfreq(samples, 1 / RATE)
    spectrum = rng.standard_normal(len(frequencies)) + 1j * rng.standard_normal(len(frequencies))
    spectrum *= 1 / np.maximum(frequencies, 20) ** (exponent / 2)
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / noise.std() * 0.1, np.float32)


def background(samples: int, textures: list[Array], rng: np.random.Generator) -> Array:
    """Return noise [samples]: white, pink, brown, or a recorded texture, repeated."""
    kind = int(rng.integers(4))
    if kind < 3:
        return coloured(samples, kind, rng)
    texture = textures[rng.integers(len(textures))]
    texture = np.tile(texture, -(-samples // len(texture)))[:samples]
    return texture + 1e-5 * rng.standard_normal(samples).astype(np.float32)


def speech_clips(corpora: Path) -> list[Path]:
    """Return the clips of speech that are trained on: 100 of LibriSpeech, 150 of Emo-DB."""
    draw = random.Random(SEED)  # noqa: S311  (nothing secret)
    libri = [path for path in (corpora / "librispeech").rglob("*.*") if path.suffix in RECORDINGS]
    emodb = list((corpora / "emodb/wav").iterdir())
    return draw.sample(sorted(libri, key=str), 100) + draw.sample(sorted(emodb, key=str), 150)


def sound_clips(corpora: Path, *, held_out: bool) -> dict[str, list[Path]]:
    """Return the clips of every class of ESC-10, of the folds that are held out or of the others."""
    classes = sorted((corpora / "esc10").iterdir(), key=str)
    return {
        folder.name.partition(" - ")[2]: [
            path for path in sorted(folder.glob("*.ogg"), key=str) if (path.name[0] in HELD_OUT_FOLDS) is held_out
        ]
        for folder in classes
    }


def speech_frames(corpora: Path, textures: list[Array], rng: np.random.Generator) -> Iterator[Frames]:
    """Yield the frames of read and acted speech: clean, high, in noise, at another level."""
    for path in speech_clips(corpora):
        signal = load(path)[:LONGEST]
        if len(signal) < SHORTEST:
            continue
        _, level = described(signal)
        labels = by_level(level)
        yield labelled(signal, labels, 1.0)
        if corpora / "emodb" in path.parents:
            high = resample(signal, rate=int(rng.uniform(1.25, 2.0) * RATE), to=RATE)
            yield labelled(high, by_level(described(high)[1]), 1.5)
        snr = rng.uniform(0, 25)  # dB
        noise = background(len(signal), textures, rng)
        noisy = signal + noise / noise.std() * np.sqrt(np.mean(signal**2)) * 10 ** (-snr / 20)
        covered = (labels == 1) & (level < np.percentile(level, 98) - 1.5 - snr / 20)
        yield labelled(noisy, np.where(covered, -1, labels), 0.7)
        peak = 10 ** rng.uniform(-2.3, 0)
        yield labelled(signal * peak / np.abs(signal).max(), labels, 0.5)


def meeting_turns(corpora: Path, split: str, recording: str, frames: int) -> NDArray[np.bool_]:
    """Return whether anybody speaks [frames] in a recording of AMI; split: train, development or test."""
    spoken = np.zeros(frames, np.bool_)
    for line in (corpora / f"ami/debug.{split}.rttm").read_text(encoding="utf-8").splitlines():
        _, name, _, start, duration, *_ = line.split()
        if name == recording:
            spoken[int(float(start) * 100) : int((float(start) + float(duration)) * 100)] = True
    return spoken


def meeting_frames(corpora: Path) -> Iterator[Frames]:
    """Yield the frames of the training excerpts of AMI."""
    for path in sorted((corpora / "ami").glob("trn*.flac"), key=str):
        signal = load(path)
        _, level = described(signal)
        spoken = meeting_turns(corpora, "train", path.stem, len(level))
        faint = spoken & (level < np.percentile(level, 95) - 2.5)
        yield labelled(signal, np.where(faint, -1, spoken.astype(np.int64)), 2.0)


def environment(clips: dict[str, list[Path]]) -> Iterator[Frames]:
    """Yield the frames of environmental sound; animals and sneezes, which are nearly voices, count little."""
    for name, paths in clips.items():
        if name != VOICES:
            weight = 3.0 if name == CLICKING else 1.0 if name in TEXTURES else 0.3
            yield from (labelled(load(path), 0, weight) for path in paths)


def synthetic(rng: np.random.Generator) -> Iterator[NDArray[np.floating]]:
    """Yield one round of sounds [time] that are no speech."""
    t = np.arange(LENGTH) / RATE
    for exponent in range(3):
        yield coloured(LENGTH, exponent, rng) * 10 ** rng.uniform(-2.5, 0.8)
    f, peak = rng.uniform(60, 3500), 10 ** rng.uniform(-3, 0)
    tone = peak * np.sin(2 * np.pi * f * t)
    yield tone
    yield tone + peak * 0.01 * coloured(LENGTH, 0, rng)
    mains = rng.choice([50, 60])
    hum = sum(rng.uniform(0, 1) / j * np.sin(2 * np.pi * mains * j * t + rng.uniform(0, 6)) for j in range(1, 12))
    yield peak * hum / 3 + peak * 10 ** rng.uniform(-6, -1.5) * coloured(LENGTH, 1, rng)
    for _ in range(2):
        yield _buzz(t, peak, rng)
    beats, f, duty = rng.uniform(1, 12), rng.uniform(150, 3000), rng.uniform(0.2, 0.8)
    tone = peak * np.sin(2 * np.pi * f * t)
    for sound in (tone * (1 + np.sin(2 * np.pi * beats * t)) * 0.5, tone * ((t * beats) % 1 < duty)):
        yield sound + peak * 10 ** rng.uniform(-4, -1.5) * coloured(LENGTH, 0, rng)
    chirp = peak * np.sin(2 * np.pi * (f * t + rng.uniform(-100, 100) * t * t))
    yield chirp + peak * 10 ** rng.uniform(-4, -1.5) * coloured(LENGTH, 0, rng)
    for _ in range(2):
        clicks = np.zeros(LENGTH, np.float32)
        clicks[:: int(rng.uniform(800, 9000))] = peak
        yield clicks
        yield clicks + peak * 0.003 * coloured(LENGTH, 0, rng)


def _buzz(t: NDArray[np.float64], peak: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return harmonics [time] of a pitch like a voice's, steady or gliding, in noise: an engine, a horn."""
    pitch = rng.uniform(60, 420)
    glide = 1 + rng.choice([0, 0, 0.02]) * np.sin(2 * np.pi * rng.uniform(0.2, 1) * t)
    phase = 2 * np.pi * np.cumsum(pitch * glide) / RATE
    harmonics = sum(
        rng.uniform(0.2, 1) / j ** rng.uniform(0.3, 1.5) * np.sin(j * phase + rng.uniform(0, 6))
        for j in range(1, min(20, int(7000 / pitch)))
    )
    return np.asarray(
        peak * harmonics / 3 + peak * 10 ** rng.uniform(-4, -0.5) * coloured(LENGTH, rng.choice([0, 1, 2]), rng)
    )


def training_frames(corpora: Path) -> Frames:
    """Return all frames, drawn in order."""
    rng = np.random.default_rng(SEED)
    sounds = sound_clips(corpora, held_out=False)
    textures = [load(path) for name in sounds if name in TEXTURES for path in sounds[name]]
    parts = [*speech_frames(corpora, textures, rng), *meeting_frames(corpora), *environment(sounds)]
    parts += [labelled(sound, 0, 1.0) for _ in range(ROUNDS) for sound in synthetic(rng)]
    return Frames(*(np.concatenate(rows) for rows in zip(*parts, strict=True)))


def load(path: Path) -> Array:
    """Return a recording [time] at 16 kHz."""
    return read(path, rate=RATE)[0]


def fit(frames: Frames) -> Weights:
    """Return the weights of a logistic regression, for unscaled numbers: the scaling is folded in."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(frames.numbers)
    model = LogisticRegression(max_iter=500)
    model.fit(scaler.transform(frames.numbers), frames.speech, sample_weight=frames.weight)
    slopes = model.coef_[0] / scaler.scale_
    bias = float(model.intercept_[0] - (slopes * scaler.mean_).sum())
    numbers = [round(float(slope), 2) for slope in slopes]
    return Weights._make([round(bias, 2), *numbers[:12], tuple(numbers[12:])])


def as_code(weights: Weights) -> str:
    """Return the weights as they are written in the package."""
    *numbers, shares = weights
    lines = [f"    {name}={number:.2f}," for name, number in zip(Weights._fields, numbers, strict=False)]
    return "\n".join(["WEIGHTS = Weights(", *lines, f"    shares=({', '.join(f'{x:.2f}' for x in shares)}),", ")"])


def print_weights(corpora: Path) -> int:
    """Fit and print the weights; return 1 where they are not those of the package."""
    frames = training_frames(corpora)
    print(f"{len(frames.speech):,} frames, {frames.speech.mean():.1%} of them speech", file=sys.stderr)
    weights = fit(frames)
    print(as_code(weights))
    same = weights == WEIGHTS
    print(f"these are {'' if same else 'NOT '}the weights of the package", file=sys.stderr)
    return 0 if same else 1


# ----------------------------------------------------------------------------------------------------------------------
# Counts of detected speech.

ROOT = Path(__file__).resolve().parent.parent
SCORES = ROOT / "results/activity/scores.json"
SPEECH = ("emodb", "ravdess", "nemo", "savee", "emovo", "librispeech", "asr")
SPLITS = {"train": "trn", "development": "dev", "test": "tst"}
ACCEPTED = 20  # active frames, 0.2 s


def count(paths: Iterable[Path]) -> dict[str, int]:
    """Return the number of clips and of 10 ms frames, and of those that are detected as speech."""
    total: Counter[str] = Counter(clips=0, heard=0, frames=0, active=0)
    for path in paths:
        activity = speech_activity(load(path))
        active = int(activity.sum())
        total.update(clips=1, heard=int(active >= ACCEPTED), frames=len(activity), active=active)
    return dict(total)


def speech_counts(corpora: Path) -> dict[str, dict[str, dict[str, int]]]:
    """Return the counts of every corpus of speech, of clips that were trained on and of all others."""
    trained = set(speech_clips(corpora))
    out = {}
    for name in SPEECH:
        paths = sorted(path for path in (corpora / name).rglob("*.*") if path.suffix in RECORDINGS)
        if not paths:
            raise SystemExit(f"no recordings of {name} in the folder of corpora; allowed: {', '.join(RECORDINGS)}")
        out[name] = {
            "trained": count(path for path in paths if path in trained),
            "other": count(path for path in paths if path not in trained),
        }
        print(f"{name}: {out[name]}", file=sys.stderr)
    return out


def sound_counts(corpora: Path) -> dict[str, dict[str, dict[str, int]]]:
    """Return the counts of every class of ESC-10, of the folds that were trained on and of those that were not."""
    trained, held_out = (sound_clips(corpora, held_out=held_out) for held_out in (False, True))
    return {name: {"trained": count(trained[name]), "held_out": count(held_out[name])} for name in trained}


def meeting_counts(corpora: Path) -> dict[str, dict[str, int]]:
    """Return for every split of AMI how many frames are speech, are called so, and are both."""
    out = {}
    for split, prefix in SPLITS.items():
        total: Counter[str] = Counter()
        for path in sorted((corpora / "ami").glob(f"{prefix}*.flac")):
            prediction = speech_activity(load(path))
            truth = meeting_turns(corpora, split, path.stem, len(prediction))
            total.update(recordings=1, frames=len(truth), speech=int(truth.sum()), active=int(prediction.sum()))
            total.update(both=int(np.sum(truth & prediction)))
        out[split] = dict(total)
    return out


def write_counts(corpora: Path) -> int:
    """Write the counts, and return 0."""
    counts = {"esc10": sound_counts(corpora), "ami": meeting_counts(corpora), "speech": speech_counts(corpora)}
    SCORES.parent.mkdir(parents=True, exist_ok=True)
    SCORES.write_text(json.dumps({"weights": WEIGHTS, **counts}, indent=1) + "\n", encoding="utf-8")
    print(f"written: {SCORES.relative_to(ROOT)}", file=sys.stderr)
    return 0


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description="Fit the speech activity detector again, or count what it finds.")
    parser.add_argument("command", choices=("fit", "count"))
    parser.add_argument("corpora", type=Path, help="folder with the corpora")
    given = parser.parse_args()
    return print_weights(given.corpora) if given.command == "fit" else write_counts(given.corpora)


if __name__ == "__main__":
    sys.exit(main())
