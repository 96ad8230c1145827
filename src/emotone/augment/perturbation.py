"""Perturbations: changes of a recording that must not change the emotion in it, for measuring robustness.

Augmentations make training examples from features. Perturbations change samples in the ways in which recordings of the
same speech really differ, in fixed settings, so that models can be compared.

Contents:
    Scene                     what a perturbation may use besides the recording
    Perturbation              the protocol: title, bound, settings, function
    PERTURBATIONS             the registry
    chosen                    the settings that names select
    speech_power, add_at_snr  levels, for perturbations that add sounds
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from emotone.errors import unknown_name
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from emotone.types import Array, Hertz

Setting = TypeVar("Setting")
FRAME_SECONDS = 0.02  # of speech levels
RANGE = 25.0  # decibels below the loudest frames: frames within it are speech, the others are pauses
LOUDEST = 95.0  # percentile of frame powers that stands for the loudest frames; one click is not speech
SEPARATOR = "/"


@dataclass(frozen=True)
class Scene:
    """What a perturbation may use besides the recording.

    Attributes:
        rate: hertz of all signals.
        rng: generator of everything random.
        others: recordings of other speakers, [time] each.

    """

    rate: Hertz
    rng: np.random.Generator
    others: tuple[Array, ...] = ()


@dataclass(frozen=True)
class Perturbation(Generic[Setting]):
    """A kind of change with its settings.

    Attributes:
        title: what it does, for tables.
        bound: largest acceptable share of changed labels, and loss of UAR, in [0, 1].
        settings: by name.
        bounds: bounds of settings for which `bound` does not apply.
        function: (signal [time], setting, scene) to the changed copy [time'].
        min_others: number of recordings of other speakers that it needs.

    """

    title: str
    bound: float
    settings: Mapping[str, Setting]
    function: Callable[[Array, Setting, Scene], Array] = field(repr=False)
    bounds: Mapping[str, float] = field(default_factory=dict)
    min_others: int = 0

    def bound_of(self, setting: str) -> float:
        """Return the largest acceptable share of changed labels, and loss of UAR, in [0, 1]."""
        return self.bounds.get(setting, self.bound)

    def apply(self, signal: Array, setting: str, scene: Scene) -> Array:
        """Return the changed copy [time'] of a signal [time], float32.

        Raises:
            UnknownNameError: no such setting.

        """
        if setting not in self.settings:
            raise unknown_name("setting", setting, self.settings)
        changed = self.function(signal, self.settings[setting], scene)
        return np.ascontiguousarray(changed, dtype=np.float32)


PERTURBATIONS: Registry[Perturbation[Any]] = Registry("perturbation", "emotone.augment.perturbations", "PERTURBATION")


def chosen(names: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """Return pairs (perturbation, setting): all of them, or those that names such as `gain` or `gain/-30-db` select.

    Raises:
        UnknownNameError: a name that is neither a perturbation nor one with a setting.

    Example:
        >>> chosen(["gain/-30-db"])
        (('gain', '-30-db'),)

    """
    every = [(name, setting) for name in PERTURBATIONS.names for setting in PERTURBATIONS.get(name).settings]
    wanted = set()
    for given in names:
        name, _, setting = given.partition(SEPARATOR)
        settings = PERTURBATIONS.get(name).settings
        if setting and setting not in settings:
            raise unknown_name(f"setting of {name}", setting, settings)
        wanted |= {(name, setting)} if setting else {(name, each) for each in settings}
    return tuple(pair for pair in every if pair in wanted or not wanted)


def copy_names(names: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the settings, as `gain/-30-db`, in which recordings can be copied for training: without other speakers.

    Args:
        names: as in `chosen`.

    """
    return tuple(SEPARATOR.join(pair) for pair in chosen(names) if not PERTURBATIONS.get(pair[0]).min_others)


def speech_power(signal: Array, rate: Hertz) -> float:
    """Return the mean power of the speech in a signal [time]: of its frames within 25 dB of the loudest ones.

    Silence before, after and between words therefore does not change signal-to-noise ratios.
    """
    frame = max(1, min(len(signal), round(FRAME_SECONDS * rate)))
    frames = signal[: len(signal) // frame * frame].reshape(-1, frame).astype(np.float64)
    powers = np.mean(frames**2, axis=1)
    if not len(powers):
        return 0.0
    loudest = np.percentile(powers, LOUDEST)
    return float(powers[powers >= loudest * 10 ** (-RANGE / 10)].mean())


def add_at_snr(signal: Array, sound: Array, *, snr: float, rate: Hertz) -> Array:
    """Return a signal [time] plus a sound [time] whose mean power is `snr` decibels below that of the speech."""
    power = float(np.mean(sound.astype(np.float64) ** 2)) if len(sound) else 0.0
    if power == 0.0:
        return signal.copy()
    gain = np.sqrt(speech_power(signal, rate) * 10 ** (-snr / 10) / power)
    added: Array = (signal + np.float32(gain) * sound).astype(np.float32)
    return added
