"""Log-mel front ends, and the mel scale and filters that they share."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.errors import ConfigError
from emotone.features.base import FEATURES
from emotone.features.front_ends.log_mel import LogMel, MnLogMel, VggishLogMel, WhisperLogMel, rows_of_emphasised
from emotone.features.spectra import Kind, band_spectra, hann, hertz_to_mel, mel_filterbank, mel_to_hertz
from emotone.features.windows import pads_end
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Log-mel front ends: VGGish, Whisper and our own.

# ----------------------------------------------------------------------------------------------------------------------
# Log-mel of analytic signals: tones, levels, silence, an impulse; and settings that contradict each other.


def sine(hertz: float, *, seconds: float = 1.0, rate: int = 16000) -> Array:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def centres(spec: LogMel) -> list[float]:
    """Return the peak of each band, in hertz, from the mel scale's own formula."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (spec.low, spec.high))
    step = (high - low) / (spec.bands + 1)
    return [700 * (10 ** ((low + step * (band + 1)) / 2595) - 1) for band in range(spec.bands)]


@pytest.mark.parametrize("hertz", [150.0, 440.0, 1000.0, 2500.0, 5000.0, 7000.0])
def test_a_tone_is_in_its_band_at_its_level(hertz: float) -> None:
    spec = LogMel()
    rows = spec.compute(sine(hertz))
    band = int(np.argmin([abs(centre - hertz) for centre in centres(spec)]))
    loudest = rows.argmax(axis=1)
    assert np.abs(loudest - band).max() <= 1
    # Near 0: a narrow low band contains less than the peak, a wide high band sums several of its bins.
    assert np.abs(rows.max(axis=1)).max() < 1.2
    far = np.abs(np.array(centres(spec)) - hertz) > 400
    assert rows[:, far].max() < math.log(1e-4)


def test_a_full_scale_tone_on_a_bin_has_a_power_of_1_there() -> None:
    one_band = LogMel(fft=400, bands=1, low=960.0, high=1040.0)  # a triangle over the bin of 1000 Hz only
    np.testing.assert_allclose(one_band.compute(sine(1000.0)), 0.0, atol=0.02)


@pytest.mark.parametrize("window", [160, 320, 512])
def test_the_level_does_not_depend_on_the_window(window: int) -> None:
    # On the band's peak; its edges are 200 Hz away, where the shortest window's lobe is not quite zero.
    spec = LogMel(window=window, hop=80, fft=1600, bands=1, low=999.0, high=1001.0)
    np.testing.assert_allclose(spec.compute(sine(1000.0)), 0.0, atol=0.05)


def test_ten_times_louder_adds_the_logarithm_of_a_hundred(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.05, 16000).astype(np.float32)
    spec = LogMel(offset=1e-30)
    np.testing.assert_allclose(spec.compute(10 * signal) - spec.compute(signal), math.log(100), atol=1e-4)


def test_silence_is_the_offset() -> None:
    np.testing.assert_allclose(LogMel().compute(np.zeros(4000, np.float32)), math.log(1e-10), rtol=1e-6)
    np.testing.assert_allclose(LogMel(offset=1e-6).compute(np.zeros(4000, np.float32)), math.log(1e-6), rtol=1e-6)


def test_a_constant_is_in_no_band_above_the_window_s_lobe() -> None:
    spec = LogMel(low=200.0)  # above the main lobe around 0 Hz, 80 Hz wide
    assert spec.compute(np.ones(16000, np.float32)).max() < math.log(2e-5)


def test_an_impulse_is_in_all_bands_of_the_rows_that_contain_it_and_in_no_other() -> None:
    spec = LogMel()
    signal = np.zeros(16000, np.float32)
    signal[8000] = 1.0
    rows = spec.compute(signal)
    contain = [row for row in range(len(rows)) if row * 160 < 8000 < row * 160 + 400]
    assert (rows[contain] > math.log(2e-10)).all()
    others = np.delete(rows, contain, axis=0)
    np.testing.assert_allclose(others, math.log(1e-10), rtol=1e-6)


def test_frames_count_full_windows_but_at_least_one() -> None:
    spec = LogMel()
    assert [spec.frames(samples) for samples in (0, 399, 400, 559, 560, 48000)] == [1, 1, 1, 1, 2, 298]


def test_computing_is_deterministic_over_block_borders(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 400 + 160 * 1030).astype(np.float32)
    spec = LogMel()
    np.testing.assert_array_equal(spec.compute(signal), spec.compute(signal.copy()))


def test_known_issue_rounding_followed_the_number_of_threads() -> None:
    code = (
        "import hashlib, numpy as np; from emotone.features.front_ends.log_mel import LogMel; "
        "signal = np.random.default_rng(0).normal(0, 0.1, 40000).astype(np.float32); "
        "print(hashlib.sha256(LogMel().compute(signal).tobytes()).hexdigest())"
    )
    hashes = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        process = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        hashes.add(process.stdout)
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hop": 0}, r"0 < hop <= window <= fft and an even fft; given hop=0, window=400, fft=512"),
        ({"hop": 401}, r"an even fft; given hop=401"),
        ({"fft": 256}, r"an even fft; given hop=160, window=400, fft=256"),
        ({"fft": 513}, r"an even fft; given hop=160, window=400, fft=513"),
        ({"low": -1.0}, r"0 <= low < high <= rate / 2; given low=-1.0"),
        ({"low": 7800.0}, r"0 <= low < high <= rate / 2; given low=7800.0, high=7800.0"),
        ({"rate": 8000}, r"0 <= low < high <= rate / 2; given low=60.0, high=7800.0, rate=8000"),
        ({"bands": 0}, r"bands >= 1 and offset > 0; given 0 and 1e-10"),
        ({"offset": 0.0}, r"bands >= 1 and offset > 0; given 64 and 0.0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LogMel(**settings)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------------------------------------
# The front end of VGGish on analytic signals: silence, tones, level, the last rows.


@pytest.mark.parametrize("offset", [0.01, 0.001])
def test_silence_is_the_logarithm_of_the_offset(offset: float) -> None:
    rows = VggishLogMel(offset=offset).compute(np.zeros(4000, np.float32))
    np.testing.assert_array_equal(rows, np.full((25, 64), np.log(np.float32(offset)), np.float32))


@pytest.mark.parametrize("hertz", [150.0, 440.0, 1000.0, 5000.0])
def test_a_tone_is_in_its_band(hertz: float) -> None:
    signal = np.sin(2 * np.pi * hertz * np.arange(16000) / 16000).astype(np.float32)
    band = int(np.argmin([abs(centre - hertz) for centre in centres(LogMel(low=125.0, high=7500.0))]))
    assert np.abs(VggishLogMel().compute(signal)[:97].argmax(axis=1) - band).max() <= 1


def test_magnitudes_are_summed_and_not_powers(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 1, 16000).astype(np.float32)
    spec = VggishLogMel(offset=1e-20)
    np.testing.assert_allclose(spec.compute(10 * signal) - spec.compute(signal), math.log(10), atol=1e-4)


def test_a_second_has_a_hundred_rows_and_the_first_96_depend_on_it_alone(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 32000).astype(np.float32)
    second = VggishLogMel().compute(signal[:16000])
    assert len(second) == 100
    np.testing.assert_allclose(second[:96], VggishLogMel().compute(signal)[:96], atol=1e-6)


@pytest.mark.parametrize("offset", [0.0, -0.01, math.nan])
def test_an_offset_of_0_or_below_is_refused(offset: float) -> None:
    with pytest.raises(ConfigError, match=r"vggish-log-mel needs offset > 0; given"):
        VggishLogMel(offset=offset)


# ----------------------------------------------------------------------------------------------------------------------
# Whisper's front end: against its definition, and at the edges.


def test_it_equals_the_definition(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 1200).astype(np.float32)
    rows = WhisperLogMel().compute(signal)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    for number in (0, 3):
        frame = signal[160 * number : 160 * number + 400].astype(np.float64) * window
        power = np.abs([(frame * np.exp(-2j * np.pi * k * np.arange(400) / 400)).sum() for k in range(201)]) ** 2
        # A triangle of Slaney's below 1 kHz: its centre is 200 / 3 Hz times the mel, its area is 1.
        top = 15 + 27 * np.log(8) / np.log(6.4)
        low, centre, high = (200 / 3 * top / 81 * band for band in (5, 6, 7))
        bins = 40.0 * np.arange(201)
        triangle = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
        expected = np.log10((triangle * 2 / (high - low) * power).sum())
        assert rows[number, 5] == pytest.approx(expected, abs=1e-4)


def test_silence_has_the_smallest_value() -> None:
    rows = WhisperLogMel().compute(np.zeros(800, np.float32))
    np.testing.assert_allclose(rows, -10.0, rtol=3e-7)  # the logarithm is rounded differently on some processors


def test_gain_is_a_constant(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.01, 8000).astype(np.float32)
    quiet, loud = (WhisperLogMel().compute(signal * gain) for gain in (1, 10))
    np.testing.assert_allclose(loud - quiet, 2.0, atol=1e-4)


@pytest.mark.parametrize(("samples", "rows"), [(0, 1), (1, 1), (160, 1), (161, 2), (16000, 100)])
def test_every_hop_has_a_row(samples: int, rows: int) -> None:
    feature = WhisperLogMel()
    assert feature.frames(samples) == rows
    assert feature.compute(np.zeros(samples, np.float32)).shape == (rows, 80)


def test_a_recipe_can_name_it() -> None:
    recipe = Recipe("toy", "four", front_end={"name": "whisper-log-mel"}, net={"name": "whisper-encoder"})
    assert recipe.feature == WhisperLogMel()
    assert recipe.written_out().front_end == {"name": "whisper-log-mel"}


# ----------------------------------------------------------------------------------------------------------------------
# The front end of mn04 on analytic signals: silence, tones, level, the emphasis, complete windows.


def test_silence_in_mn_log_mel_is_the_logarithm_of_the_offset() -> None:
    rows = MnLogMel().compute(np.zeros(3200, np.float32))
    np.testing.assert_array_equal(rows, np.full((8, 128), np.log(np.float32(1e-5)), np.float32))


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 5000.0, 12000.0])
def test_a_tone_in_mn_log_mel_is_in_its_band(hertz: float) -> None:
    signal = np.sin(2 * np.pi * hertz * np.arange(32000) / 32000).astype(np.float32)
    step = 1127 * math.log(1 + 15000 / 700) / 129
    band = round(1127 * math.log(1 + hertz / 700) / step) - 1
    assert np.abs(MnLogMel().compute(signal).argmax(axis=1) - band).max() <= 1


def test_powers_are_summed(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 10, 8000).astype(np.float32)
    difference = MnLogMel().compute(10 * signal) - MnLogMel().compute(signal)
    np.testing.assert_allclose(np.median(difference), math.log(100), atol=1e-3)


def test_the_emphasis_subtracts_the_sample_before(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 8000)
    emphasised = np.array([signal[t + 1] - 0.97 * signal[t] for t in range(7999)], np.float32)
    np.testing.assert_allclose(rows_of_emphasised(emphasised), MnLogMel().compute(signal.astype(np.float32)), atol=1e-4)


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 800, 801, 802, 16000, 32000, 32001])
def test_with_zeros_after_the_end_every_hop_inside_has_a_row(samples: int, rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, samples).astype(np.float32)
    padded = MnLogMel(pads_end=True)
    rows = padded.compute(signal)
    assert len(rows) == padded.frames(samples) == max(1, math.ceil(samples / 320))
    followed = MnLogMel().compute(np.concatenate([signal, np.zeros(801, np.float32)]))
    np.testing.assert_array_equal(rows, followed[: len(rows)])
    whole = max(0, 1 + (samples - 801) // 320)
    np.testing.assert_array_equal(rows[:whole], MnLogMel().compute(signal)[:whole])


def test_padding_is_off_by_default() -> None:
    assert not pads_end(FEATURES.get("mn-log-mel")())
    assert pads_end(MnLogMel(pads_end=True))


# ----------------------------------------------------------------------------------------------------------------------
# Mel scales at known points, filterbanks by their definitions, and spectra by a slow transform.

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
