"""Whisper's front end: against its definition, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.features.front_ends.whisper_log_mel import WhisperLogMel
from emotone.recipes.recipe import Recipe


def test_it_equals_the_definition(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 1200).astype(np.float32)
    rows = WhisperLogMel().compute(signal)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    for number in (0, 3):
        frame = signal[160 * number : 160 * number + 400].astype(np.float64) * window
        power = np.abs([(frame * np.exp(-2j * np.pi * k * np.arange(400) / 400)).sum() for k in range(201)]) ** 2
        # A triangle of Slaney's below 1 kHz: its centre is 200 / 3 Hz times the mel, its area is 1.
        top = 15 + 27 * np.log(8) / np.log(6.4)
        low, centre, high = (200 / 3 * top / 81 * band for band in (5, 6, 7))
        bins = 40.0 * np.arange(201)
        triangle = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
        expected = np.log10((triangle * 2 / (high - low) * power).sum())
        assert rows[number, 5] == pytest.approx(expected, abs=1e-4)


def test_silence_has_the_smallest_value() -> None:
    rows = WhisperLogMel().compute(np.zeros(800, np.float32))
    np.testing.assert_allclose(rows, -10.0, rtol=3e-7)  # the logarithm is rounded differently on some processors


def test_gain_is_a_constant(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.01, 8000).astype(np.float32)
    quiet, loud = (WhisperLogMel().compute(signal * gain) for gain in (1, 10))
    np.testing.assert_allclose(loud - quiet, 2.0, atol=1e-4)


@pytest.mark.parametrize(("samples", "rows"), [(0, 1), (1, 1), (160, 1), (161, 2), (16000, 100)])
def test_every_hop_has_a_row(samples: int, rows: int) -> None:
    feature = WhisperLogMel()
    assert feature.frames(samples) == rows
    assert feature.compute(np.zeros(samples, np.float32)).shape == (rows, 80)


def test_a_recipe_can_name_it() -> None:
    recipe = Recipe("toy", "four", front_end={"name": "whisper-log-mel"}, net={"name": "whisper-encoder"})
    assert recipe.feature == WhisperLogMel()
    assert recipe.written_out().front_end == {"name": "whisper-log-mel"}
