"""White noise at a signal-to-noise ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.augment.perturbation import Perturbation, Scene, add_at_snr

if TYPE_CHECKING:
    from emotone.types import Array


def add_white_noise(signal: Array, snr: float, scene: Scene) -> Array:
    """Return the signal [time] with Gaussian noise at `snr` decibels below the speech."""
    return add_at_snr(signal, scene.rng.standard_normal(len(signal), np.float32), snr=snr, rate=scene.rate)


PERTURBATION = Perturbation(
    title="white noise",
    bound=0.25,
    settings={"20-db": 20.0, "10-db": 10.0},
    function=add_white_noise,
    bounds={"20-db": 0.12},
)
