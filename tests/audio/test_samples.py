"""Samples given in Python."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emotone.audio.samples import as_samples, check_rate, pick_channel, to_float32
from emotone.errors import AudioError, EmptyAudioError, NotFiniteError, RateError, UsageError


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
