"""The front end of VGGish on analytic signals: silence, tones, level, the last rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emotone.errors import ConfigError
from emotone.features.front_ends.vggish_log_mel import VggishLogMel


def centres() -> list[float]:
    """Return the peak of each band, in hertz, from the mel scale's own formula."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (125, 7500))
    step = (high - low) / 65
    return [700 * (10 ** ((low + step * (band + 1)) / 2595) - 1) for band in range(64)]


@pytest.mark.parametrize("offset", [0.01, 0.001])
def test_silence_is_the_logarithm_of_the_offset(offset: float) -> None:
    rows = VggishLogMel(offset=offset).compute(np.zeros(4000, np.float32))
    np.testing.assert_array_equal(rows, np.full((25, 64), np.log(np.float32(offset)), np.float32))


@pytest.mark.parametrize("hertz", [150.0, 440.0, 1000.0, 5000.0])
def test_a_tone_is_in_its_band(hertz: float) -> None:
    signal = np.sin(2 * np.pi * hertz * np.arange(16000) / 16000).astype(np.float32)
    band = int(np.argmin([abs(centre - hertz) for centre in centres()]))
    assert np.abs(VggishLogMel().compute(signal)[:97].argmax(axis=1) - band).max() <= 1


def test_magnitudes_are_summed_and_not_powers(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 1, 16000).astype(np.float32)
    spec = VggishLogMel(offset=1e-20)
    np.testing.assert_allclose(spec.compute(10 * signal) - spec.compute(signal), math.log(10), atol=1e-4)


def test_a_second_has_a_hundred_rows_and_the_first_96_depend_on_it_alone(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 32000).astype(np.float32)
    second = VggishLogMel().compute(signal[:16000])
    assert len(second) == 100
    np.testing.assert_allclose(second[:96], VggishLogMel().compute(signal)[:96], atol=1e-6)


@pytest.mark.parametrize("offset", [0.0, -0.01, math.nan])
def test_an_offset_of_0_or_below_is_refused(offset: float) -> None:
    with pytest.raises(ConfigError, match=r"vggish-log-mel needs offset > 0; given"):
        VggishLogMel(offset=offset)
