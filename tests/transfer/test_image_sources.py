"""Published networks of images and of sound events: tensors, layouts and outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from emotone.errors import SourceError
from emotone.nets.architectures.faces import AlexNet, MiniXception
from emotone.nets.architectures.sound_events import SEPARABLE, Mn04, Yamnet
from emotone.transfer.source import SOURCES, read_any
from emotone.transfer.sources.faces import alexnet_tensors, mini_xception_tensors
from emotone.transfer.sources.sound_events import mn04_names

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


# ----------------------------------------------------------------------------------------------------------------------
# AlexNet's file, as the tests write one with torch.save: a narrow network with the published names.

WIDTH = 0.02
SOURCE = SOURCES.get("alexnet")


def test_every_layer_but_the_objects_is_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = {theirs: torch.randn(shape) for theirs, _, shape in alexnet_tensors(WIDTH)}
    objects = {"classifier.6.weight": torch.zeros(10, 82), "classifier.6.bias": torch.zeros(10)}
    torch.save({**state, **objects}, tmp_path / "mine.pth")
    narrow = replace(SOURCE, shapes={ours: shape for _, ours, shape in alexnet_tensors(WIDTH)})
    weights = narrow.read(tmp_path / "mine.pth")
    net = AlexNet(width=WIDTH, size=128, channels=3).build(896, 7)
    given = {name: torch.from_numpy(values) for name, values in weights.tensors.items()}
    missing, unexpected = net.load_state_dict(given, strict=False)
    assert unexpected == []
    assert missing == ["blocks.classifier.linear.weight", "blocks.classifier.linear.bias"]
    assert torch.equal(net.get_parameter("blocks.dense2.linear.weight"), state["classifier.4.weight"])
    with pytest.raises(SourceError, match=r"does not contain alexnet: .*wrong shapes"):
        SOURCE.read(tmp_path / "mine.pth")


def test_the_published_network_has_57_million_parameters_without_the_objects() -> None:
    count = sum(int(torch.Size(shape).numel()) for shape in SOURCE.shapes.values())
    assert count == 61_100_840 - 1000 * 4097


# ----------------------------------------------------------------------------------------------------------------------
# mini-Xception's file of Keras, as the tests write one, and the published one where it is at hand.

MINI_XCEPTION = SOURCES.get("mini-xception")


def keras_shape(theirs: str, ours: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an array in a file of Keras, whose kernels have the channels last."""
    if len(ours) < 4:
        return ours
    out, given, height, width = ours
    return (height, width, out, given) if "depthwise" in theirs else (height, width, given, out)


@pytest.fixture
def h5py() -> Any:
    return pytest.importorskip("h5py", reason="the extra 'video' is not installed")


def write_keras(h5py: Any, path: Path) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    arrays = {
        theirs: rng.random(keras_shape(theirs, shape)).astype("f4") for theirs, _, shape in mini_xception_tensors()
    }
    with h5py.File(path, "w") as file:
        for theirs, values in arrays.items():
            layer, name = theirs.split("/")
            file[f"model_weights/{layer}/{layer}_1/{name}:0"] = values
    return arrays


def test_every_tensor_of_mini_xception_is_read(h5py: Any, tmp_path: Path) -> None:
    arrays = write_keras(h5py, tmp_path / "mine.hdf5")
    weights = MINI_XCEPTION.read(tmp_path / "mine.hdf5")
    net = MiniXception(size=64).build(192, 7)
    net.load_state_dict({name: torch.from_numpy(values) for name, values in weights.tensors.items()}, strict=True)
    kernel = net.get_parameter("blocks.module1.first.depthwise.weight")
    np.testing.assert_array_equal(kernel[5, 0].detach(), arrays["separable_conv2d_1/depthwise_kernel"][:, :, 5, 0])
    pointwise = net.get_parameter("blocks.module4.second.pointwise.weight")
    expected = arrays["separable_conv2d_8/pointwise_kernel"][0, 0].T
    np.testing.assert_array_equal(pointwise[:, :, 0, 0].detach(), expected)


def test_other_files_are_refused(h5py: Any, tmp_path: Path) -> None:
    (tmp_path / "a.hdf5").write_bytes(b"no such file")
    with pytest.raises(SourceError, match="is not a file of weights that Keras saved"):
        MINI_XCEPTION.read(tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "b.hdf5", "w"):
        pass
    with pytest.raises(SourceError, match="it contains no array"):
        MINI_XCEPTION.read(tmp_path / "b.hdf5")


@pytest.mark.shared
@pytest.mark.usefixtures("h5py")
def test_the_published_network_recognises_a_neutral_face(shared: Path) -> None:
    pytest.importorskip("cv2", reason="the extra 'video' is not installed")
    from emotone.features.faces import face_track

    weights = MINI_XCEPTION.read(shared / "sources/fer2013_mini_XCEPTION.102-0.66.hdf5")
    net = MiniXception(size=64).build(64, 7).eval()
    net.load_state_dict({name: torch.from_numpy(values) for name, values in weights.tensors.items()}, strict=True)
    clip = shared / "corpora/video/01-01-01-01-01-01-01.mp4"
    faces = torch.from_numpy(face_track(clip, every=0.512, size=64, colour=False).faces[..., 0])
    with torch.inference_mode():
        probabilities = net(faces, None).softmax(dim=1).mean(dim=0)
    assert int(probabilities.argmax()) == 6  # of anger, disgust, fear, happiness, sadness, surprise, neutral


# ----------------------------------------------------------------------------------------------------------------------
# mn04's file, as the tests write one with torch.save: all comes over under the net's names.

MN04 = SOURCES.get("mn04")


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """The tensors of an mn04 with random weights."""
    torch.manual_seed(0)
    return Mn04().build(128, 527).state_dict()


def test_every_tensor_of_mn04_is_read(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({theirs: state[ours] for theirs, ours in mn04_names().items()}, tmp_path / "mine.pt")
    weights = read_any(tmp_path / "mine.pt")
    assert weights.source == "mn04"
    assert weights.licence == "MIT"
    assert set(weights.tensors) == set(state)
    for name, values in state.items():
        np.testing.assert_array_equal(weights.tensors[name], values.numpy())


def test_theirs_are_312_tensors_of_a_known_file() -> None:
    assert len(mn04_names()) == len(MN04.shapes) + len(MN04.optional) == 312
    assert MN04.published[0].sha256.startswith("899a8c62")


def test_another_file_of_the_published_name_is_rejected(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "mn04_as_mAP_432.pt")
    with pytest.raises(SourceError, match=r"has SHA-256 .*; published: 899a8c62.*; download it again"):
        MN04.read(tmp_path / "mn04_as_mAP_432.pt")


def test_a_file_of_another_width_is_rejected(tmp_path: Path) -> None:
    state = Mn04(width=0.1).build(128, 527).state_dict()
    names = mn04_names(0.1)
    torch.save({theirs: state[ours] for theirs, ours in names.items()}, tmp_path / "mine.pt")
    with pytest.raises(SourceError, match=r"does not contain mn04: .*wrong shapes: .* expected"):
        replace(MN04).read(tmp_path / "mine.pt")


# ----------------------------------------------------------------------------------------------------------------------
# YAMNet's arrays, as files that the tests write: all comes over in the net's layout, what is wrong is named.

YAMNET = SOURCES.get("yamnet")


@pytest.fixture(scope="module")
def reference() -> dict[str, NDArray[Any]]:
    """The tensors of a YAMNet with random weights."""
    rng = np.random.default_rng(3)
    shapes = {**YAMNET.shapes, **YAMNET.optional}
    return {name: rng.normal(0, 0.1, shape).astype(np.float16) for name, shape in shapes.items()}


def published(tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The same as TensorFlow Lite lays it, numbered from the input on."""
    arrays: dict[str, NDArray[Any]] = {}
    layers = ["layer1", *(f"layer{number}" for number in range(2, 14)), "embedding", "classifier"]
    number = 0
    for layer in layers:
        parts = {"layer1": ["full.convolution"], "classifier": ["output"]}.get(
            layer, ["depthwise.convolution", "pointwise.convolution"]
        )
        for part in parts:
            weight = tensors[f"blocks.{layer}.{part}.weight"]
            if part.startswith("depthwise"):
                arrays[f"{number:02d}_dw_w"] = np.moveaxis(weight[:, 0], 0, -1)[None]
            elif weight.ndim == 4:
                arrays[f"{number:02d}_conv_w"] = np.moveaxis(weight, 1, -1)
            else:
                arrays[f"{number:02d}_fc_w"] = weight
            arrays[f"{number:02d}_b"] = tensors[f"blocks.{layer}.{part}.bias"].astype(np.float32)
            number += 1
    return arrays


@pytest.mark.usefixtures("one_thread")
def test_every_tensor_of_yamnet_is_read(reference: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    np.savez(tmp_path / "any.npz", allow_pickle=False, **published(reference))
    weights = read_any(tmp_path / "any.npz")
    assert weights.source == "yamnet"
    assert weights.licence == "Apache-2.0"
    assert set(weights.tensors) == set(reference)
    for name, values in reference.items():
        assert weights.tensors[name].dtype == np.float32
        np.testing.assert_array_equal(weights.tensors[name], values.astype(np.float32))


class ConvNorm(nn.Module):
    """A convolution with TensorFlow's padding where an even number of steps is halved, its normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.conv.kernel_size[0] == 3:
            x = nn.functional.pad(x, (1, 1, 1, 1) if self.conv.stride[0] == 1 else (0, 1, 0, 1))
        found: torch.Tensor = self.bn(self.conv(x)).relu()
        return found


class Twin(nn.Module):
    """YAMNet as PyTorch's users know it."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.ModuleDict({"fused": ConvNorm(1, 32, kernel=3, stride=2)})
        self.add_module("layer1", first)
        inputs = 32
        for number, (outputs, stride) in enumerate(SEPARABLE, start=2):
            depthwise = ConvNorm(inputs, inputs, kernel=3, stride=stride, groups=inputs)
            pointwise = ConvNorm(inputs, outputs, kernel=1, stride=1)
            layer = nn.ModuleDict({"depthwise_conv": depthwise, "pointwise_conv": pointwise})
            self.add_module(f"layer{number}", layer)
            inputs = outputs
        self.classifier = nn.Linear(inputs, 521)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for number in range(1, 15):
            for part in self.get_submodule(f"layer{number}").children():
                x = part(x)
        logits: torch.Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits


@pytest.fixture(scope="module")
def twin() -> Twin:
    """A twin whose normalisations have seen a few patches, and scale and shift."""
    torch.manual_seed(6)
    twin = Twin().train()
    with torch.no_grad():
        for norm in (module for module in twin.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.1)
        for _ in range(20):
            twin(torch.randn(4, 1, 96, 64))
    return twin.eval()


@pytest.mark.usefixtures("one_thread")
def test_the_pytorch_form_is_folded(twin: Twin, tmp_path: Path) -> None:
    torch.save(twin.state_dict(), tmp_path / "mine.pth")
    weights = read_any(tmp_path / "mine.pth")
    assert weights.source == "yamnet"
    net = Yamnet(hidden=0).build(64, 521).eval()
    net.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in weights.tensors.items()})
    patches = torch.randn(2, 96, 64)
    with torch.inference_mode():
        torch.testing.assert_close(net(patches), twin(patches[:, None]), atol=1e-4, rtol=1e-4)
        assert twin(patches[:, None]).std() > 1e-2


@pytest.mark.usefixtures("one_thread")
def test_what_can_not_be_folded_is_named(twin: Twin, tmp_path: Path) -> None:
    state = twin.state_dict()
    state["layer3.depthwise_conv.bn.running_mean"] = torch.zeros(3)
    state["layer4.pointwise_conv.bn.running_var"] = torch.full((128,), -1.0)
    del state["layer5.depthwise_conv.conv.weight"]
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(SourceError) as caught:
        YAMNET.read(tmp_path / "mine.pth")
    for part in (
        "missing: blocks.layer3.depthwise.convolution.weight",
        "unexpected: layer3.depthwise_conv.conv.weight",
        "not finite: blocks.layer4.pointwise.convolution.weight",
        "blocks.layer5.depthwise.convolution.weight",
    ):
        assert part in str(caught.value)


@pytest.mark.usefixtures("one_thread")
def test_the_names_are_the_networks() -> None:
    state = Yamnet(hidden=0).build(64, 521).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        **YAMNET.shapes,
        **YAMNET.optional,
    }


@pytest.mark.usefixtures("one_thread")
def test_what_is_wrong_is_named(reference: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    arrays = published(reference)
    del arrays["00_b"]
    arrays["other"] = np.zeros(1)
    arrays["01_dw_w"] = arrays["01_dw_w"][0]
    np.savez(tmp_path / "y.npz", allow_pickle=False, **arrays)
    with pytest.raises(
        SourceError,
        match=r"missing: blocks.layer1.full.convolution.bias.*unexpected: other.*"
        r"blocks.layer2.depthwise.convolution.weight has 3 x 3 x 32, expected 32 x 1 x 3 x 3",
    ):
        YAMNET.read(tmp_path / "y.npz")
