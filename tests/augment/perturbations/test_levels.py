"""Gain multiplies; noise, babble and music are added at their ratios to the speech."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.augment.perturbation import PERTURBATIONS, Scene
from emotone.augment.perturbations.music import chords

RATE = 16000
SPEECH = np.full(RATE, 0.1, np.float32)


def scene(*others: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Scene:
    return Scene(RATE, np.random.default_rng(3), tuple(others))


@pytest.mark.parametrize(("setting", "factor"), [("-30-db", 0.0316228), ("+20-db", 10.0)])
def test_gain(setting: str, factor: float) -> None:
    louder = PERTURBATIONS.get("gain").apply(SPEECH, setting, scene())
    np.testing.assert_allclose(louder, factor * SPEECH, rtol=1e-5)


@pytest.mark.parametrize("name", ["white-noise", "babble", "music"])
@pytest.mark.parametrize(("setting", "snr"), [("20-db", 20.0), ("10-db", 10.0)])
def test_sounds_are_added_at_the_ratio(name: str, setting: str, snr: float, rng: np.random.Generator) -> None:
    others = [rng.normal(0, 0.01 * size, 4000 * size).astype(np.float32) for size in (1, 2, 3)]
    added = PERTURBATIONS.get(name).apply(SPEECH, setting, scene(*others)) - SPEECH
    assert 10 * np.log10(0.01 / np.mean(added.astype(np.float64) ** 2)) == pytest.approx(snr, abs=0.01)


def test_all_talkers_are_equally_loud_and_silent_ones_add_nothing() -> None:
    time = np.arange(RATE) / RATE
    tones = [level * np.sin(2 * np.pi * pitch * time) for level, pitch in ((0.01, 200), (0.5, 1000))]
    others = [tone.astype(np.float32) for tone in (*tones, np.zeros(RATE))]
    added = PERTURBATIONS.get("babble").apply(SPEECH, "10-db", scene(*others)) - SPEECH
    lines = np.abs(np.fft.rfft(added))
    assert lines[200] == pytest.approx(lines[1000], rel=1e-3)
    assert lines[200] > 100 * np.median(lines)


def test_chords_are_notes_of_a_major_key() -> None:
    music = chords(3 * RATE, rate=RATE, rng=np.random.default_rng(0))
    assert len(music) == 3 * RATE
    lines = np.abs(np.fft.rfft(music))
    pitches = 440 * 2 ** ((np.arange(36, 84) - 69) / 12)
    loud = [note % 12 for note, pitch in enumerate(pitches, start=36) if lines[round(3 * pitch)] > 0.2 * lines.max()]
    assert 3 <= len(set(loud)) <= 7  # a key has seven notes, and a chord three
    assert len(chords(0, rate=RATE, rng=np.random.default_rng(0))) == 0
