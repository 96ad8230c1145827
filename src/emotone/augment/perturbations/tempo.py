"""Tempo at the same pitch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.augment.perturbation import Perturbation, Scene
from emotone.augment.time_scale import stretch

if TYPE_CHECKING:
    from emotone.types import Array


def change_tempo(signal: Array, factor: float, scene: Scene) -> Array:  # noqa: ARG001 - one protocol
    """Return the signal [time] at `factor` times its tempo, [time / factor], with its pitch."""
    return stretch(signal, max(1, round(len(signal) / factor)))


PERTURBATION = Perturbation(
    title="tempo at the same pitch",
    bound=0.15,
    settings={"0.9": 0.9, "1.1": 1.1},
    function=change_tempo,
)
