"""Playback speed: tempo and pitch together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.augment.perturbation import Perturbation, Scene

if TYPE_CHECKING:
    from emotone.types import Array


def change_speed(signal: Array, factor: float, scene: Scene) -> Array:  # noqa: ARG001 - one protocol
    """Return the signal [time] played `factor` times as fast, [time / factor]: higher voices are also faster.

    Reference: Ko, Peddinti, Povey, Khudanpur: Audio augmentation for speech recognition. Proc. Interspeech 2015,
    3586-3589 (factors 0.9 and 1.1).

    """
    import soxr

    faster: Array = soxr.resample(signal, factor, 1.0)
    return faster


PERTURBATION = Perturbation(
    title="playback speed (tempo and pitch)",
    bound=0.15,
    settings={"0.9": 0.9, "1.1": 1.1},
    function=change_speed,
)
