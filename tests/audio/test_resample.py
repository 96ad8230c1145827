"""Resampling of analytic signals, in pieces of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.audio.samples import Resampler, resample, resampled

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
