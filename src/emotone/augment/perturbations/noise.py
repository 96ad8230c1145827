"""Other sounds at a signal-to-noise ratio: white noise, other people talking, and music."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.augment.perturbation import Perturbation, Scene, add_at_snr, speech_power

if TYPE_CHECKING:
    from emotone.types import Array, Hertz, Seconds

TALKERS = 3  # fewer are understood word by word

CHORD_SECONDS: Seconds = 0.75
DECAY_SECONDS: Seconds = 0.5  # time constant of a plucked note
LOWEST = 48  # MIDI number of the lowest root: C3, 131 Hz
# Semitones above the root of a major key: I, V, vi, IV, the most common progression of popular music.
PROGRESSION = ((0, 4, 7, 12), (7, 11, 14, 19), (9, 12, 16, 21), (5, 9, 12, 17))
HARMONICS = 6


def add_white_noise(signal: Array, snr: float, scene: Scene) -> Array:
    """Return the signal [time] with Gaussian noise at `snr` decibels below the speech."""
    return add_at_snr(signal, scene.rng.standard_normal(len(signal), np.float32), snr=snr, rate=scene.rate)


WHITE_NOISE = Perturbation(
    title="white noise",
    bound=0.25,
    settings={"20-db": 20.0, "10-db": 10.0},
    function=add_white_noise,
    bounds={"20-db": 0.12},
)


def add_babble(signal: Array, snr: float, scene: Scene) -> Array:
    """Return the signal [time] with all other recordings at `snr` decibels below the speech.

    Each is repeated from a random place and has the same speech level.
    """
    babble = np.zeros(len(signal), np.float32)
    for other in scene.others:
        power = speech_power(other, scene.rate)
        if power > 0:
            start = int(scene.rng.integers(len(other)))
            babble += np.resize(np.roll(other, -start), len(signal)) / np.float32(np.sqrt(power))
    return add_at_snr(signal, babble, snr=snr, rate=scene.rate)


BABBLE = Perturbation(
    title="other people talking (recordings of other speakers)",
    bound=0.25,
    settings={"20-db": 20.0, "10-db": 10.0},
    function=add_babble,
    bounds={"20-db": 0.12},
    min_others=TALKERS,
)


def chords(samples: int, *, rate: Hertz, rng: np.random.Generator) -> Array:
    """Return music [samples]: a progression of plucked chords in a random key, from a random place in it."""
    root, first = LOWEST + int(rng.integers(12)), int(rng.integers(len(PROGRESSION)))
    length = round(CHORD_SECONDS * rate)
    time = np.arange(length) / rate
    envelope = np.exp(-time / DECAY_SECONDS) * np.minimum(1, time / 0.005)  # 5 ms of attack: no click
    parts = []
    for number in range(-(-samples // length)):
        chord = np.zeros(length)
        for note in PROGRESSION[(first + number) % len(PROGRESSION)]:
            pitch = 440.0 * 2 ** ((root + note - 69) / 12)
            orders = [order for order in range(1, HARMONICS + 1) if order * pitch < rate / 2]
            chord += sum(np.sin(2 * np.pi * order * pitch * time) / order for order in orders)
        parts.append((envelope * chord).astype(np.float32))
    return np.concatenate([*parts, np.zeros(0, np.float32)])[:samples]


def add_music(signal: Array, snr: float, scene: Scene) -> Array:
    """Return the signal [time] with music at `snr` decibels below the speech."""
    return add_at_snr(signal, chords(len(signal), rate=scene.rate, rng=scene.rng), snr=snr, rate=scene.rate)


MUSIC = Perturbation(
    title="music (synthesised chords)",
    bound=0.25,
    settings={"20-db": 20.0, "10-db": 10.0},
    function=add_music,
    bounds={"20-db": 0.12},
)
