"""Moments cover utterances, muting silences them with fades, and a removed band takes its tones with it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from emotone.inference.occlusion import Band, Moment, bands_below, moments_in, muted, without_band

RATE = 1000


def test_moments_are_equal_parts_of_utterances() -> None:
    moments = moments_in([(0.5, 1.5), (2.0, 2.05)], seconds=0.3)
    assert [(one.start, one.end) for one in moments] == [(0.5, 0.833), (0.833, 1.167), (1.167, 1.5), (2.0, 2.05)]
    assert moments_in([], seconds=0.3) == ()


@pytest.mark.parametrize(
    ("limit", "last"), [(8000.0, (4000, 8000)), (4000.0, (3000, 4000)), (11025.0, (4000, 8000)), (300.0, (250, 300))]
)
def test_bands_end_at_the_limit(limit: float, last: tuple[int, int]) -> None:
    bands = bands_below(limit)
    assert (bands[0].low, bands[-1].low, bands[-1].high) == (0, *last)
    assert all(one.high == other.low for one, other in pairwise(bands))


def test_muted_moments_are_silent_and_the_rest_is_kept() -> None:
    signal = np.ones(RATE, np.float32)
    silenced = muted(signal, [Moment(0.2, 0.4), Moment(0.8, 2.0)], rate=RATE)
    assert signal.min() == 1
    assert not silenced[210:390].any()
    assert (silenced[:200] == 1).all()
    assert (silenced[401:800] == 1).all()
    assert np.abs(np.diff(silenced)).max() <= 0.11  # fades
    assert not silenced[810:990].any()


def test_neighbours_are_muted_as_one() -> None:
    signal = np.ones(RATE, np.float32)
    both = muted(signal, [Moment(0.5, 0.7), Moment(0.3, 0.5)], rate=RATE)
    np.testing.assert_array_equal(both, muted(signal, [Moment(0.3, 0.7)], rate=RATE))


def test_a_band_is_removed_and_others_are_kept() -> None:
    time = np.arange(RATE) / RATE
    low, high = (np.sin(2 * np.pi * pitch * time).astype(np.float32) for pitch in (100, 300))
    np.testing.assert_allclose(without_band(low + high, Band(250, 500), rate=RATE), low, atol=1e-5)
    np.testing.assert_allclose(without_band(low + high, Band(0, 250), rate=RATE), high, atol=1e-5)
