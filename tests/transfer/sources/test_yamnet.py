"""YAMNet's arrays, as files that the tests write: all comes over in the net's layout, what is wrong is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import one_thread
from torch import nn

from emotone.errors import SourceError
from emotone.nets.architectures.yamnet import SEPARABLE, Yamnet
from emotone.transfer.source import SOURCES, read_any

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
SOURCE = SOURCES.get("yamnet")


@pytest.fixture(scope="module")
def reference() -> dict[str, NDArray[Any]]:
    """The tensors of a YAMNet with random weights."""
    rng = np.random.default_rng(3)
    shapes = {**SOURCE.shapes, **SOURCE.optional}
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


def test_every_tensor_is_read(reference: dict[str, NDArray[Any]], tmp_path: Path) -> None:
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


def test_what_can_not_be_folded_is_named(twin: Twin, tmp_path: Path) -> None:
    state = twin.state_dict()
    state["layer3.depthwise_conv.bn.running_mean"] = torch.zeros(3)
    state["layer4.pointwise_conv.bn.running_var"] = torch.full((128,), -1.0)
    del state["layer5.depthwise_conv.conv.weight"]
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(SourceError) as caught:
        SOURCE.read(tmp_path / "mine.pth")
    for part in (
        "missing: blocks.layer3.depthwise.convolution.weight",
        "unexpected: layer3.depthwise_conv.conv.weight",
        "not finite: blocks.layer4.pointwise.convolution.weight",
        "blocks.layer5.depthwise.convolution.weight",
    ):
        assert part in str(caught.value)


def test_the_names_are_the_networks() -> None:
    state = Yamnet(hidden=0).build(64, 521).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {**SOURCE.shapes, **SOURCE.optional}


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
        SOURCE.read(tmp_path / "y.npz")
