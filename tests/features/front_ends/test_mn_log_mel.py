"""The front end of mn04 on analytic signals: silence, tones, level, the emphasis, complete windows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emotone.features.base import FEATURES
from emotone.features.front_ends.mn_log_mel import MnLogMel, rows_of_emphasised
from emotone.features.windows import pads_end


def test_silence_is_the_logarithm_of_the_offset() -> None:
    rows = MnLogMel().compute(np.zeros(3200, np.float32))
    np.testing.assert_array_equal(rows, np.full((8, 128), np.log(np.float32(1e-5)), np.float32))


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 5000.0, 12000.0])
def test_a_tone_is_in_its_band(hertz: float) -> None:
    signal = np.sin(2 * np.pi * hertz * np.arange(32000) / 32000).astype(np.float32)
    step = 1127 * math.log(1 + 15000 / 700) / 129
    band = round(1127 * math.log(1 + hertz / 700) / step) - 1
    assert np.abs(MnLogMel().compute(signal).argmax(axis=1) - band).max() <= 1


def test_powers_are_summed(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 10, 8000).astype(np.float32)
    difference = MnLogMel().compute(10 * signal) - MnLogMel().compute(signal)
    np.testing.assert_allclose(np.median(difference), math.log(100), atol=1e-3)


def test_the_emphasis_subtracts_the_sample_before(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 8000)
    emphasised = np.array([signal[t + 1] - 0.97 * signal[t] for t in range(7999)], np.float32)
    np.testing.assert_allclose(rows_of_emphasised(emphasised), MnLogMel().compute(signal.astype(np.float32)), atol=1e-4)


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 800, 801, 802, 16000, 32000, 32001])
def test_with_zeros_after_the_end_every_hop_inside_has_a_row(samples: int, rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, samples).astype(np.float32)
    padded = MnLogMel(pads_end=True)
    rows = padded.compute(signal)
    assert len(rows) == padded.frames(samples) == max(1, math.ceil(samples / 320))
    followed = MnLogMel().compute(np.concatenate([signal, np.zeros(801, np.float32)]))
    np.testing.assert_array_equal(rows, followed[: len(rows)])
    whole = max(0, 1 + (samples - 801) // 320)
    np.testing.assert_array_equal(rows[:whole], MnLogMel().compute(signal)[:whole])


def test_padding_is_off_by_default() -> None:
    assert not pads_end(FEATURES.get("mn-log-mel")())
    assert pads_end(MnLogMel(pads_end=True))
