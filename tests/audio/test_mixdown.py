"""Channels that cancel are not mixed; each channel in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audio.conftest import tone

from emotone.audio.read import read, stream, stream_channels
from emotone.audio.streams import MixMeter, mix_samples
from emotone.errors import AudioError, NotFiniteError, TooShortError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array

NOTE = "the channels cancel each other (inverted phase); the loudest, channel {}, replaces the mix"


@pytest.mark.parametrize("gain", [1.0, 0.95, 0.8])
def test_inverted_phase_uses_the_loudest_channel(gain: float, second: Array, encode: Encode, write: Write) -> None:
    path = write(encode(np.column_stack([-gain * second, second]), subtype="FLOAT"))

    signal = read(path)

    channel = 1 if gain < 1 else 0
    assert np.array_equal(signal.samples, read(path, channel=channel).samples)
    assert signal.notes == (NOTE.format(channel),)
    pieces = stream(path, rate=16000)
    assert np.array_equal(np.concatenate(list(pieces)), signal.samples)
    assert pieces.notes == signal.notes


@pytest.mark.parametrize("gains", [(1, 1), (1, 0), (1, 0, 0, 0, 0, 0, 0, 0), (1, -0.3), (0, 0), (1, "other")])
def test_other_channels_are_mixed(gains: tuple[float | str, ...], second: Array, encode: Encode, write: Write) -> None:
    other = tone(1.0, hertz=300)
    columns = [other if isinstance(gain, str) else np.float32(gain) * second for gain in gains]
    path = write(encode(np.column_stack(columns), subtype="FLOAT"))

    signal = read(path)

    np.testing.assert_allclose(signal.samples, np.mean(columns, axis=0), atol=1e-6)
    assert signal.notes == ()


def test_a_long_recording_is_decoded_again(
    second: Array, encode: Encode, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    inverted = np.tile(np.column_stack([second, -second]), (10, 1))
    path = write(encode(inverted, subtype="FLOAT"))
    expected = read(path, channel=0)
    monkeypatch.setattr("emotone.audio.streams.KEPT", 1000)

    assert np.array_equal(read(path).samples, expected.samples)
    assert np.array_equal(read(path, start=2.5, end=4.0).samples, expected.samples[40000:64000])


def test_the_choice_is_made_from_30_seconds_of_sound(second: Array, encode: Encode, write: Write) -> None:
    silence = np.zeros((40 * 16000, 2), np.float32)
    inverted = np.tile(np.column_stack([second, -second]), (31, 1))
    equal = np.tile(np.column_stack([second, second]), (31, 1))

    assert read(write(encode(np.concatenate([silence, inverted]), subtype="FLOAT"), "a.wav")).notes == (NOTE.format(0),)
    assert read(write(encode(np.concatenate([equal, inverted]), subtype="FLOAT"), "b.wav")).notes == ()


def test_the_meter_ignores_silence_and_numbers_that_are_not_finite(second: Array) -> None:
    meter = MixMeter(16000, channels=2)
    meter.add(np.zeros((16000, 2), np.float32))
    meter.add(np.full((10, 2), np.nan, np.float32))
    assert meter.channel() == "mix"
    for _ in range(30):
        meter.add(np.column_stack([second, -2 * second]))
    assert meter.channel() == "mix"  # 10 dB below unrelated channels
    assert meter.decided


def test_samples_are_mixed_in_the_same_way(second: Array) -> None:
    mix, notes = mix_samples(np.stack([second, second]), rate=16000)
    assert np.array_equal(mix, second)
    assert notes == ()
    mix, notes = mix_samples(np.tile(np.stack([second, -second]), 40), rate=16000)
    assert np.array_equal(mix, np.tile(second, 40))
    assert notes == (NOTE.format(0),)


@pytest.mark.parametrize("rate", [16000, 8000])
@pytest.mark.parametrize(("container", "coding"), [("WAV", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_each_channel_in_one_pass(*, container: str, coding: str, rate: int, encode: Encode, write: Write) -> None:
    signal = np.column_stack([tone(3.0, hertz=300), tone(3.0, hertz=500)])
    path = write(encode(signal, format=container, subtype=coding))

    with stream_channels(path, rate=rate) as pieces:
        assert (pieces.channels, pieces.rate) == (2, 16000)
        waveform = np.concatenate(list(pieces), axis=1)

    for channel in range(2):
        np.testing.assert_allclose(waveform[channel], read(path, rate=rate, channel=channel).samples, atol=1e-6)


def test_channels_that_can_not_be_streamed(encode: Encode, write: Write) -> None:
    bad = np.zeros((1000, 2), np.float32)
    bad[500, 1] = np.nan
    with pytest.raises(NotFiniteError, match=r"the sample at 0\.031 s"):
        list(stream_channels(write(encode(bad, subtype="FLOAT"), "a.wav"), rate=8000))
    with pytest.raises(TooShortError, match="too short to be resampled"):
        list(stream_channels(write(encode(np.ones(1, np.float32), 192000), "b.wav"), rate=4000))
    with pytest.raises(AudioError):
        list(stream_channels(write(b"text", "c.wav"), rate=4000))


def test_channel_cases(shared: Path) -> None:
    cases = shared / "cases"
    inverted = read(cases / "14_stereo_phase_inverted_said_no_speech.wav")
    assert inverted.samples.std() > 0.1
    assert inverted.notes == (NOTE.format(0),)
    with stream_channels(cases / "15_call_agent_left_customer_right_8k.wav", rate=16000) as pieces:
        assert (pieces.channels, pieces.rate) == (2, 8000)
        agent, customer = np.concatenate(list(pieces), axis=1)
    half = len(agent) // 2
    assert agent.std() > 0.01
    assert customer.std() > 0.01
    assert abs(float(np.corrcoef(agent[:half], customer[:half])[0, 1])) < 0.3
