"""YAMNet's arrays, as files that the tests write: all comes over in the net's layout, what is wrong is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.errors import SourceError
from emotone.nets.yamnet import Yamnet
from emotone.transfer.sources.base import SOURCES, read_any

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

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


def test_every_tensor_comes_over(reference: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    np.savez(tmp_path / "any.npz", allow_pickle=False, **published(reference))
    weights = read_any(tmp_path / "any.npz")
    assert weights.source == "yamnet"
    assert weights.licence == "Apache-2.0"
    assert set(weights.tensors) == set(reference)
    for name, values in reference.items():
        assert weights.tensors[name].dtype == np.float32
        np.testing.assert_array_equal(weights.tensors[name], values.astype(np.float32))


def test_the_names_are_the_net_s() -> None:
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
        match=r"missing: blocks.layer1.full.convolution.bias.*not expected: other.*"
        r"blocks.layer2.depthwise.convolution.weight is 3 x 3 x 32, needed 32 x 1 x 3 x 3",
    ):
        SOURCE.read(tmp_path / "y.npz")
