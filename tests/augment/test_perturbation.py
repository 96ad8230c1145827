"""Choosing settings by name, and levels of speech and of added sounds."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.augment.perturbation import Perturbation, Scene, add_at_snr, chosen, speech_power
from emotone.errors import UnknownNameError

RATE = 1000


def test_names_select_settings_in_the_order_of_the_registry() -> None:
    assert chosen(["speed", "gain/-30-db"]) == (("gain", "-30-db"), ("speed", "0.9"), ("speed", "1.1"))
    assert len(chosen()) > len(chosen(["silence"])) == 12


def test_unknown_names_are_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="unknown perturbation 'gian'; did you mean 'gain'"):
        chosen(["gian"])
    with pytest.raises(UnknownNameError, match=r"unknown setting of speed '0\.8'; did you mean '0\.9'"):
        chosen(["speed/0.8"])


def test_a_setting_is_looked_up_and_bounds_can_differ() -> None:
    one = Perturbation("adds", 0.1, {"one": 1.0, "two": 2.0}, lambda signal, add, _: signal + add, bounds={"two": 0.3})
    scene = Scene(RATE, np.random.default_rng(0))
    np.testing.assert_array_equal(one.apply(np.zeros(2, np.float32), "two", scene), [2, 2])
    assert (one.bound_of("one"), one.bound_of("two")) == (0.1, 0.3)
    with pytest.raises(UnknownNameError, match="unknown setting 'three'"):
        one.apply(np.zeros(2, np.float32), "three", scene)


def test_the_power_of_speech_ignores_silence_and_pauses() -> None:
    speech = np.full(1000, 0.1, np.float32)
    padded = np.concatenate([np.zeros(3000, np.float32), speech, np.full(500, 1e-4, np.float32)])
    assert speech_power(speech, RATE) == pytest.approx(0.01)
    assert speech_power(padded, RATE) == pytest.approx(0.01)
    assert speech_power(np.zeros(0, np.float32), RATE) == 0


@pytest.mark.parametrize("snr", [20.0, 0.0, -5.0])
def test_a_sound_is_added_at_the_ratio(snr: float, rng: np.random.Generator) -> None:
    speech = np.concatenate([np.zeros(5000, np.float32), np.full(5000, 0.1, np.float32)])
    added = add_at_snr(speech, rng.normal(0, 3, 10000).astype(np.float32), snr=snr, rate=RATE) - speech
    assert 10 * np.log10(0.01 / np.mean(added**2)) == pytest.approx(snr, abs=1e-3)


def test_silence_added_is_nothing_added() -> None:
    speech = np.full(100, 0.1, np.float32)
    np.testing.assert_array_equal(add_at_snr(speech, np.zeros(100, np.float32), snr=10, rate=RATE), speech)
