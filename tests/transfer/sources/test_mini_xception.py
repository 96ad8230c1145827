"""mini-Xception's file of Keras, as the tests write one, and the published one where it is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from emotone.errors import SourceError
from emotone.nets.architectures.mini_xception import MiniXception
from emotone.transfer.source import SOURCES
from emotone.transfer.sources.mini_xception import tensors

if TYPE_CHECKING:
    from pathlib import Path

h5py = pytest.importorskip("h5py", reason="the extra 'video' is not installed")
SOURCE = SOURCES.get("mini-xception")


def keras_shape(theirs: str, ours: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an array in a file of Keras, whose kernels have the channels last."""
    if len(ours) < 4:
        return ours
    out, given, height, width = ours
    return (height, width, out, given) if "depthwise" in theirs else (height, width, given, out)


def write(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    arrays = {theirs: rng.random(keras_shape(theirs, shape)).astype("f4") for theirs, _, shape in tensors()}
    with h5py.File(path, "w") as file:
        for theirs, values in arrays.items():
            layer, name = theirs.split("/")
            file[f"model_weights/{layer}/{layer}_1/{name}:0"] = values
    return arrays


def test_every_tensor_is_read(tmp_path: Path) -> None:
    arrays = write(tmp_path / "mine.hdf5")
    weights = SOURCE.read(tmp_path / "mine.hdf5")
    net = MiniXception(size=64).build(192, 7)
    net.load_state_dict({name: torch.from_numpy(values) for name, values in weights.tensors.items()}, strict=True)
    kernel = net.get_parameter("blocks.module1.first.depthwise.weight")
    np.testing.assert_array_equal(kernel[5, 0].detach(), arrays["separable_conv2d_1/depthwise_kernel"][:, :, 5, 0])
    pointwise = net.get_parameter("blocks.module4.second.pointwise.weight")
    expected = arrays["separable_conv2d_8/pointwise_kernel"][0, 0].T
    np.testing.assert_array_equal(pointwise[:, :, 0, 0].detach(), expected)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.hdf5").write_bytes(b"no such file")
    with pytest.raises(SourceError, match="is not a file of weights that Keras saved"):
        SOURCE.read(tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "b.hdf5", "w"):
        pass
    with pytest.raises(SourceError, match="it contains no array"):
        SOURCE.read(tmp_path / "b.hdf5")


@pytest.mark.shared
def test_the_published_network_recognises_a_neutral_face(shared: Path) -> None:
    pytest.importorskip("cv2", reason="the extra 'video' is not installed")
    from emotone.features.faces import face_track

    weights = SOURCE.read(shared / "sources/fer2013_mini_XCEPTION.102-0.66.hdf5")
    net = MiniXception(size=64).build(64, 7).eval()
    net.load_state_dict({name: torch.from_numpy(values) for name, values in weights.tensors.items()}, strict=True)
    clip = shared / "corpora/video/01-01-01-01-01-01-01.mp4"
    faces = torch.from_numpy(face_track(clip, every=0.512, size=64, colour=False).faces[..., 0])
    with torch.inference_mode():
        probabilities = net(faces, None).softmax(dim=1).mean(dim=0)
    assert int(probabilities.argmax()) == 6  # of anger, disgust, fear, happiness, sadness, surprise, neutral
