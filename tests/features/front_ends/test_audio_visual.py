"""Rows with faces: each chunk has the face in its middle, on the grid of its utterance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.videos import drawn_face, write_video

from emotone.errors import ConfigError
from emotone.features.base import FaceTrack
from emotone.features.front_ends.audio_visual import AudioVisual
from emotone.features.front_ends.two_channel_spectrogram import TwoChannelSpectrogram
from emotone.features.store import FeatureStore
from emotone.types import Utterance

if TYPE_CHECKING:
    from pathlib import Path

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


def test_the_store_reads_the_faces_of_a_video(tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="the extra 'video' is not installed")
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
