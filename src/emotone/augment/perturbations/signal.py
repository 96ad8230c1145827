"""The signal itself: its recording level, silence before, after or inside it, its tempo and its playback speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from emotone.augment.base import stretch
from emotone.augment.perturbation import Perturbation, Scene

if TYPE_CHECKING:
    from emotone.types import Array, Hertz, Seconds

FAINT = 1e-4  # standard deviation of faint noise: -80 dB relative to full scale
PAUSE_SECONDS = 0.1  # duration over which the quietest place is found
INNER = (0.25, 0.75)  # the part of a recording in which a pause is lengthened


def change_gain(signal: Array, decibels: float, scene: Scene) -> Array:  # noqa: ARG001 - one protocol
    """Return the signal [time] multiplied by 10^(decibels / 20). Samples may exceed full scale."""
    louder: Array = signal * np.float32(10 ** (decibels / 20))
    return louder


GAIN = Perturbation(
    title="recording level, without clipping",
    bound=0.01,
    settings={f"{decibels:+d}-db": float(decibels) for decibels in (-30, -15, 10, 20)},
    function=change_gain,
)


@dataclass(frozen=True)
class Padding:
    """Where silence is inserted, its duration in seconds, and whether it is faint noise."""

    place: Literal["before", "after", "inside"]
    seconds: Seconds
    noise: bool


def insert_silence(signal: Array, padding: Padding, scene: Scene) -> Array:
    """Return the signal [time] with silence or faint noise inserted."""
    count = round(padding.seconds * scene.rate)
    silence = np.zeros(count, np.float32)
    if padding.noise:
        silence = scene.rng.normal(0, FAINT, count).astype(np.float32)
    at = {"before": 0, "after": len(signal), "inside": quietest(signal, scene.rate)}[padding.place]
    return np.concatenate([signal[:at], silence, signal[at:]])


def quietest(signal: Array, rate: Hertz) -> int:
    """Return the sample in the middle of the quietest tenth of a second of the middle half of a signal [time]."""
    first, last = (round(share * len(signal)) for share in INNER)
    width = min(round(PAUSE_SECONDS * rate), last - first)
    if width < 1:
        return len(signal) // 2
    energy = np.concatenate([[0.0], np.cumsum(signal[first:last].astype(np.float64) ** 2)])
    return first + int(np.argmin(energy[width:] - energy[:-width])) + width // 2


SILENCE = Perturbation(
    title="silence, or noise at -80 dB, around the recording or at its quietest place",
    bound=0.02,
    settings={
        f"{'noise' if noise else 'silence'}-{seconds}s-{place}": Padding(place, float(seconds), noise)
        for place in ("before", "after", "inside")
        for seconds in (1, 5)
        for noise in (False, True)
    },
    function=insert_silence,
)


def change_tempo(signal: Array, factor: float, scene: Scene) -> Array:  # noqa: ARG001 - one protocol
    """Return the signal [time] at `factor` times its tempo, [time / factor], with its pitch."""
    return stretch(signal, max(1, round(len(signal) / factor)))


TEMPO = Perturbation(
    title="tempo at the same pitch",
    bound=0.15,
    settings={"0.9": 0.9, "1.1": 1.1},
    function=change_tempo,
)


def change_speed(signal: Array, factor: float, scene: Scene) -> Array:  # noqa: ARG001 - one protocol
    """Return the signal [time] played `factor` times as fast, [time / factor]: higher voices are also faster.

    Reference: Ko, Peddinti, Povey, Khudanpur: Audio augmentation for speech recognition. Proc. Interspeech 2015,
    3586-3589 (factors 0.9 and 1.1).

    """
    import soxr

    faster: Array = soxr.resample(signal, factor, 1.0)
    return faster


SPEED = Perturbation(
    title="playback speed (tempo and pitch)",
    bound=0.15,
    settings={"0.9": 0.9, "1.1": 1.1},
    function=change_speed,
)
