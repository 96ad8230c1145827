"""Tempo at the same pitch, and playback speed: tempo and pitch together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.augment.perturbation import Perturbation, Scene
from emotone.augment.time_scale import stretch

if TYPE_CHECKING:
    from emotone.types import Array


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
