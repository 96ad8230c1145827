"""Every setting of every perturbation: a finite copy, the same for the same seed, for any signal and rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.augment.perturbation import PERTURBATIONS, Scene, chosen

if TYPE_CHECKING:
    from emotone.types import Array

RATE = 16000
SETTINGS = chosen()


def voice(rate: int = RATE, *, seconds: float = 0.3, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


def scene(rate: int = RATE, *, seed: int = 1) -> Scene:
    return Scene(rate, np.random.default_rng(seed), tuple(voice(rate, seed=number) for number in (1, 2, 3)))


def test_names_are_unique_and_every_perturbation_has_settings() -> None:
    assert len(set(SETTINGS)) == len(SETTINGS) > 20
    assert {name for name, _ in SETTINGS} == set(PERTURBATIONS.names)


@pytest.mark.parametrize("name", PERTURBATIONS.names)
def test_it_has_a_title_and_bounds_of_its_settings(name: str) -> None:
    one = PERTURBATIONS.get(name)
    assert one.title[0].islower()
    assert all(0 < one.bound_of(setting) < 1 for setting in one.settings)
    assert set(one.bounds) <= set(one.settings)


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_a_changed_copy_that_depends_on_the_seed_only(name: str, setting: str) -> None:
    signal = voice()
    before = signal.copy()
    first, second = (PERTURBATIONS.get(name).apply(signal, setting, scene()) for _ in range(2))
    assert np.array_equal(signal, before)
    assert np.array_equal(first, second)
    assert first.dtype == np.float32
    assert first.ndim == 1
    assert not np.array_equal(first, signal)


@pytest.mark.parametrize(
    "signal",
    [np.zeros(4000, np.float32), np.full(1, 0.3, np.float32), np.full(3000, 0.5, np.float32), 3 * voice()],
    ids=["silence", "one sample", "constant", "above full scale"],
)
@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_unusual_signals_stay_finite(name: str, setting: str, signal: Array) -> None:
    changed = PERTURBATIONS.get(name).apply(signal, setting, scene())
    assert len(changed)
    assert np.isfinite(changed).all()


@pytest.mark.parametrize("rate", [8000, 22050])
@pytest.mark.parametrize(("name", "setting"), [pair for pair in SETTINGS if pair[0] != "silence"])
def test_other_rates_keep_the_duration_and_the_rate(name: str, setting: str, rate: int) -> None:
    changed = PERTURBATIONS.get(name).apply(voice(rate), setting, scene(rate))
    longer = float(setting.removesuffix("s")) if name == "reverberation" else 0.0
    expected = 0.3 / float(setting) if name in {"speed", "tempo"} else 0.3 + longer
    assert len(changed) / rate == pytest.approx(expected, abs=0.1)  # encoders pad to whole blocks
