"""Perturbations: levels, silence and channels do what their names say, and settings are selected by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.augment.base import OVERLAP, SEEK, SEGMENT, stretch
from emotone.augment.perturbation import PERTURBATIONS, Perturbation, Scene, add_at_snr, chosen, speech_power
from emotone.augment.perturbations.signal import FAINT, SILENCE, quietest
from emotone.augment.perturbations.surroundings import CODEC as CODECS
from emotone.augment.perturbations.surroundings import Room, chords, impulse_response
from emotone.errors import UnknownNameError

if TYPE_CHECKING:
    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Choosing settings by name, and levels of speech and of added sounds.

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


# ----------------------------------------------------------------------------------------------------------------------
# Gain multiplies; noise, babble and music are added at their ratios to the speech.

SPEECH_RATE = 16000
SPEECH = np.full(SPEECH_RATE, 0.1, np.float32)


def scene(*others: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Scene:
    return Scene(SPEECH_RATE, np.random.default_rng(3), tuple(others))


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
    time = np.arange(SPEECH_RATE) / SPEECH_RATE
    tones = [level * np.sin(2 * np.pi * pitch * time) for level, pitch in ((0.01, 200), (0.5, 1000))]
    others = [tone.astype(np.float32) for tone in (*tones, np.zeros(SPEECH_RATE))]
    added = PERTURBATIONS.get("babble").apply(SPEECH, "10-db", scene(*others)) - SPEECH
    lines = np.abs(np.fft.rfft(added))
    assert lines[200] == pytest.approx(lines[1000], rel=1e-3)
    assert lines[200] > 100 * np.median(lines)


def test_chords_are_notes_of_a_major_key() -> None:
    music = chords(3 * SPEECH_RATE, rate=SPEECH_RATE, rng=np.random.default_rng(0))
    assert len(music) == 3 * SPEECH_RATE
    lines = np.abs(np.fft.rfft(music))
    pitches = 440 * 2 ** ((np.arange(36, 84) - 69) / 12)
    loud = [note % 12 for note, pitch in enumerate(pitches, start=36) if lines[round(3 * pitch)] > 0.2 * lines.max()]
    assert 3 <= len(set(loud)) <= 7  # a key has seven notes, and a chord three
    assert len(chords(0, rate=SPEECH_RATE, rng=np.random.default_rng(0))) == 0


# ----------------------------------------------------------------------------------------------------------------------
# Silence is inserted where the setting states, and inside at the quietest place.

SIGNAL = np.concatenate([np.full(400, 0.5), np.full(150, 0.01), np.full(450, 0.5)]).astype(np.float32)


def changed(setting: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return SILENCE.apply(SIGNAL, setting, Scene(RATE, np.random.default_rng(0)))


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


# ----------------------------------------------------------------------------------------------------------------------
# Codecs, telephone lines, rooms and playback speed: what they do to tones, impulses and files.


def tone(frequency: float, *, seconds: float = 1.0) -> Array:
    time = np.arange(round(seconds * SPEECH_RATE)) / SPEECH_RATE
    return (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def changed_by_channel(signal: Array, name: str, setting: str) -> Array:
    return PERTURBATIONS.get(name).apply(signal, setting, Scene(SPEECH_RATE, np.random.default_rng(0)))


def power(signal: Array) -> float:
    middle = signal[len(signal) // 4 : 3 * len(signal) // 4].astype(np.float64)
    return float(np.mean(middle**2))


def frequency(signal: Array) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(signal, 1 << 18))) * SPEECH_RATE / (1 << 18))


@pytest.mark.parametrize("setting", ["mp3-32k", "opus-32k"])
def test_files_have_32_kilobits_per_second(setting: str, rng: np.random.Generator) -> None:
    noise = rng.normal(0, 0.1, 3 * SPEECH_RATE).astype(np.float32)
    encoded = CODECS.settings[setting].encoded(noise, SPEECH_RATE)
    assert 8 * len(encoded) / 3 == pytest.approx(32_000, rel=0.1)


@pytest.mark.parametrize("setting", ["mp3-32k", "opus-32k"])
def test_a_coded_tone_has_its_level_pitch_and_place(setting: str) -> None:
    signal = 4 * tone(500)  # above full scale: coders would clip it
    coded = changed_by_channel(signal, "codec", setting)
    assert power(coded) == pytest.approx(power(signal), rel=0.12)  # LAME reduces levels by 0.4 dB
    assert frequency(coded) == pytest.approx(500, rel=1e-3)
    silence = np.zeros(SPEECH_RATE // 2, np.float32)
    energy = changed_by_channel(np.concatenate([silence, signal, silence]), "codec", setting) ** 2
    centre = float(np.sum(np.arange(len(energy)) * energy) / np.sum(energy))
    assert centre == pytest.approx(
        SPEECH_RATE, abs=0.1 * SPEECH_RATE
    )  # an encoder may delay the signal by two of its blocks


@pytest.mark.parametrize(("rate", "expected"), [(8000, 16000), (16000, 16000), (22050, 22050), (44100, 24000)])
def test_a_coder_gets_a_rate_that_it_allows(rate: int, expected: int) -> None:
    assert CODECS.settings["mp3-32k"].rate_for(rate) == expected


@pytest.mark.parametrize(("pitch", "kept"), [(100, False), (1000, True), (3000, True), (3700, False), (6000, False)])
def test_a_telephone_line_keeps_its_band(pitch: float, kept: bool) -> None:
    share = power(changed_by_channel(tone(pitch), "telephone", "mu-law")) / power(tone(pitch))
    assert share == pytest.approx(1.0, rel=0.02) if kept else share < 1e-3


def test_the_decay_of_a_room_has_its_time_and_level() -> None:
    room = Room(0.5, 3.0)
    response = impulse_response(room, rate=SPEECH_RATE, rng=np.random.default_rng(0)).astype(np.float64)
    tail = response[1:]
    assert 10 * np.log10(1 / np.sum(tail**2)) == pytest.approx(3.0, abs=1e-3)
    remaining = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1])  # Schroeder's integration
    first, last = (np.argmax(remaining < remaining[0] - drop) for drop in (5, 25))
    assert 3 * (last - first) / SPEECH_RATE == pytest.approx(0.5, rel=0.1)


def test_a_room_keeps_the_power_and_equals_the_direct_convolution() -> None:
    signal = np.zeros(500, np.float32)
    signal[::100] = 0.5
    wet = changed_by_channel(signal, "reverberation", "0.3s")
    response = impulse_response(Room(0.3, 3.0), rate=SPEECH_RATE, rng=np.random.default_rng(0))
    slow = np.convolve(signal, response)
    np.testing.assert_allclose(wet, slow * np.sqrt(np.sum(signal**2) / np.sum(slow**2)), atol=1e-5)


@pytest.mark.parametrize("setting", ["0.9", "1.1"])
def test_speed_changes_duration_and_pitch_and_tempo_only_the_duration(setting: str) -> None:
    factor = float(setting)
    for name, pitch in (("speed", 440 * factor), ("tempo", 440)):
        faster = changed_by_channel(tone(440), name, setting)
        assert len(faster) == pytest.approx(SPEECH_RATE / factor, abs=1)
        assert frequency(faster) == pytest.approx(pitch, rel=2e-3)


# ----------------------------------------------------------------------------------------------------------------------
# Changes of tempo agree with a slow implementation of the formula.

STEP = SEGMENT - OVERLAP


def slow_stretch(signal: Array, samples: int) -> Array:
    """Each candidate's correlation by its definition."""
    padded = np.concatenate([signal, np.zeros(SEGMENT + SEEK, np.float32)]).astype(np.float64)
    out = np.zeros(samples + SEGMENT)
    out[:SEGMENT] = padded[:SEGMENT]
    for at in range(STEP, samples, STEP):
        last = max(0, len(signal) - SEEK - min(SEGMENT, samples - at))
        first = min(max(0, round(at * len(signal) / samples) - SEEK // 2), last)
        tail = out[at : at + OVERLAP].copy()
        scores = []
        for offset in range(SEEK + 1):
            piece = padded[first + offset : first + offset + OVERLAP]
            scores.append(tail @ piece / (np.sqrt(piece @ piece) + 1e-9))
        best = first + int(np.argmax(scores))
        for index in range(OVERLAP):
            share = index / OVERLAP
            out[at + index] = (1 - share) * tail[index] + share * padded[best + index]
        out[at + OVERLAP : at + SEGMENT] = padded[best + OVERLAP : best + SEGMENT]
    return out[:samples].astype(np.float32)


@settings(max_examples=12, deadline=None)
@given(count=st.integers(1, 6000), ratio=st.floats(0.75, 1.35), seed=st.integers(0, 99))
def test_it_agrees_with_the_slow_twin(count: int, ratio: float, seed: int) -> None:
    signal = np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)
    samples = max(1, round(count * ratio))
    np.testing.assert_allclose(stretch(signal, samples), slow_stretch(signal, samples), atol=1e-5)
