"""Excerpts of sound, drawn from a seed and identical for teacher and student, and the teacher's logits for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from emotone.audio.samples import resample
from emotone.config import signature
from emotone.files import atomic_write, cache_dir
from emotone.fitting.distillation.sound import RATE
from emotone.fitting.distillation.teachers import teacher_info

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emotone.fitting.distillation.sound import SoundCollection, SoundRecording
    from emotone.fitting.distillation.teachers import MobileNet
    from emotone.recipes.source_recipe import SourceRecipe
    from emotone.types import Array

LEVEL = 0.1  # root mean square of every sound, -20 dBFS, or less if its peak would exceed full scale
SILENCE = 1e-3  # root mean square below which a part of a recording is silent, -60 dBFS
TRIES = 8  # draws of a position that is not silent
Part = Literal["train", "held_out"]


@dataclass(frozen=True)
class ExcerptPart:
    """One recording's part of an excerpt.

    Attributes:
        recording: that it is from.
        start: first sample in the recording.
        length: samples of the recording.
        rate: assumed rate in hertz; the part plays faster above 16000 and slower below.
        at: sample of the excerpt where it starts.
        gain: decibels relative to `LEVEL`.

    """

    recording: SoundRecording
    start: int
    length: int
    rate: int
    at: int
    gain: float


@dataclass(frozen=True)
class Excerpt:
    """One part, or a mixture of two."""

    parts: tuple[ExcerptPart, ...]


class Excerpts:
    """The excerpts for training or evaluation: each is a function of the recipe's seed and its index alone."""

    def __init__(self, sound: SoundCollection, recipe: SourceRecipe, part: Part) -> None:
        self.sound = sound
        self.settings = recipe.excerpts
        self.part = part
        self.seed = recipe.seed
        self.samples = round(self.settings.seconds * RATE)
        recordings = sound.part(held_out=part == "held_out")
        self.names = tuple(name for name in recipe.sound if any(item.folder == name for item in recordings))
        self._by_folder = [tuple(item for item in recordings if item.folder == name) for name in self.names]
        lengths = [np.array([item.length for item in items], np.float64) for items in self._by_folder]
        self._probabilities = [length / length.sum() for length in lengths]  # in proportion to duration
        weights = np.array([recipe.sound[name].weight for name in self.names])
        self._weights = weights / weights.sum()

    def __len__(self) -> int:
        return self.settings.train if self.part == "train" else self.settings.held_out

    def draw(self, index: int) -> Excerpt:
        """Return the parts of excerpt `index`."""
        rng = np.random.default_rng([self.seed, 0 if self.part == "train" else 1, index])
        first = self._draw_part(rng, gain=0.0)
        if self.part == "held_out" or rng.random() >= self.settings.mix_probability:
            return Excerpt((first,))
        gain = rng.uniform(-self.settings.max_gain_db, self.settings.max_gain_db)
        return Excerpt((first, self._draw_part(rng, gain=gain)))

    def render(self, excerpt: Excerpt) -> Array:
        """Return the excerpt as a signal [time] at 16 kHz, at `LEVEL`."""
        mixture = np.zeros(self.samples, np.float32)
        for part in excerpt.parts:
            signal = self.sound.signal(part.recording, part.start, part.length)
            signal = resample(signal, rate=part.rate, to=RATE)[: self.samples - part.at]
            mixture[part.at : part.at + len(signal)] += levelled(signal) * np.float32(10 ** (part.gain / 20))
        return levelled(mixture)

    def folder(self, index: int) -> str:
        """Return the folder of an excerpt's (first) recording."""
        return self.draw(index).parts[0].recording.folder

    def _draw_part(self, rng: np.random.Generator, *, gain: float) -> ExcerptPart:
        folder = int(rng.choice(len(self.names), p=self._weights))
        recordings, probabilities = self._by_folder[folder], self._probabilities[folder]
        speed = self.settings.max_speed if self.part == "train" else 1.0
        rate = round(RATE * speed ** rng.uniform(-1, 1))
        needed = round(self.samples * rate / RATE)
        for _ in range(TRIES):
            recording = recordings[int(rng.choice(len(recordings), p=probabilities))]
            length = min(needed, recording.length)
            start = int(rng.integers(0, recording.length - length + 1))
            at = int(rng.integers(0, self.samples - min(self.samples, round(length * RATE / rate)) + 1))
            if rms(self.sound.signal(recording, start, length)) > SILENCE:
                break
        return ExcerptPart(recording, start, length, rate, at, float(gain))


def rms(signal: Array) -> float:
    """Return the root mean square of a signal."""
    return float(np.sqrt(np.mean(np.square(signal), dtype=np.float64)))


def levelled(signal: Array) -> Array:
    """Return the signal at -20 dBFS root mean square, or lower if its peak would exceed full scale."""
    level, peak = rms(signal), float(np.max(np.abs(signal), initial=0.0))
    if peak == 0:
        return signal
    return signal * np.float32(min(LEVEL / level, 1.0 / peak))


CHUNK = 256  # excerpts per file, and at most what an interruption loses
BATCH = 16  # excerpts that the teacher processes at a time: larger batches don't fit a processor's cache
VERSION = 1  # incremented when a change to rendering or teacher changes a value


def teacher_logits(
    excerpts: Excerpts,
    recipe: SourceRecipe,
    teacher: MobileNet,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float16]:
    """Return the teacher's logits [excerpts, classes], from the cache if possible.

    Half precision is sufficient: from -16 to 16 its steps are below 0.01, which changes posteriors by less than 1 %.

    Args:
        excerpts: for training or evaluation.
        recipe: names the teacher.
        teacher: computes what is missing in the cache.
        progress: called with (done, total) excerpts.

    """
    info = teacher_info(recipe.teacher)
    settings = recipe.excerpts
    # The number of excerpts is left out, so that more of them extend those in the cache. So are the student's settings.
    drawing = [settings.seconds, settings.mix_probability, settings.max_gain_db, settings.max_speed]
    weights = [[name, recipe.sound[name].weight] for name in excerpts.names]
    name = signature(VERSION, info.sha256, excerpts.sound.signature, excerpts.part, recipe.seed, drawing, weights)
    folder = cache_dir() / "targets" / name
    chunks = []
    for start in range(0, len(excerpts), CHUNK):
        path = folder / f"{start // CHUNK:06d}.npy"
        if not path.exists():
            with atomic_write(path) as stream:
                np.save(stream, _chunk(excerpts, start, teacher, info.rate), allow_pickle=False)
        chunks.append(np.load(path, allow_pickle=False))
        if progress is not None:
            progress(min(start + CHUNK, len(excerpts)), len(excerpts))
    logits: NDArray[np.float16] = np.concatenate(chunks)[: len(excerpts)]
    return logits


def _chunk(excerpts: Excerpts, start: int, net: MobileNet, rate: int) -> NDArray[np.float16]:
    """Return the logits of a full chunk, including excerpts beyond the requested number."""
    import torch

    rows: list[Array] = []
    with torch.inference_mode():
        for first in range(start, start + CHUNK, BATCH):
            signals = [excerpts.render(excerpts.draw(index)) for index in range(first, first + BATCH)]
            resampled = np.stack([resample(signal, rate=RATE, to=rate) for signal in signals])
            rows.append(net(torch.from_numpy(resampled)).numpy())
    return np.concatenate(rows).astype(np.float16)
