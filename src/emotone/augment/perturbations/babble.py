"""Other people talking: recordings of other speakers, mixed at a signal-to-noise ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.augment.perturbation import Perturbation, Scene, add_at_snr, speech_power

if TYPE_CHECKING:
    from emotone.types import Array

TALKERS = 3  # fewer are understood word by word


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


PERTURBATION = Perturbation(
    title="other people talking (recordings of other speakers)",
    bound=0.25,
    settings={"20-db": 20.0, "10-db": 10.0},
    function=add_babble,
    bounds={"20-db": 0.12},
    min_others=TALKERS,
)
