"""Warps: against ramps, whose warped values are known, and a slow twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.augment.augmentations.warp import Warp, WarpParameters

if TYPE_CHECKING:
    from emotone.types import Array


def slow(features: Array, factors: WarpParameters) -> Array:
    """Interpolate cell by cell, first over time, then over bands."""
    time, bands = features.shape
    middle = (time - 1) / 2
    when = [middle + (row - middle) * factors.tempo for row in range(time)]
    stretched = np.array([[np.interp(at, range(time), features[:, band]) for band in range(bands)] for at in when])
    where = [band - factors.shift for band in range(bands)]
    return np.array([np.interp(where, range(bands), row) for row in stretched], np.float32)


@pytest.mark.parametrize(
    "factors", [WarpParameters(1.1, 2.5), WarpParameters(0.9, -3.0), WarpParameters(1.0, 0.4), WarpParameters(1.3, 0.0)]
)
def test_it_agrees_with_interpolation_cell_by_cell(factors: WarpParameters, rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (17, 12)).astype(np.float32)
    np.testing.assert_allclose(Warp().apply(features, factors), slow(features, factors), atol=1e-4)


def test_neutral_factors_change_nothing(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (17, 12)).astype(np.float32)
    np.testing.assert_array_equal(Warp().apply(features, WarpParameters(1.0, 0.0)), features)


def test_a_whole_shift_moves_bands_up_and_repeats_the_edge() -> None:
    features = np.tile(np.arange(6, dtype=np.float32), (3, 1))
    assert Warp().apply(features, WarpParameters(1.0, 2.0))[0].tolist() == [0, 0, 0, 1, 2, 3]
    assert Warp().apply(features, WarpParameters(1.0, -2.0))[0].tolist() == [2, 3, 4, 5, 5, 5]


def test_a_faster_tempo_makes_ramps_steeper_around_the_middle() -> None:
    ramp = np.arange(101, dtype=np.float32)[:, None]
    warped = Warp().apply(ramp, WarpParameters(2.0, 0.0))[:, 0]
    assert warped[50] == pytest.approx(50.0)
    np.testing.assert_allclose(np.diff(warped)[30:70], 2.0, atol=1e-4)
    assert (warped[0], warped[-1]) == (0.0, 100.0)


def test_factors_stay_in_their_ranges(rng: np.random.Generator) -> None:
    drawn = [Warp(tempo=0.2, bands=4.0).draw(rng, (10, 10)) for _ in range(500)]
    tempos, shifts = [factors.tempo for factors in drawn], [factors.shift for factors in drawn]
    assert 0.8 <= min(tempos) < 0.82
    assert 1.18 < max(tempos) <= 1.2
    assert -4.0 <= min(shifts) < -3.8
    assert 3.8 < max(shifts) <= 4.0
