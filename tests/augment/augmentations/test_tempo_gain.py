"""Tempo and gain of rows: their number, interpolated values, and the columns that a gain changes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emotone.augment.augmentations.tempo_gain import TempoGain, TempoGainParameters
from emotone.errors import ConfigError
from emotone.features.front_ends.whisper_mfcc_pitch import WhisperMfccPitch


def ramp(rows: int, dimension: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.repeat(np.arange(rows, dtype=np.float32)[:, None], dimension, axis=1)


@pytest.mark.parametrize(("tempo", "rows"), [(1.0, 100), (1.25, 80), (0.8, 125)])
def test_a_ramp_stays_a_ramp_of_another_slope(tempo: float, rows: int) -> None:
    changed = TempoGain().apply(ramp(100, 3), TempoGainParameters(tempo, 0.0))
    assert changed.shape == (rows, 3)
    inner = changed[1:-1, 0]
    np.testing.assert_allclose(np.diff(inner), 100 / rows, rtol=1e-4)


def test_the_pitch_is_that_of_a_row() -> None:
    features = ramp(50, 14)
    features[:, -1] = np.where(np.arange(50) % 2, 1.5, 0.0)
    changed = TempoGain().apply(features, TempoGainParameters(0.9, 0.0))
    assert set(changed[:, -1].tolist()) == {0.0, 1.5}


def test_a_gain_changes_rows_as_a_louder_signal_does(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.05, 8000).astype(np.float32)
    rows, louder = (WhisperMfccPitch().compute(factor * signal) for factor in (np.float32(1), np.float32(2)))
    changed = TempoGain().apply(rows, TempoGainParameters(1.0, 20 * math.log10(2)))
    np.testing.assert_allclose(changed[:-1], louder[:-1], atol=1e-3)  # the last cepstra are those of silence


@pytest.mark.parametrize(("dimension", "change"), [(80, -0.3), (161, -0.3 * math.log(10))])
def test_rows_of_levels_get_the_gain_in_every_column(dimension: int, change: float) -> None:
    changed = TempoGain().apply(ramp(4, dimension), TempoGainParameters(1.0, -3.0))
    np.testing.assert_allclose(changed - ramp(4, dimension), change, atol=1e-6)


def test_drawn_values_are_in_the_ranges() -> None:
    spec, rng = TempoGain(), np.random.default_rng(0)
    drawn = [spec.draw(rng, (100, 14)) for _ in range(300)]
    assert 0.85 <= min(one.tempo for one in drawn) < 0.87
    assert 1.13 < max(one.tempo for one in drawn) <= 1.15
    assert -3 <= min(one.decibels for one in drawn) < -2.8
    assert 5.8 < max(one.decibels for one in drawn) <= 6


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"tempo-gain needs 0.5 <= slowest <= fastest <= 2; given 1.2 and 1.1"):
        TempoGain(slowest=1.2, fastest=1.1)
    with pytest.raises(ConfigError, match=r"-60 <= quietest <= loudest <= 60 decibels; given 3 and -3"):
        TempoGain(quietest=3, loudest=-3)
