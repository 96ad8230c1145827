from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.corpora.measure import measure
from emotone.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.corpora.conftest import Write

RATE = 16000


def test_a_tone(write: Write) -> None:
    found = measure(write("a.wav", 0.5 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)))
    assert (found.rate, found.channels, found.seconds, found.clipped) == (RATE, 1, 1.0, 0.0)
    assert found.peak == pytest.approx(0.5, abs=1e-4)


def test_clipped_samples_have_a_neighbour_at_full_scale(write: Write) -> None:
    signal = np.zeros(1000)
    signal[[10, 100, 101, 500, 501, 502, 998, 999]] = [1, 1, -1, -1, -1, -1, 1, 1]
    assert measure(write("a.wav", signal)).clipped == pytest.approx(7 / 1000)  # the one at 10 is a peak


def test_the_hash_is_that_of_the_samples_whatever_the_file(write: Write, tmp_path: Path) -> None:
    path = write("a.wav")
    samples, rate = soundfile.read(path, dtype="float32")
    soundfile.write(tmp_path / "b.flac", samples, rate, subtype="PCM_16")
    expected = hashlib.sha256(samples.astype("<f4").tobytes()).hexdigest()
    assert measure(path).sha256 == measure(tmp_path / "b.flac").sha256 == expected
    assert path.read_bytes() != (tmp_path / "b.flac").read_bytes()


def test_a_long_recording_is_measured_in_pieces(write: Write) -> None:
    signal = np.zeros(RATE * 90)
    signal[RATE * 80] = 0.25
    found = measure(write("a.wav", signal))
    assert (found.seconds, found.peak) == (90.0, 0.25)


def test_what_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"nothing")
    with pytest.raises(AudioError, match=r"a\.wav"):
        measure(tmp_path / "a.wav")
