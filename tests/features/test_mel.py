"""Mel scales at known points, filterbanks by their definitions, and spectra by a slow transform."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from emotone.features.spectra import Kind, band_spectra, hann, hertz_to_mel, mel_filterbank, mel_to_hertz

KINDS: tuple[Kind, ...] = ("htk", "kaldi", "slaney")


@pytest.mark.parametrize(
    ("kind", "hertz", "mel"),
    [
        ("htk", 0.0, 0.0),
        ("htk", 1000.0, 1000.0),  # within 0.02: 1127 is rounded
        ("kaldi", 700.0, 1127.0 * math.log(2)),
        ("slaney", 0.0, 0.0),
        ("slaney", 200.0, 3.0),
        ("slaney", 1000.0, 15.0),
        ("slaney", 6400.0, 42.0),
        ("slaney", 8000.0, 15 + 27 * math.log(8) / math.log(6.4)),
    ],
)
def test_mel_scales_at_known_points(kind: Kind, hertz: float, mel: float) -> None:
    assert float(hertz_to_mel(np.array(hertz), kind=kind)) == pytest.approx(mel, abs=0.02)
    assert float(mel_to_hertz(np.array(mel), kind=kind)) == pytest.approx(hertz, abs=0.03)


@pytest.mark.parametrize("kind", KINDS)
def test_mel_to_hertz_is_the_inverse(kind: Kind) -> None:
    hertz = np.linspace(0.0, 16000.0, 999)
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(hertz, kind=kind), kind=kind), hertz, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_peaks_are_equally_spaced_in_mel_and_edges_are_zero(kind: Kind) -> None:
    filterbank = mel_filterbank(rate=16000, fft=16000, bands=20, low=100.0, high=7000.0, kind=kind)  # a bin per hertz
    assert filterbank.shape == (8001, 20)
    assert (filterbank >= 0).all()
    low, high = hertz_to_mel(np.array([100.0, 7000.0]), kind=kind)
    centres = mel_to_hertz(np.linspace(low, high, 22)[1:-1], kind=kind)
    np.testing.assert_allclose(filterbank.argmax(axis=0), centres, atol=1.0)
    np.testing.assert_allclose(filterbank[:101], 0.0, atol=1e-12)
    np.testing.assert_allclose(filterbank[7000:], 0.0, atol=1e-12)


@pytest.mark.parametrize("kind", ["htk", "kaldi"])
def test_triangles_with_peaks_of_1_sum_to_1_between_the_first_and_the_last_peak(kind: Kind) -> None:
    filterbank = mel_filterbank(rate=16000, fft=16000, bands=20, low=100.0, high=7000.0, kind=kind)
    peaks = filterbank.argmax(axis=0)
    assert (filterbank.max(axis=0) > 0.98).all()
    np.testing.assert_allclose(filterbank[peaks[0] + 1 : peaks[-1]].sum(axis=1), 1.0, atol=1e-9)


def test_slaney_triangles_have_an_area_of_1() -> None:
    filterbank = mel_filterbank(rate=16000, fft=16000, bands=80, low=0.0, high=8000.0, kind="slaney")
    np.testing.assert_allclose(filterbank.sum(axis=0), 1.0, rtol=1e-3)  # a bin per hertz


def test_sides_are_straight_in_hertz_or_in_mel() -> None:
    settings: dict[str, Any] = {"rate": 8000, "fft": 8000, "bands": 1, "low": 0.0, "high": 4000.0}
    htk, kaldi = mel_filterbank(**settings, kind="htk")[:, 0], mel_filterbank(**settings, kind="kaldi")[:, 0]
    peak = 700 * (math.exp(hertz_to_mel(np.array(4000.0), kind="htk") / 2 / 1127) - 1)
    assert htk[400] == pytest.approx(400 / peak, rel=1e-6)
    assert kaldi[400] == pytest.approx(math.log(1 + 400 / 700) / math.log(1 + peak / 700), rel=1e-6)


def test_the_filterbank_of_whisper() -> None:
    """Values of the published 80 bands; below 1 kHz all triangles have the same height and spacing."""
    filterbank = mel_filterbank(rate=16000, fft=400, bands=80, low=0.0, high=8000.0, kind="slaney")
    assert filterbank.shape == (201, 80)
    assert filterbank[1, 0] == pytest.approx(0.02486259, abs=1e-8)
    assert (filterbank[0] == 0).all()


def test_hann_windows() -> None:
    np.testing.assert_allclose(hann(4), [0, 0.5, 1, 0.5], atol=1e-12)
    np.testing.assert_allclose(hann(5, periodic=False), [0, 0.5, 1, 0.5, 0], atol=1e-12)
    np.testing.assert_allclose(hann(8), hann(9, periodic=False)[:-1])


@pytest.mark.parametrize("power", [True, False])
@pytest.mark.parametrize("frames", [1, 8, 129])
def test_band_spectra_agree_with_a_slow_transform(rng: np.random.Generator, frames: int, *, power: bool) -> None:
    size, hop, fft = 20, 7, 32
    signal = rng.normal(size=size + hop * (frames - 1) + 3).astype(np.float32)
    window, filterbank = hann(size).astype(np.float32), rng.random((fft // 2 + 1, 5)).astype(np.float32)
    found = band_spectra(signal, hop=hop, window=window, filterbank=filterbank, power=power)
    assert found.shape == (frames, 5)
    assert found.dtype == np.float32
    turns = np.exp(-2j * np.pi * np.outer(np.arange(fft // 2 + 1), np.arange(size)) / fft)
    for number in range(frames):
        spectrum = np.abs(turns @ (signal[number * hop : number * hop + size] * window))
        expected = (spectrum**2 if power else spectrum) @ filterbank
        np.testing.assert_allclose(found[number], expected, rtol=1e-4)


def test_a_frame_does_not_depend_on_the_others(rng: np.random.Generator) -> None:
    signal = rng.normal(size=5000).astype(np.float32)
    window, filterbank = hann(64).astype(np.float32), rng.random((33, 6)).astype(np.float32)
    whole = band_spectra(signal, hop=16, window=window, filterbank=filterbank, power=True)
    for first in (0, 1, 100, 130):
        part = band_spectra(signal[16 * first :], hop=16, window=window, filterbank=filterbank, power=True)
        np.testing.assert_array_equal(part, whole[first:])
