"""Cepstra and pitch of tones, noise and silence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emotone.features.front_ends.mfcc_pitch import MfccPitch


def harmonics(hertz: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    time = np.arange(4800) / 16000
    signal = np.zeros(4800, np.float32)
    for order in range(1, 8):
        signal += (0.1 / order * np.sin(2 * np.pi * order * hertz * time)).astype(np.float32)
    return signal


@pytest.mark.parametrize("hertz", [70.0, 110.0, 225.0, 400.0])
def test_the_pitch_of_a_harmonic_tone(hertz: float) -> None:
    rows = MfccPitch().compute(harmonics(hertz))[:26]  # later ones include zeros after the end
    np.testing.assert_allclose(100 * rows[:, -1], hertz, rtol=0.02)


def test_noise_and_quiet_tones_are_not_voiced(rng: np.random.Generator) -> None:
    assert not MfccPitch().compute(rng.normal(0, 0.1, 4800).astype(np.float32))[:, -1].any()
    assert not MfccPitch().compute(np.float32(1e-3) * harmonics(110.0))[:, -1].any()


def test_the_level_is_in_the_first_cepstrum(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.01, 4800).astype(np.float32)
    quiet, loud = (MfccPitch().compute(factor * signal)[:-1, :13] for factor in (np.float32(1), np.float32(10)))
    np.testing.assert_allclose(loud[:, 0] - quiet[:, 0], 20 * math.sqrt(26), atol=0.01)
    np.testing.assert_allclose(loud[:, 1:], quiet[:, 1:], atol=0.01)


def test_silence_has_the_lowest_level_in_all_bands() -> None:
    rows = MfccPitch().compute(np.zeros(1600, np.float32))
    np.testing.assert_allclose(rows[:, 0], -100 * math.sqrt(26), rtol=1e-5)
    np.testing.assert_allclose(rows[:, 1:], 0, atol=1e-4)
