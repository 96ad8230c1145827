"""Tempo and pitch: a tone gets the frequency and length of the formula, and keeps its level."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.augment.augmentations.tempo_pitch import TempoPitch, TempoPitchParameters
from emotone.errors import ConfigError

if TYPE_CHECKING:
    from emotone.types import Array

RATE = 16000


def tone(frequency: float, *, seconds: float = 1.32) -> Array:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)[:, None]


def peak(signal: Array) -> float:
    """Return the frequency with the most power, to 0.03 Hz."""
    size = 1 << 19
    return float(np.argmax(np.abs(np.fft.rfft(signal[:, 0] * np.hanning(len(signal)), size))) * RATE / size)


@pytest.mark.parametrize("tempo", [0.9, 1.0, 1.07, 1.1])
@pytest.mark.parametrize("pitch", [-5, -1, 0, 4, 5])
def test_a_tone_lands_where_it_should_lasts_as_long_and_stays_as_loud(tempo: float, pitch: int) -> None:
    before = tone(440)
    after = TempoPitch().apply(before, TempoPitchParameters(tempo, pitch))
    assert peak(after) == pytest.approx(440 * 2 ** (50 * pitch / 1200), rel=3e-4)
    assert len(after) == round(len(before) / tempo)
    assert np.sqrt(np.mean(after**2)) == pytest.approx(np.sqrt(np.mean(before**2)), rel=2e-3)
    assert np.abs(after).max() < 0.31  # no clicks
    pieces = after[: len(after) // 100 * 100, 0].reshape(-1, 100)
    assert np.abs(pieces).max(axis=1).min() > 0.2  # no holes, up to the end


def test_four_quarter_tones_are_two_semitones() -> None:
    assert peak(TempoPitch().apply(tone(440), TempoPitchParameters(1.0, 4))) == pytest.approx(
        440 * 2 ** (200 / 1200), rel=3e-4
    )


def test_harmonics_stay_harmonics() -> None:
    """Twice the pulses of a voice in the same time, at tempo 1 and an octave up: no other lines appear."""
    time = np.arange(2 * RATE) / RATE
    voice = np.sum([np.sin(2 * np.pi * 120 * order * time) / order for order in range(1, 20)], axis=0)
    after = TempoPitch(quarter_tones=24).apply(voice.astype(np.float32)[:, None], TempoPitchParameters(0.95, 3))
    power = np.abs(np.fft.rfft(after[:, 0] * np.hanning(len(after)))) ** 2
    where = np.fft.rfftfreq(len(after), 1 / RATE)
    base = 120 * 2 ** (3 / 24)
    near = np.abs(where / base - np.round(where / base)) < 0.08
    assert power[near].sum() / power.sum() > 0.99


def test_nothing_drawn_changes_nothing(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, (21120, 1)).astype(np.float32)
    np.testing.assert_allclose(TempoPitch().apply(signal, TempoPitchParameters(1.0, 0)), signal, atol=1e-6)


def test_draws_are_whole_quarter_tones_each_as_likely_and_uniform_tempi(rng: np.random.Generator) -> None:
    draws = [TempoPitch().draw(rng, (1, 1)) for _ in range(5500)]
    counts = Counter(drawn.pitch for drawn in draws)
    assert sorted(counts) == list(range(-5, 6))
    assert min(counts.values()) > 400
    tempi = [drawn.tempo for drawn in draws]
    assert 0.9 <= min(tempi) < max(tempi) <= 1.1
    np.testing.assert_allclose(np.quantile(tempi, (0.25, 0.5, 0.75)), (0.95, 1.0, 1.05), atol=0.01)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"slowest": 0.4}, "0.5 <= slowest <= fastest <= 2; given 0.4 and 1.1"),
        ({"slowest": 1.2}, "slowest <= fastest <= 2; given 1.2 and 1.1"),
        ({"fastest": 2.5}, "given 0.9 and 2.5"),
        ({"quarter_tones": -1}, "0 <= quarter_tones <= 24; given -1"),
        ({"quarter_tones": 25}, "0 <= quarter_tones <= 24; given 25"),
    ],
)
def test_ranges_are_said(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TempoPitch(**given_)
