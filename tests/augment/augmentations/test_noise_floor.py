"""Noise floor: level, frequency and spectral tilt of the noise."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.augment.augmentations.noise_floor import NoiseFloor


def test_noise_has_the_configured_power(rng: np.random.Generator) -> None:
    spec = NoiseFloor(snr_low=10.0, snr_high=10.0, tilt=0.0, probability=1.0)
    features = rng.normal(-9, 1, (300, 64)).astype(np.float32)
    powers = [np.exp(spec.apply(features, spec.draw(rng, (300, 64)))) - np.exp(features) for _ in range(10)]
    assert np.mean(powers) / np.exp(features).mean() == pytest.approx(0.1, rel=0.02)


def test_power_is_only_ever_added(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (50, 64)).astype(np.float32)
    spec = NoiseFloor(probability=1.0)
    assert (spec.apply(features, spec.draw(rng, (50, 64))) >= features).all()


def test_it_happens_as_often_as_was_asked_for(rng: np.random.Generator) -> None:
    spec = NoiseFloor(probability=0.3)
    happened = [spec.draw(rng, (2, 2)) is not None for _ in range(2000)]
    assert np.mean(happened) == pytest.approx(0.3, abs=0.04)


def test_no_noise_is_a_plain_copy(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (50, 64)).astype(np.float32)
    spec = NoiseFloor(probability=0.0)
    np.testing.assert_array_equal(spec.apply(features, spec.draw(rng, (50, 64))), features)


def test_the_tilt_turns_around_the_middle_band(rng: np.random.Generator) -> None:
    drawn = NoiseFloor(snr_low=20.0, snr_high=20.0, tilt=10.0, probability=1.0).draw(rng, (5, 65))
    assert drawn is not None
    assert drawn.level[32] == pytest.approx(-2 * np.log(10), abs=1e-5)
    np.testing.assert_allclose(np.diff(drawn.level, 2), 0.0, atol=1e-5)
