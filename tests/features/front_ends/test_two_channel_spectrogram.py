"""Two-channel spectrograms of tones, clicks and silence."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from emotone.errors import ConfigError
from emotone.features.front_ends.two_channel_spectrogram import TwoChannelSpectrogram


def test_a_chunk_of_512_ms_is_an_image_of_64_by_64_in_two_channels() -> None:
    spec = TwoChannelSpectrogram()
    assert spec.frames(8192) == 64
    assert spec.dimension == 2 * 64
    assert spec.frames(48000) * spec.hop_seconds == pytest.approx(3.0)


@pytest.mark.parametrize("hertz", [200.0, 500.0, 1000.0, 1900.0])
def test_a_tone_is_in_its_band_and_sharper_in_the_first_channel(hertz: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(8192) / 16000).astype(np.float32)
    long, short = TwoChannelSpectrogram().compute(tone)[:50].reshape(50, 2, 64).mean(axis=0)
    assert abs(int(long.argmax()) - (hertz / 7.8125 - 1) / 4) <= 1
    assert np.mean(long > long.max() - 3) < np.mean(short > short.max() - 3)
    assert math.log(0.6) < long.max() < 0.05  # near the magnitude of a full-scale sine, 1


def test_a_click_is_sharper_in_time_in_the_second_channel() -> None:
    signal = np.zeros(8192, np.float32)
    signal[4000] = 1.0
    heard = TwoChannelSpectrogram().compute(signal).reshape(64, 2, 64).mean(axis=2) > math.log(2e-5)
    # 40 ms are six rows of 8 ms, 5 ms at most two; the short frame is in the middle of the long one.
    assert heard[:, 0].sum() == 6
    assert heard[:, 1].sum() in {1, 2}
    rows = np.arange(64)
    assert abs(rows[heard[:, 0]].mean() - rows[heard[:, 1]].mean()) <= 1


def test_silence_is_the_offset() -> None:
    rows = TwoChannelSpectrogram(offset=1e-3).compute(np.zeros(1000, np.float32))
    np.testing.assert_allclose(rows, math.log(1e-3), rtol=1e-6)


def test_an_offset_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"two-channel-spectrogram needs offset > 0; given 0.0"):
        TwoChannelSpectrogram(offset=0.0)


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    code = (
        "import hashlib, numpy as np; "
        "from emotone.features.front_ends.two_channel_spectrogram import TwoChannelSpectrogram; "
        "signal = np.random.default_rng(0).normal(0, 0.1, 40000).astype(np.float32); "
        "print(hashlib.sha256(TwoChannelSpectrogram().compute(signal).tobytes()).hexdigest())"
    )
    hashes = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        hashes.add(
            subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
        )
    assert len(hashes) == 1
