"""Hand-built values of tones, noise and silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.features.front_ends.hand_built import HandBuilt, pitch

if TYPE_CHECKING:
    from emotone.types import Array

RMS, CROSSINGS, BANDS, ROLL_OFF, CENTROID, PITCH = 0, 14, slice(15, 19), slice(19, 24), 24, 25


def harmonics(hertz: float, *, orders: int = 8) -> Array:
    time = np.arange(8192) / 16000
    tones = [0.1 / order * np.sin(2 * np.pi * order * hertz * time) for order in range(1, orders)]
    signal: Array = np.sum(tones, axis=0).astype(np.float32)
    return signal


@pytest.mark.parametrize("hertz", [70.0, 110.0, 225.0, 400.0])
def test_pitch_of_a_harmonic_tone(hertz: float) -> None:
    assert pitch(harmonics(hertz)) == pytest.approx(hertz, rel=0.02)


def test_noise_and_silence_have_no_pitch(rng: np.random.Generator) -> None:
    assert pitch(rng.normal(0, 0.1, 8192).astype(np.float32)) == 0.0
    assert pitch(np.zeros(8192, np.float32)) == 0.0


def test_a_sine_of_1000_hz() -> None:
    row = HandBuilt().compute(np.sin(2 * np.pi * 1000 * np.arange(8192) / 16000 + 0.1).astype(np.float32))[0]
    assert row[RMS] == pytest.approx(-3.01, abs=0.01)
    assert row[CROSSINGS] == pytest.approx(1 / 8, rel=0.01)
    assert row[BANDS].argmax() == 1
    np.testing.assert_allclose(row[ROLL_OFF], 1.0, atol=0.04)
    assert row[CENTROID] == pytest.approx(1.0, abs=0.01)


def test_silence_has_the_lowest_levels_and_frequencies_of_zero() -> None:
    row = HandBuilt().compute(np.zeros(8192, np.float32))[0]
    assert row[RMS] == -100
    np.testing.assert_array_equal(row[BANDS], -100)
    np.testing.assert_array_equal(row[19:], 0)


def test_ten_times_louder_changes_levels_by_20_db_and_nothing_else() -> None:
    quiet, loud = HandBuilt().compute(harmonics(120.0)), HandBuilt().compute(10 * harmonics(120.0))
    changed = (loud - quiet)[0]
    np.testing.assert_allclose(changed[[RMS, 15, 16]], 20, atol=0.01)
    np.testing.assert_allclose(changed[[CROSSINGS, 19, 20, CENTROID, PITCH]], 0, atol=1e-3)


def test_an_incomplete_chunk_at_the_end_has_no_row(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 20000).astype(np.float32)
    rows = HandBuilt().compute(signal)
    assert rows.shape == (2, 26)
    np.testing.assert_array_equal(rows[1], HandBuilt().compute(signal[8192:16384])[0])
