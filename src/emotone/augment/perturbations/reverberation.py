"""A room: convolution with an exponentially decaying noise after the direct sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.augment.perturbation import Perturbation, Scene

if TYPE_CHECKING:
    from emotone.types import Array, Hertz, Seconds

PRE_DELAY: Seconds = 0.005  # of the first reflection: a wall at 1 m
DECAY = np.log(10.0**6)  # reverberation time is that of a decay of the power by 60 dB


@dataclass(frozen=True)
class Room:
    """Reverberation time in seconds, and power of the direct sound relative to the reverberation in decibels."""

    seconds: Seconds
    direct: float


def impulse_response(room: Room, *, rate: Hertz, rng: np.random.Generator) -> Array:
    """Return the impulse response [time] of a room: h(t) = direct sound + n(t) exp(-DECAY t / (2 T)), n white noise.

    Reference: Polack: La transmission de l'energie sonore dans les salles. Thesis, Universite du Maine, 1988 (the
    statistical model of late reverberation).

    """
    time = np.arange(round(room.seconds * rate)) / rate
    tail = rng.standard_normal(len(time)) * np.exp(-DECAY * time / (2 * room.seconds))
    tail *= np.sqrt(10 ** (-room.direct / 10) / np.sum(tail**2))
    return np.concatenate([[1.0], np.zeros(round(PRE_DELAY * rate)), tail]).astype(np.float32)


def reverberate(signal: Array, room: Room, scene: Scene) -> Array:
    """Return the signal [time] in a room, with the decay after its end, and with the same power."""
    response = impulse_response(room, rate=scene.rate, rng=scene.rng)
    count = len(signal) + len(response) - 1
    size = 1 << (count - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(response, size), size)[:count]
    energy, before = float(np.sum(wet**2)), float(np.sum(signal.astype(np.float64) ** 2))
    gain = np.sqrt(before / energy) if energy > 0 else 1.0
    return (gain * wet).astype(np.float32)


PERTURBATION = Perturbation(
    title="a room with a reverberation time of 0.3 or 0.6 s (synthesised)",
    bound=0.20,
    settings={"0.3s": Room(0.3, 3.0), "0.6s": Room(0.6, 0.0)},
    function=reverberate,
)
