"""The protocol of augmentations: parameters are drawn from a generator, and applied in a separate step; and tempo.

Key idea of a change of tempo that keeps the pitch: segments of the signal are overlapped at another spacing than they
were cut at, each from the place where its waveform continues the segment before best, so that periods of the voice stay
intact.

Reference: Verhelst and Roelands, An overlap-add technique based on waveform similarity, ICASSP 1993 (here with long
segments and short overlaps).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from emotone.registry import Registry

if TYPE_CHECKING:
    from emotone.types import Array

DECIBEL = math.log(10) / 10  # one decibel of power, as a natural logarithm


class Augmentation(Protocol):
    """A frozen dataclass of ranges, for the rows of some front ends. It never changes its argument."""

    title: ClassVar[str]
    front_ends: ClassVar[tuple[str, ...]]
    """Registry names of the front ends whose rows it supports."""

    @property
    def reach(self) -> float:
        """Maximum number of input rows per output row: above 1 if it can shorten its input."""
        ...

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Any:
        """Return the parameters of one application to features of `shape` [time, dimension]."""
        ...

    def apply(self, features: Array, drawn: Any) -> Array:
        """Return the augmented copy [time', dimension]; equal parameters give equal output."""
        ...


AUGMENTATIONS: Registry[type[Augmentation]] = Registry("augmentation", "emotone.augment.augmentations", "AUGMENTATION")


def augment(features: Array, augmentations: tuple[Augmentation, ...], rng: np.random.Generator) -> Array:
    """Return features [time, dimension] after all augmentations, in order, with parameters drawn from `rng`."""
    for augmentation in augmentations:
        shape = (features.shape[0], features.shape[1])
        features = augmentation.apply(features, augmentation.draw(rng, shape))
    return features


def reach(augmentations: tuple[Augmentation, ...]) -> float:
    """Return the maximum number of input rows per output row of all augmentations combined."""
    return math.prod(augmentation.reach for augmentation in augmentations)


# In samples; the times are those at 16 kHz.
SEGMENT = 800  # 50 ms: several periods of the lowest voice, and shorter than a syllable
OVERLAP = 160  # cross-fade between segments: 10 ms
SEEK = 240  # candidate places of a segment: 15 ms, a period of a voice of 67 Hz


def stretch(signal: Array, samples: int) -> Array:
    """Return the signal [time] stretched to a number of samples, with the same pitch.

    Each segment continues the one before: of `SEEK` places around its nominal time, it is taken from the one with the
    highest correlation c = <tail, piece> / |piece| of its first `OVERLAP` samples with those that they replace.
    """
    count = len(signal)
    step = SEGMENT - OVERLAP
    padded = np.concatenate([signal, np.zeros(SEGMENT + SEEK, np.float32)])
    energy = np.concatenate([[0.0], np.cumsum(padded.astype(np.float64) ** 2)])
    rise = np.linspace(0, 1, OVERLAP, endpoint=False, dtype=np.float32)
    out = np.zeros(samples + SEGMENT, np.float32)
    out[:SEGMENT] = padded[:SEGMENT]
    for at in range(step, samples, step):
        last = max(0, count - SEEK - min(SEGMENT, samples - at))  # no silence from after the end
        first = min(max(0, round(at * count / samples) - SEEK // 2), last)
        tail = out[at : at + OVERLAP]
        fits = np.correlate(padded[first : first + SEEK + OVERLAP], tail, "valid")
        norms = np.sqrt(energy[first + OVERLAP : first + OVERLAP + len(fits)] - energy[first : first + len(fits)])
        best = first + int(np.argmax(fits / (norms + 1e-9)))
        segment = padded[best : best + SEGMENT]
        out[at : at + OVERLAP] += rise * (segment[:OVERLAP] - tail)
        out[at + OVERLAP : at + SEGMENT] = segment[OVERLAP:]
    return out[:samples]
