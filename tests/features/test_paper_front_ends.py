"""Front ends of the papers: raw samples, hand-built values, pitch, two channels, and faces."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.bundles.bundle import load_bundle
from emotone.errors import ConfigError
from emotone.features.base import FaceTrack
from emotone.features.front_ends.audio_visual import AudioVisual
from emotone.features.front_ends.hand_built import HandBuilt, pitch
from emotone.features.front_ends.log_mel import WhisperLogMel
from emotone.features.front_ends.mfcc_pitch import MfccPitch
from emotone.features.front_ends.spectrograms import TwoChannelSpectrogram
from emotone.features.front_ends.waveform import Waveform
from emotone.features.store import FeatureStore
from emotone.features.windows import Windows, window_starts
from emotone.inference.buffers import FrameStream
from emotone.inference.engine import analyse
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Front ends of the papers: hand-built values, cepstra with pitch, and spectrograms of two channels.

# ----------------------------------------------------------------------------------------------------------------------
# Hand-built values of tones, noise and silence.

RMS, CROSSINGS, BANDS, ROLL_OFF, CENTROID, PITCH = 0, 14, slice(15, 19), slice(19, 24), 24, 25


def harmonics(hertz: float, *, orders: int = 8) -> Array:
    time = np.arange(8192) / 16000
    tones = [0.1 / order * np.sin(2 * np.pi * order * hertz * time) for order in range(1, orders)]
    signal: Array = np.sum(tones, axis=0).astype(np.float32)
    return signal


@pytest.mark.parametrize("hertz", [70.0, 110.0, 225.0, 400.0])
def test_pitch_of_a_harmonic_tone(hertz: float) -> None:
    assert pitch(harmonics(hertz)) == pytest.approx(hertz, rel=0.02)


def test_noise_and_silence_have_no_pitch(rng: np.random.Generator) -> None:
    assert pitch(rng.normal(0, 0.1, 8192).astype(np.float32)) == 0.0
    assert pitch(np.zeros(8192, np.float32)) == 0.0


def test_a_sine_of_1000_hz() -> None:
    row = HandBuilt().compute(np.sin(2 * np.pi * 1000 * np.arange(8192) / 16000 + 0.1).astype(np.float32))[0]
    assert row[RMS] == pytest.approx(-3.01, abs=0.01)
    assert row[CROSSINGS] == pytest.approx(1 / 8, rel=0.01)
    assert row[BANDS].argmax() == 1
    np.testing.assert_allclose(row[ROLL_OFF], 1.0, atol=0.04)
    assert row[CENTROID] == pytest.approx(1.0, abs=0.01)


def test_silence_has_the_lowest_levels_and_frequencies_of_zero() -> None:
    row = HandBuilt().compute(np.zeros(8192, np.float32))[0]
    assert row[RMS] == -100
    np.testing.assert_array_equal(row[BANDS], -100)
    np.testing.assert_array_equal(row[19:], 0)


def test_ten_times_louder_changes_levels_by_20_db_and_nothing_else() -> None:
    quiet, loud = HandBuilt().compute(harmonics(120.0)), HandBuilt().compute(10 * harmonics(120.0))
    changed = (loud - quiet)[0]
    np.testing.assert_allclose(changed[[RMS, 15, 16]], 20, atol=0.01)
    np.testing.assert_allclose(changed[[CROSSINGS, 19, 20, CENTROID, PITCH]], 0, atol=1e-3)


def test_an_incomplete_chunk_at_the_end_has_no_row(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 20000).astype(np.float32)
    rows = HandBuilt().compute(signal)
    assert rows.shape == (2, 26)
    np.testing.assert_array_equal(rows[1], HandBuilt().compute(signal[8192:16384])[0])


# ----------------------------------------------------------------------------------------------------------------------
# Cepstra and pitch of tones, noise and silence.


def short_harmonics(hertz: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    time = np.arange(4800) / 16000
    signal = np.zeros(4800, np.float32)
    for order in range(1, 8):
        signal += (0.1 / order * np.sin(2 * np.pi * order * hertz * time)).astype(np.float32)
    return signal


@pytest.mark.parametrize("hertz", [70.0, 110.0, 225.0, 400.0])
def test_the_pitch_of_a_harmonic_tone(hertz: float) -> None:
    rows = MfccPitch().compute(short_harmonics(hertz))[:26]  # later ones include zeros after the end
    np.testing.assert_allclose(100 * rows[:, -1], hertz, rtol=0.02)


def test_noise_and_quiet_tones_are_not_voiced(rng: np.random.Generator) -> None:
    assert not MfccPitch().compute(rng.normal(0, 0.1, 4800).astype(np.float32))[:, -1].any()
    assert not MfccPitch().compute(np.float32(1e-3) * short_harmonics(110.0))[:, -1].any()


def test_the_level_is_in_the_first_cepstrum(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.01, 4800).astype(np.float32)
    quiet, loud = (MfccPitch().compute(factor * signal)[:-1, :13] for factor in (np.float32(1), np.float32(10)))
    np.testing.assert_allclose(loud[:, 0] - quiet[:, 0], 20 * math.sqrt(26), atol=0.01)
    np.testing.assert_allclose(loud[:, 1:], quiet[:, 1:], atol=0.01)


def test_silence_has_the_lowest_level_in_all_bands() -> None:
    rows = MfccPitch().compute(np.zeros(1600, np.float32))
    np.testing.assert_allclose(rows[:, 0], -100 * math.sqrt(26), rtol=1e-5)
    np.testing.assert_allclose(rows[:, 1:], 0, atol=1e-4)


# ----------------------------------------------------------------------------------------------------------------------
# Two-channel spectrograms of tones, clicks and silence.


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
        "from emotone.features.front_ends.spectrograms import TwoChannelSpectrogram; "
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


# ----------------------------------------------------------------------------------------------------------------------
# Raw samples: windows to the sample, streams bit for bit.

ANGER = Windows(seconds=1.2, hop=0.6)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_windows_are_exact_at_any_rate(rate: int) -> None:
    assert ANGER.frames(Waveform(rate)) == (round(1.2 * rate), round(0.6 * rate))
    assert round(0.6 * rate) == pytest.approx(0.6 * rate, abs=1e-6)  # an integer number of samples


def test_the_last_window_ends_with_the_last_sample() -> None:
    samples = 5 * 16000 + 7
    window, hop = ANGER.frames(Waveform())
    rows = Waveform().frames(samples)
    assert window_starts(rows, window=window, hop=hop)[-1] + window == samples


@pytest.mark.parametrize("size", [1, 160, 777, 10**6])
def test_a_stream_gives_every_sample_once(size: int, rng: np.random.Generator) -> None:
    signal = rng.normal(size=3000).astype(np.float32)
    stream = FrameStream(Waveform())
    rows = [stream.push(signal[start : start + size]) for start in range(0, len(signal), size)]
    np.testing.assert_array_equal(np.concatenate([*rows, stream.finish()])[:, 0], signal)


def test_a_recording_in_pieces_gives_the_predictions_of_the_whole(
    make_bundle: Callable[..., Path], speech: Callable[..., Array], tmp_path: Path
) -> None:
    """The engine's windows contain exactly their samples, for pieces of any size."""
    front_end = {"name": "waveform", "rate": 16000}
    windows = replace(ANGER, speech_only=False)  # the whole recording is an utterance
    bundle = load_bundle(make_bundle(tmp_path / "raw", front_end=front_end, windows=windows))
    signal = speech(4.3) + np.float32(0.05)  # the network of the bundle uses the mean only
    starts = window_starts(len(signal), window=19200, hop=9600)
    assert starts.tolist() == [0, 9600, 19200, 28800, 38400, 48000, 68800 - 19200]
    expected = bundle.probabilities(np.stack([signal[start : start + 19200, None] for start in starts]))

    def predicted(size: int) -> Any:
        return analyse(bundle, (signal[start : start + size] for start in range(0, len(signal), size))).segments

    for size in (160, 4321, len(signal)):
        segments = predicted(size)
        assert [one.start for one in segments] == [round(start / 16000, 3) for start in starts.tolist()]
        assert [one.end for one in segments] == [round(start / 16000 + 1.2, 3) for start in starts.tolist()]
        np.testing.assert_allclose(segments.probabilities, expected, atol=1e-6)


def test_rows_are_a_copy() -> None:
    signal = np.ones(5, np.float32)
    rows = Waveform().compute(signal)
    rows[0] = 0
    assert signal[0] == 1


def test_a_rate_below_1_is_refused() -> None:
    with pytest.raises(ConfigError, match="a rate of at least 1 Hz; given 0"):
        Waveform(rate=0)


# ----------------------------------------------------------------------------------------------------------------------
# Rows with faces: each chunk has the face in its middle, on the grid of its utterance.

ABSENT = math.log(1e-5)


def track(*values: float) -> FaceTrack:
    """Return faces of 8 x 8 pixels, all of one value each; 0 for none."""
    faces = np.stack([np.full((8, 8, 1), value, np.float32) for value in values])
    return FaceTrack(faces, 0.512)


def test_without_faces_rows_are_the_spectrogram_and_silence(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 9000).astype(np.float32)
    rows = AudioVisual(size=16).compute(signal)
    np.testing.assert_array_equal(rows[:, :128], TwoChannelSpectrogram().compute(signal))
    np.testing.assert_allclose(rows[:, 128:], ABSENT)
    assert rows.shape == (71, 128 + 4)


def test_each_chunk_has_the_face_in_its_middle() -> None:
    feature = AudioVisual(size=8)
    rows = np.full((150, 129), ABSENT, np.float32)
    filled = feature.with_faces(rows, track(0.2, 0.0, 0.6), start=0.0)
    np.testing.assert_allclose(filled[:64, 128], 0.2)
    np.testing.assert_allclose(filled[64:128, 128], ABSENT)
    np.testing.assert_allclose(filled[128:, 128], 0.6)
    assert (rows == np.float32(ABSENT)).all()  # the argument is not changed


def test_the_grid_begins_with_the_utterance() -> None:
    feature = AudioVisual(size=8)
    rows = np.full((128, 129), ABSENT, np.float32)
    late = feature.with_faces(rows, track(0.2, 0.4, 0.6), start=0.5)
    np.testing.assert_allclose(late[[0, 64], 128], [0.4, 0.6])  # their middles are at 0.756 and 1.268 s


def test_pieces_have_the_faces_of_the_whole(rng: np.random.Generator) -> None:
    feature = AudioVisual(size=16)
    faces = FaceTrack(rng.random((3, 16, 16, 1), np.float32), 0.512)
    rows = np.full((150, 132), ABSENT, np.float32)
    whole = feature.with_faces(rows, faces, start=0.1)
    pieces = [feature.with_faces(rows[at : at + 37], faces, start=0.1, first=at) for at in range(0, 150, 37)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    np.testing.assert_array_equal(whole[:64, 128:].reshape(16, 16), faces.faces[0, :, :, 0])


def test_the_sound_of_whisper_has_faces_on_the_same_grid(rng: np.random.Generator) -> None:
    feature = AudioVisual(size=8, sound="whisper-log-mel")
    signal = rng.normal(0, 0.1, 3 * 8192).astype(np.float32)
    rows = feature.compute(signal)
    assert (feature.hop, feature.chunk_rows, feature.dimension) == (160, 51, 82)
    np.testing.assert_array_equal(rows[:, :80], WhisperLogMel().compute(signal))
    faces = FaceTrack(rng.random((3, 8, 8, 1), np.float32), 0.512)
    filled = feature.with_faces(rows, faces, start=0.0)
    for chunk, first in enumerate((0, 52, 103)):  # the first rows from 0, 0.512 and 1.024 s on
        values = filled[first : first + 51, 80:].reshape(-1)
        np.testing.assert_array_equal(values[:64], faces.faces[chunk].reshape(-1))
    np.testing.assert_allclose(filled[51, 80:], ABSENT)
    pieces = [feature.with_faces(rows[at : at + 37], faces, start=0.0, first=at) for at in range(0, 154, 37)]
    np.testing.assert_array_equal(np.concatenate(pieces), filled)


def test_the_store_reads_the_faces_of_a_video(tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="the extra 'video' is not installed")
    from tests.audio.conftest import drawn_face, write_video

    tone = (0.1 * np.sin(np.arange(16000) / 5)).astype(np.float32)
    path = write_video(
        tmp_path / "a.mkv", [drawn_face(), drawn_face(mouth=9.0), drawn_face()], [0.0, 0.6, 0.9], sound=tone
    )
    utterance = Utterance("a", "toy", path, 0.0, None, "s", "s", "anger")
    rows = FeatureStore("audio-visual", AudioVisual(size=8), folder=tmp_path / "store").get(utterance)
    assert rows.shape == (125, 129)
    assert (rows[:, 128] > 0).all()
    np.testing.assert_allclose(rows[:, :128], TwoChannelSpectrogram().compute(tone), atol=0.2)


def test_sizes_have_a_line_for_every_row() -> None:
    with pytest.raises(ConfigError, match="multiple of 8 pixels; given 20"):
        AudioVisual(size=20)
    with pytest.raises(ConfigError, match="offset > 0; given 0"):
        AudioVisual(offset=0)
    with pytest.raises(ConfigError, match="did you mean 'whisper-log-mel'"):
        AudioVisual(sound="whisper-mel")  # type: ignore[arg-type]
