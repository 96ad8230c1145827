"""Stretches of sound: drawn by a seed, rendered from recordings, the same for teacher and student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from emotone.audio.resample import resample
from emotone.fitting.distillation.sound import RATE

if TYPE_CHECKING:
    from emotone.fitting.distillation.sound import Recording, Sound
    from emotone.recipes.source_recipe import SourceRecipe, StretchSettings
    from emotone.types import Array

LEVEL = 0.1  # root mean square of every sound, -20 dBFS, less where its peak would pass full scale
FAINT = 1e-3  # root mean square below which a place in a recording is silence, -60 dBFS
TRIES = 8  # places that are looked at for one that is no silence
Part = Literal["train", "held_out"]


@dataclass(frozen=True)
class Piece:
    """One sound of a stretch.

    Attributes:
        recording: where it is from.
        start: sample in the recording.
        length: samples in the recording.
        rate: hertz that it is taken to have, so that it plays faster (above 16000) or slower.
        at: sample of the stretch where it begins.
        gain: decibels relative to `LEVEL`.

    """

    recording: Recording
    start: int
    length: int
    rate: int
    at: int
    gain: float


@dataclass(frozen=True)
class Stretch:
    """One sound, or two at once."""

    pieces: tuple[Piece, ...]


class Stretches:
    """The stretches of one part: number `index` is a function of the recipe's seed and the index alone."""

    def __init__(self, sound: Sound, recipe: SourceRecipe, part: Part) -> None:
        self.sound = sound
        self.settings: StretchSettings = recipe.stretches
        self.part = part
        self.seed = recipe.seed
        self.samples = round(self.settings.seconds * RATE)
        recordings = sound.part(held_out=part == "held_out")
        self.names = tuple(name for name in recipe.sound if any(item.folder == name for item in recordings))
        self._of = [tuple(item for item in recordings if item.folder == name) for name in self.names]
        lengths = [np.array([item.length for item in items], np.float64) for items in self._of]
        self._chances = [length / length.sum() for length in lengths]  # long recordings are drawn more often
        shares = np.array([recipe.sound[name].share for name in self.names])
        self._shares = shares / shares.sum()

    def __len__(self) -> int:
        return self.settings.train if self.part == "train" else self.settings.held_out

    def draw(self, index: int) -> Stretch:
        """Return which sounds stretch `index` is made of."""
        rng = np.random.default_rng([self.seed, 0 if self.part == "train" else 1, index])
        first = self._piece(rng, gain=0.0)
        if self.part == "held_out" or rng.random() >= self.settings.mixed:
            return Stretch((first,))
        return Stretch((first, self._piece(rng, gain=rng.uniform(-self.settings.gain, self.settings.gain))))

    def render(self, stretch: Stretch) -> Array:
        """Return the stretch as a signal [time] at 16 kHz, at `LEVEL`."""
        whole = np.zeros(self.samples, np.float32)
        for piece in stretch.pieces:
            signal = self.sound.signal(piece.recording, piece.start, piece.length)
            signal = resample(signal, rate=piece.rate, to=RATE)[: self.samples - piece.at]
            whole[piece.at : piece.at + len(signal)] += levelled(signal) * np.float32(10 ** (piece.gain / 20))
        return levelled(whole)

    def folder(self, index: int) -> str:
        """Return the folder that the (first) sound of a stretch is from."""
        return self.draw(index).pieces[0].recording.folder

    def _piece(self, rng: np.random.Generator, *, gain: float) -> Piece:
        folder = int(rng.choice(len(self.names), p=self._shares))
        speed = self.settings.speed if self.part == "train" else 1.0
        rate = round(RATE * speed ** rng.uniform(-1, 1))
        needed = round(self.samples * rate / RATE)
        for _ in range(TRIES):
            recording = self._of[folder][int(rng.choice(len(self._of[folder]), p=self._chances[folder]))]
            length = min(needed, recording.length)
            start = int(rng.integers(0, recording.length - length + 1))
            at = int(rng.integers(0, self.samples - min(self.samples, round(length * RATE / rate)) + 1))
            if rms(self.sound.signal(recording, start, length)) > FAINT:
                break
        return Piece(recording, start, length, rate, at, float(gain))


def rms(signal: Array) -> float:
    """Return the root mean square of a signal."""
    return float(np.sqrt(np.mean(np.square(signal), dtype=np.float64)))


def levelled(signal: Array) -> Array:
    """Return the signal at -20 dBFS root mean square, or fainter where its peak would pass full scale."""
    level, peak = rms(signal), float(np.max(np.abs(signal), initial=0.0))
    if peak == 0:
        return signal
    return signal * np.float32(min(LEVEL / level, 1.0 / peak))
