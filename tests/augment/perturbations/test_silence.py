"""Silence is inserted where the setting states, and inside at the quietest place."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.augment.perturbation import Scene
from emotone.augment.perturbations.silence import FAINT, PERTURBATION, quietest

RATE = 1000
SIGNAL = np.concatenate([np.full(400, 0.5), np.full(150, 0.01), np.full(450, 0.5)]).astype(np.float32)


def changed(setting: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return PERTURBATION.apply(SIGNAL, setting, Scene(RATE, np.random.default_rng(0)))


@pytest.mark.parametrize(("setting", "first"), [("before", 0), ("after", 1000), ("inside", 450)])
def test_silence_is_inserted_and_the_rest_is_kept(setting: str, first: int) -> None:
    longer = changed(f"silence-1s-{setting}")
    at = quietest(SIGNAL, RATE) if setting == "inside" else first
    assert abs(at - first) <= 50  # within the quiet part
    np.testing.assert_array_equal(np.delete(longer, range(at, at + RATE)), SIGNAL)
    assert not longer[at : at + RATE].any()


def test_faint_noise_has_its_level() -> None:
    noise = changed("noise-5s-after")[len(SIGNAL) :]
    assert len(noise) == 5 * RATE
    assert np.std(noise) == pytest.approx(FAINT, rel=0.03)


def test_a_recording_of_few_samples_is_divided_in_the_middle() -> None:
    assert quietest(np.ones(1, np.float32), RATE) == 0
    assert quietest(np.ones(2, np.float32), RATE) == 1
    assert quietest(np.zeros(0, np.float32), RATE) == 0
