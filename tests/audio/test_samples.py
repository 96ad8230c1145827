"""Samples: conversions, resampling, and mixes of channels."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.audio.conftest import tone

from emotone.audio.read import read, stream, stream_channels
from emotone.audio.samples import Resampler, as_samples, check_rate, pick_channel, resample, resampled, to_float32
from emotone.audio.streams import MixMeter, mix_samples
from emotone.errors import AudioError, EmptyAudioError, NotFiniteError, RateError, TooShortError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Samples given in Python.


@pytest.mark.parametrize(
    ("given_samples", "expected"),
    [
        (np.array([-32768, 0, 16384], np.int16), [-1.0, 0.0, 0.5]),
        (np.array([-(2**31), 0, 2**30], np.int32), [-1.0, 0.0, 0.5]),
        (np.array([0, 128, 192], np.uint8), [-1.0, 0.0, 0.5]),
        (np.array([-1.0, 0.0, 2.5], np.float64), [-1.0, 0.0, 2.5]),
        (np.array([-1.0, 0.0, 0.5], np.float16), [-1.0, 0.0, 0.5]),
        ([-1.0, 0.0, 0.5], [-1.0, 0.0, 0.5]),
    ],
)
def test_every_type_has_full_scale_one(given_samples: object, expected: list[float]) -> None:
    waveform = as_samples(given_samples, 16000)  # type: ignore[arg-type]

    assert waveform.dtype == np.float32
    assert waveform.shape == (1, 3)
    assert waveform[0].tolist() == expected


def test_channels_come_first() -> None:
    assert as_samples(np.zeros((2, 100)), 8000).shape == (2, 100)
    assert as_samples(np.zeros((64, 65)), 8000).shape == (64, 65)


def test_the_input_is_not_modified() -> None:
    samples = np.array([1, 2, 3], np.int16)
    as_samples(samples, 16000)
    assert samples.tolist() == [1, 2, 3]


@pytest.mark.parametrize("shape", [(16000, 2), (16, 2), (2, 2), (64, 64), (2, 1)])
def test_a_block_that_could_be_time_first_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(RateError, match=r"looks like \[time, channels\]; .* transpose it, or pass channels="):
        as_samples(np.zeros(shape), 16000)


def test_too_many_channels() -> None:
    with pytest.raises(RateError, match="65 channels were given; allowed: 1 to 64"):
        as_samples(np.zeros((65, 1000)), 16000)


@pytest.mark.parametrize("shape", [(), (1, 2, 3)])
def test_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"allowed: \[time\] or \[channels, time\]"):
        as_samples(np.zeros(shape), 16000)


@pytest.mark.parametrize(
    "samples", [np.zeros(3, np.int64), np.zeros(3, bool), np.zeros(3, complex), np.array(["a"]), np.zeros(3, np.uint16)]
)
def test_other_types(samples: np.ndarray[tuple[int], np.dtype[np.generic]]) -> None:
    with pytest.raises(UsageError, match=f"samples of type {samples.dtype} were given; allowed: float"):
        as_samples(samples, 16000)


@pytest.mark.parametrize("shape", [(0,), (1, 0), (0, 5)])
def test_empty_arrays(shape: tuple[int, ...]) -> None:
    with pytest.raises(EmptyAudioError, match="is empty"):
        as_samples(np.zeros(shape), 16000)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e300])
def test_samples_that_are_not_finite(bad: float) -> None:
    samples = np.zeros((2, 16000))
    samples[1, 8000] = bad
    with pytest.raises(NotFiniteError, match=r"the sample at 0.500 s"):
        as_samples(samples, 16000)


@pytest.mark.parametrize("rate", [0, -1, 3999, 192001, 16000.5, float("nan"), float("inf")])
def test_rates(rate: float) -> None:
    with pytest.raises(RateError, match="allowed: whole numbers from 4000 to 192000"):
        as_samples(np.zeros(10), rate)


def test_a_whole_rate_may_be_a_float() -> None:
    assert check_rate(16000.0, name="x") == 16000


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.int16, np.uint8, np.int64, np.float64]),
        hnp.array_shapes(min_dims=0, max_side=70),
    ),
    st.floats() | st.just(16000),
)
def test_any_array_is_a_waveform_or_an_error(
    samples: np.ndarray[tuple[int, ...], np.dtype[np.generic]], rate: float
) -> None:
    with contextlib.suppress(AudioError, UsageError):
        waveform = as_samples(samples, rate)
        assert waveform.ndim == 2
        assert np.isfinite(waveform).all()


def test_the_mix_is_the_mean(rng: np.random.Generator) -> None:
    block = rng.standard_normal((1000, 5)).astype(np.float32)

    np.testing.assert_allclose(pick_channel(block, "mix"), block.mean(axis=1), atol=1e-6)
    assert (pick_channel(block, 3) == block[:, 3]).all()
    assert not np.shares_memory(pick_channel(block[:, :1], "mix"), block)


def test_float32_is_not_copied() -> None:
    samples = np.zeros(3, np.float32)
    assert to_float32(samples, name="x") is samples


@pytest.mark.parametrize("kind", ["<i2", ">i2", "<i4", ">i4", "<f4", ">f4", ">f8"])
def test_every_byte_order_is_read(kind: str) -> None:
    scale = {"i2": 2**15, "i4": 2**31}.get(kind[1:], 1)
    samples = (np.array([-0.5, 0.25]) * scale).astype(kind)

    waveform = as_samples(samples, 16000)

    assert waveform.dtype == np.float32
    assert waveform.dtype.isnative
    assert waveform.tolist() == [[-0.5, 0.25]]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_raw_bytes_need_an_encoding(kind: type) -> None:
    raw = np.array([[0, 16384], [-32768, 0]], "<i2").tobytes()

    with pytest.raises(UsageError, match=rf"a {kind.__name__} was given, .* numpy.frombuffer\(data, '<i2'\)"):
        as_samples(kind(raw), 16000)
    assert as_samples(kind(raw), 16000, encoding="s16le").tolist() == [[0, 0.5, -1, 0]]
    assert as_samples(kind(raw), 16000, encoding="s16le", channels=2).tolist() == [[0, -1], [0.5, 0]]
    floats = np.array([0.5, -1], "<f4").tobytes()
    assert as_samples(kind(floats), 16000, encoding="f32le").tolist() == [[0.5, -1]]


def test_wrong_encodings() -> None:
    with pytest.raises(UsageError, match="unknown encoding 's16'; did you mean 's16le'"):
        as_samples(b"ab", 16000, encoding="s16")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="3 bytes were given; allowed in s16le: multiples of 2"):
        as_samples(b"abc", 16000, encoding="s16le")
    with pytest.raises(UsageError, match="an encoding was given with samples of type ndarray; it is for bytes"):
        as_samples(np.zeros(3), 16000, encoding="s16le")


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [
        ((16, 2), 2, (2, 16)),
        ((2, 16), 2, (2, 16)),
        ((2, 2), 2, (2, 2)),
        ((1, 2), 2, (2, 1)),
        ((32,), 2, (2, 16)),
        ((32,), 1, (1, 32)),
    ],
)
def test_declared_channels_make_shapes_unambiguous(
    shape: tuple[int, ...], channels: int, expected: tuple[int, int]
) -> None:
    samples = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)

    waveform = as_samples(samples, 16000, channels=channels)

    assert waveform.shape == expected
    if shape == (16, 2):
        assert (waveform == samples.T).all()


@pytest.mark.parametrize(("shape", "channels"), [((16, 3), 2), ((33,), 2), ((4,), 0)])
def test_shapes_that_contradict_the_declared_channels(shape: tuple[int, ...], channels: int) -> None:
    with pytest.raises(UsageError, match=rf"channels={channels}"):
        as_samples(np.zeros(shape), 16000, channels=channels)


@pytest.mark.parametrize("samples", [[[1.0, 2.0], [3.0]], object()])
def test_objects_that_are_no_array(samples: object) -> None:
    with pytest.raises(UsageError, match="samples"):
        as_samples(samples, 16000)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", ["16000", None, True, 16000j])
def test_rates_that_are_no_number(rate: object) -> None:
    with pytest.raises(UsageError, match=r"allowed: a number of hertz, e\.g\. rate=16000"):
        check_rate(rate, name="x")  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------------------------------------
# Resampling of analytic signals, in pieces of any size.

RATES = [4000, 8000, 11025, 16000, 22050, 44100, 48000, 192000]


@pytest.mark.parametrize("to", [8000, 16000])
@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_frequency_and_phase(rate: int, to: int) -> None:
    signal = np.sin(2 * np.pi * 500 * np.arange(rate) / rate).astype(np.float32)

    out = resample(signal, rate=rate, to=to)

    assert len(out) == to
    expected = np.sin(2 * np.pi * 500 * np.arange(to) / to)
    middle = slice(to // 10, -to // 10)
    np.testing.assert_allclose(out[middle], expected[middle], atol=2e-3)


def test_frequencies_above_the_new_range_are_removed() -> None:
    signal = np.sin(2 * np.pi * 7000 * np.arange(48000) / 48000).astype(np.float32)

    assert np.abs(resample(signal, rate=48000, to=8000)[1000:-1000]).max() < 1e-4


def test_the_same_rate_changes_nothing() -> None:
    signal = np.arange(5, dtype=np.float32)
    assert resample(signal, rate=16000, to=16000) is signal
    assert Resampler(16000, to=16000).push(signal) is signal


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from(RATES),
    to=st.sampled_from([8000, 16000, 44100]),
    length=st.integers(0, 20_000),
    cuts=st.lists(st.integers(0, 20_000), max_size=12),
)
def test_any_pieces_give_the_same_samples(rate: int, to: int, length: int, cuts: list[int]) -> None:
    signal = np.random.default_rng(length).uniform(-1, 1, length).astype(np.float32)

    pieces = np.split(signal, sorted(cut for cut in cuts if cut <= length))
    out = list(resampled(pieces, rate=rate, to=to))

    joined = np.concatenate([np.zeros(0, np.float32), *out])
    assert np.array_equal(joined, resample(signal, rate=rate, to=to))
    assert abs(len(joined) - length * to / rate) <= 1
    assert all(piece.size for piece in out)


def test_single_samples_give_the_same_samples() -> None:
    signal = np.random.default_rng(3).uniform(-1, 1, 3000).astype(np.float32)

    out = np.concatenate(list(resampled(np.split(signal, len(signal)), rate=44100, to=16000)))

    assert np.array_equal(out, resample(signal, rate=44100, to=16000))


# ----------------------------------------------------------------------------------------------------------------------
# Channels that cancel are not mixed; each channel in one pass.

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
