"""Prediction from videos: the faces of a clip are used, and one without sound or without a face is predicted too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.toy import LABELS, write_torch_net
from tests.videos import drawn_face, write_video

from emotone.bundles.manifest import TrainingData
from emotone.errors import NotAudioError
from emotone.features.store import FeatureStore
from emotone.inference.recordings import analyse_file, predict_file
from emotone.recipes.library import load_net_recipe
from emotone.reproductions.recipe_changes import changed
from emotone.types import Utterance

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.bundles.bundle import Bundle
    from emotone.inference.result import Prediction
    from emotone.nets.blocks.base import Network
    from emotone.recipes.recipe import Recipe

pytest.importorskip("cv2", reason="the extra 'video' is not installed")
pytest.importorskip("av", reason="the extra 'media' is not installed")
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
