"""Codecs, telephone lines, rooms and playback speed: what they do to tones, impulses and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.augment.perturbation import PERTURBATIONS, Scene
from emotone.augment.perturbations.codec import PERTURBATION as CODECS
from emotone.augment.perturbations.reverberation import Room, impulse_response

if TYPE_CHECKING:
    from emotone.types import Array

RATE = 16000


def tone(frequency: float, *, seconds: float = 1.0) -> Array:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def changed(signal: Array, name: str, setting: str) -> Array:
    return PERTURBATIONS.get(name).apply(signal, setting, Scene(RATE, np.random.default_rng(0)))


def power(signal: Array) -> float:
    middle = signal[len(signal) // 4 : 3 * len(signal) // 4].astype(np.float64)
    return float(np.mean(middle**2))


def frequency(signal: Array) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(signal, 1 << 18))) * RATE / (1 << 18))


@pytest.mark.parametrize("setting", ["mp3-32k", "opus-32k"])
def test_files_have_32_kilobits_per_second(setting: str, rng: np.random.Generator) -> None:
    noise = rng.normal(0, 0.1, 3 * RATE).astype(np.float32)
    encoded = CODECS.settings[setting].encoded(noise, RATE)
    assert 8 * len(encoded) / 3 == pytest.approx(32_000, rel=0.1)


@pytest.mark.parametrize("setting", ["mp3-32k", "opus-32k"])
def test_a_coded_tone_has_its_level_pitch_and_place(setting: str) -> None:
    signal = 4 * tone(500)  # above full scale: coders would clip it
    coded = changed(signal, "codec", setting)
    assert power(coded) == pytest.approx(power(signal), rel=0.12)  # LAME reduces levels by 0.4 dB
    assert frequency(coded) == pytest.approx(500, rel=1e-3)
    silence = np.zeros(RATE // 2, np.float32)
    energy = changed(np.concatenate([silence, signal, silence]), "codec", setting) ** 2
    centre = float(np.sum(np.arange(len(energy)) * energy) / np.sum(energy))
    assert centre == pytest.approx(RATE, abs=0.1 * RATE)  # an encoder may delay the signal by two of its blocks


@pytest.mark.parametrize(("rate", "expected"), [(8000, 16000), (16000, 16000), (22050, 22050), (44100, 24000)])
def test_a_coder_gets_a_rate_that_it_allows(rate: int, expected: int) -> None:
    assert CODECS.settings["mp3-32k"].rate_for(rate) == expected


@pytest.mark.parametrize(("pitch", "kept"), [(100, False), (1000, True), (3000, True), (3700, False), (6000, False)])
def test_a_telephone_line_keeps_its_band(pitch: float, kept: bool) -> None:
    share = power(changed(tone(pitch), "telephone", "mu-law")) / power(tone(pitch))
    assert share == pytest.approx(1.0, rel=0.02) if kept else share < 1e-3


def test_the_decay_of_a_room_has_its_time_and_level() -> None:
    room = Room(0.5, 3.0)
    response = impulse_response(room, rate=RATE, rng=np.random.default_rng(0)).astype(np.float64)
    tail = response[1:]
    assert 10 * np.log10(1 / np.sum(tail**2)) == pytest.approx(3.0, abs=1e-3)
    remaining = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1])  # Schroeder's integration
    first, last = (np.argmax(remaining < remaining[0] - drop) for drop in (5, 25))
    assert 3 * (last - first) / RATE == pytest.approx(0.5, rel=0.1)


def test_a_room_keeps_the_power_and_equals_the_direct_convolution() -> None:
    signal = np.zeros(500, np.float32)
    signal[::100] = 0.5
    wet = changed(signal, "reverberation", "0.3s")
    response = impulse_response(Room(0.3, 3.0), rate=RATE, rng=np.random.default_rng(0))
    slow = np.convolve(signal, response)
    np.testing.assert_allclose(wet, slow * np.sqrt(np.sum(signal**2) / np.sum(slow**2)), atol=1e-5)


@pytest.mark.parametrize("setting", ["0.9", "1.1"])
def test_speed_changes_duration_and_pitch_and_tempo_only_the_duration(setting: str) -> None:
    factor = float(setting)
    for name, pitch in (("speed", 440 * factor), ("tempo", 440)):
        faster = changed(tone(440), name, setting)
        assert len(faster) == pytest.approx(RATE / factor, abs=1)
        assert frequency(faster) == pytest.approx(pitch, rel=2e-3)
