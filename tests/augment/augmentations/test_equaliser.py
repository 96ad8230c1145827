"""Equaliser: the gains that it adds, and their distribution."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.augment.augmentations.equaliser import Equaliser


def test_every_frame_gets_the_same_gains(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (40, 64)).astype(np.float32)
    gains = Equaliser().draw(rng, (40, 64))
    assert gains.shape == (64,)
    np.testing.assert_allclose(Equaliser().apply(features, gains) - features, np.tile(gains, (40, 1)), atol=1e-5)


def test_gains_are_straight_between_the_points(rng: np.random.Generator) -> None:
    gains = Equaliser(points=4).draw(rng, (10, 61))  # points at bands 0, 20, 40, 60
    bends = np.flatnonzero(np.abs(np.diff(gains, 2)) > 1e-5) + 1
    assert bends.tolist() == [20, 40]


def test_gains_have_the_deviation_that_was_asked_for(rng: np.random.Generator) -> None:
    first = [float(Equaliser(decibels=6.0).draw(rng, (1, 64))[0]) for _ in range(2000)]
    assert np.std(first) * 10 / np.log(10) == pytest.approx(6.0, rel=0.1)
    assert np.mean(first) == pytest.approx(0.0, abs=0.1)
