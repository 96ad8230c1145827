"""Faces in videos: crops, and predictions from them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.audio.conftest import RATE, drawn_face, write_video
from tests.toy import LABELS, write_torch_net

from emotone.bundles.contents import TrainingData
from emotone.errors import MissingExtraError, NotAudioError
from emotone.features.base import FaceTrack
from emotone.features.faces import DARKEST, centred_face, face_track, find_faces, sound_of_video
from emotone.features.store import FeatureStore
from emotone.inference.recordings import analyse_file, predict_file
from emotone.recipes.library import load_net_recipe
from emotone.reproductions.cells import changed
from emotone.types import Utterance

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.bundles.bundle import Bundle
    from emotone.inference.result import Prediction
    from emotone.nets.blocks.base import Network
    from emotone.recipes.recipe import Recipe

pytest.importorskip("cv2", reason="the extra 'video' is not installed")
pytest.importorskip("av", reason="the extra 'media' is not installed")


# ----------------------------------------------------------------------------------------------------------------------
# Faces: found in drawn images, centred, and read from videos with and without them.


@pytest.mark.parametrize("column", [110, 160, 210])
def test_a_face_is_found_where_it_is(column: int) -> None:
    (box,) = find_faces(drawn_face(column=column))
    left, top, wide, high = box
    assert abs(left + wide / 2 - column) < 15
    assert abs(top + high / 2 - 120) < 30


def test_an_image_without_a_face_has_none(rng: np.random.Generator) -> None:
    assert find_faces(np.full((120, 160, 3), 90, np.uint8)) == []


def test_a_centred_face_is_the_square_around_it() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 20:40] = 255
    face = centred_face(image, (20, 10, 20, 20), size=8, colour=True)
    assert face.shape == (8, 8, 3)
    np.testing.assert_array_equal(face, 1.0)
    grey = centred_face(image, (0, 0, 20, 20), size=8, colour=False)
    assert grey.shape == (8, 8, 1)
    assert grey.min() == np.float32(DARKEST)  # not 0, which means that there is no face
    assert centred_face(image, (50, 30, 20, 20), size=8, colour=False).shape == (8, 8, 1)  # beyond the edge


def test_a_track_has_zeros_where_there_is_no_face(tmp_path: Path) -> None:
    empty = np.full((240, 320, 3), 128, np.uint8)
    path = write_video(tmp_path / "a.mkv", [drawn_face(), drawn_face(), empty, empty], [0.0, 0.5, 1.0, 1.4])
    track = face_track(path, every=0.5, size=16, colour=False)
    assert track.found.tolist()[:2] == [True, True]
    assert not track.found[-1]
    assert track.faces.shape[1:] == (16, 16, 1)
    assert track.notes == ()
    nobody = face_track(write_video(tmp_path / "b.mkv", [empty], [0.0]), every=0.5, size=16, colour=True)
    assert nobody.notes == ("the video has no face from the front; only the sound was used",)


def test_a_video_without_sound_is_silent(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [drawn_face(), drawn_face()], [0.0, 0.5])
    track = face_track(path, every=0.5, size=8, colour=False)
    signal = sound_of_video(path, track, rate=RATE)
    assert len(signal) == len(track.faces) * RATE // 2
    assert not signal.any()
    tone = np.sin(np.arange(RATE) / 10).astype(np.float32)
    heard = sound_of_video(write_video(tmp_path / "b.mkv", [drawn_face()], [0.0], sound=tone), track, rate=RATE)
    np.testing.assert_allclose(heard, tone, atol=1e-3)


def test_a_file_with_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(b"nothing to see or hear" * 50)
    with pytest.raises(NotAudioError):
        face_track(tmp_path / "a.mkv", every=0.5, size=8, colour=False)


@pytest.mark.shared
def test_every_image_of_the_real_clip_has_one_face(shared: Path) -> None:
    clip = shared / "corpora/video/01-01-01-01-01-01-01.mp4"
    track = face_track(clip, every=0.512, size=64, colour=False)
    assert track.found.all()
    assert len(track.faces) == 6
    assert track.notes == ()


def test_of_several_faces_the_first_is_used_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mkv", [drawn_face()], [0.0])
    monkeypatch.setattr("emotone.features.faces.find_faces", lambda _: [(100, 60, 100, 100), (10, 10, 20, 20)])
    track = face_track(path, every=0.5, size=8, colour=False)
    count = len(track.faces)
    assert track.notes == (f"{count} of {count} images have several faces; the largest was used",)


def test_a_file_without_sound_and_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(b"nothing" * 50)
    track = FaceTrack(np.zeros((0, 8, 8, 1), np.float32), 0.5)
    with pytest.raises(NotAudioError):
        sound_of_video(tmp_path / "a.mkv", track, rate=RATE)


def test_without_opencv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match="emotone\\[video\\]"):
        centred_face(np.zeros((40, 60, 3), np.uint8), (20, 10, 20, 20), size=8, colour=True)


# ----------------------------------------------------------------------------------------------------------------------
# Prediction from videos: the faces of a clip are used, and one without sound or without a face is predicted too.

EMPTY = np.full((240, 320, 3), 128, np.uint8)


def small() -> Recipe:
    return changed(  # type: ignore[return-value]
        load_net_recipe("audiovisual-lstm"),
        (("net.filters", [2]), ("net.units", 3), ("net.context_units", 4), ("net.size", 32), ("front_end.size", 32)),
    )


@pytest.fixture
def net() -> Network:
    torch.manual_seed(0)
    recipe = small()
    net = recipe.net_spec.build(recipe.feature.dimension, len(LABELS)).eval()
    with torch.no_grad():
        net.get_parameter("blocks.classifier.output.weight").mul_(20)
    return net


@pytest.fixture
def bundle(net: Network, tmp_path: Path) -> Bundle:
    data = TrainingData(corpora=("toy",), protocol="", recipe="toy", signature="")
    made: Bundle = write_torch_net(tmp_path / "bundle", small(), net, labels=LABELS, data=data)
    return made


def predicted(bundle: Bundle, path: Path) -> Prediction:
    return predict_file(bundle, path, channel="mix", track="default", name=None, progress=None)


def tone(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (0.1 * np.sin(np.arange(round(16000 * seconds)) / 7)).astype(np.float32)


def test_a_clip_is_predicted_from_the_rows_of_the_feature_store(bundle: Bundle, net: Network, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [drawn_face(), drawn_face(mouth=9)], [0.0, 0.7], sound=tone(1.2))
    rows = FeatureStore("audio-visual", small().feature, folder=tmp_path / "store").get(
        Utterance("a", "toy", path, 0.0, None, "s", "s", "anger")
    )
    with torch.inference_mode():
        expected = net(torch.from_numpy(rows[None]), None).softmax(dim=1)[0].tolist()
    result = predicted(bundle, path)
    assert list(result.clip.probabilities.values()) == pytest.approx(expected, abs=1e-3)
    assert result.notes == ()
    (analysis,) = analyse_file(bundle, path, channel="mix", track="default", name=None)
    assert analysis.clip == result.clip


def test_a_clip_without_a_face_is_predicted_from_its_sound_with_a_note(bundle: Bundle, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [EMPTY, EMPTY], [0.0, 0.7], sound=tone(1.2))
    sound = write_video(tmp_path / "b.mkv", [], [], sound=tone(1.2))
    seen, heard = predicted(bundle, path), predicted(bundle, sound)
    assert seen.clip == heard.clip
    assert seen.notes == ("the video has no face from the front; only the sound was used",)
    assert heard.notes == ()


def test_a_clip_without_sound_is_predicted_from_its_faces_with_a_note(bundle: Bundle, tmp_path: Path) -> None:
    result = predicted(bundle, write_video(tmp_path / "a.mkv", [drawn_face(), drawn_face()], [0.0, 1.0]))
    assert "the video has no sound; only faces were used" in result.notes
    assert result.duration > 0.9
    with pytest.raises(NotAudioError):
        predicted(bundle, write_video(tmp_path / "b.mkv", [EMPTY, EMPTY], [0.0, 1.0]))


def test_progress_is_reported_for_a_clip_without_sound_too(bundle: Bundle, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [drawn_face(), drawn_face()], [0.0, 1.0])
    done: list[tuple[float, float | None]] = []
    plain = predicted(bundle, path)
    result = predict_file(
        bundle, path, channel="mix", track="default", name=None, progress=lambda *report: done.append(report)
    )
    assert result.clip == plain.clip
    assert done[-1] == pytest.approx((result.duration, result.duration), abs=1e-3)
