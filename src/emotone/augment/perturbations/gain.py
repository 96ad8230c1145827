"""Another recording level, without clipping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.augment.perturbation import Perturbation, Scene

if TYPE_CHECKING:
    from emotone.types import Array


def change_gain(signal: Array, decibels: float, scene: Scene) -> Array:  # noqa: ARG001 - one protocol
    """Return the signal [time] multiplied by 10^(decibels / 20). Samples may exceed full scale."""
    louder: Array = signal * np.float32(10 ** (decibels / 20))
    return louder


PERTURBATION = Perturbation(
    title="recording level, without clipping",
    bound=0.01,
    settings={f"{decibels:+d}-db": float(decibels) for decibels in (-30, -15, 10, 20)},
    function=change_gain,
)
