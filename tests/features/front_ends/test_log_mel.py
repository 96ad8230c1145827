"""Log-mel of analytic signals: tones, levels, silence, an impulse; and settings that contradict each other."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.errors import ConfigError
from emotone.features.front_ends.log_mel import LogMel

if TYPE_CHECKING:
    from emotone.types import Array


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
