"""White noise: its level is a random share of the peak."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.augment.augmentations.white_noise import WhiteNoise, WhiteNoiseParameters
from emotone.errors import ConfigError


def test_the_deviation_is_the_share_of_the_largest_amplitude(rng: np.random.Generator) -> None:
    signal = np.zeros((100_000, 1), np.float32)
    signal[7] = -0.8
    drawn = WhiteNoise().draw(rng, (100_000, 1))
    added = WhiteNoise().apply(signal, drawn) - signal
    assert np.std(added) == pytest.approx(drawn.share * 0.8, rel=0.02)
    assert np.mean(added) == pytest.approx(0, abs=1e-4)


def test_shares_are_uniform_from_nothing_to_the_greatest(rng: np.random.Generator) -> None:
    shares = [WhiteNoise().draw(rng, (1, 1)).share for _ in range(2000)]
    assert min(shares) >= 0
    assert max(shares) <= 0.005
    np.testing.assert_allclose(np.quantile(shares, (0.25, 0.5, 0.75)), (0.00125, 0.0025, 0.00375), atol=2e-4)


def test_silence_stays_silence() -> None:
    silence = np.zeros((4, 1), np.float32)
    np.testing.assert_array_equal(
        WhiteNoise().apply(silence, WhiteNoiseParameters(0.005, np.ones((4, 1), np.float32))), silence
    )


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=f"white-noise needs a share from 0 to 1; given {share:g}"):
        WhiteNoise(share=share)
