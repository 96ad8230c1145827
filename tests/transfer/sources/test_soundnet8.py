"""The first layers of the eight-layer SoundNet, from files that the tests write: pruned or whole, and wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.errors import SourceError
from emotone.nets.architectures.soundnet5 import SoundNet5
from emotone.transfer.apply import transfer_into
from emotone.transfer.plans import Plan
from emotone.transfer.source import SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SOURCE = SOURCES.get("soundnet8")
NORM = ("weight", "bias", "running_mean", "running_var")


@pytest.fixture
def published() -> dict[str, NDArray[Any]]:
    """Arrays as a pruned net has them: two layers complete, of the third 41 of 64 filters."""
    rng = np.random.default_rng(8)
    arrays: dict[str, NDArray[Any]] = {"conv3.kept_of_64": np.arange(41)}
    for layer, shape in enumerate([(16, 1, 64), (32, 16, 32), (41, 32, 16)], start=1):
        arrays[f"conv{layer}.weight"] = rng.normal(size=shape).astype(np.float32)
        arrays[f"conv{layer}.bias"] = rng.normal(size=shape[0]).astype(np.float32)
        for name in NORM:
            arrays[f"bn{layer}.{name}"] = rng.uniform(0.5, 2, shape[0]).astype(np.float32)
    return arrays


def written(folder: Path, arrays: dict[str, NDArray[Any]]) -> Path:
    path = folder / "soundnet8.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_two_layers_fill_the_network_and_the_rest_is_reinitialised(
    published: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    weights = SOURCE.read(written(tmp_path, published))
    net = SoundNet5(channels=(16, 32, 64)).build(1, 2)
    report = transfer_into(net, weights, Plan(("conv1", "conv2"), ("conv1",))).report
    state = net.state_dict()
    for layer in (1, 2):
        found = state[f"blocks.conv{layer}.convolution.weight"].numpy()
        np.testing.assert_array_equal(found, published[f"conv{layer}.weight"])
        for name in NORM:
            found = state[f"blocks.conv{layer}.norm.{name}"].numpy()
            np.testing.assert_array_equal(found, published[f"bn{layer}.{name}"])
    assert {entry.name.split(".")[1] for entry in report.entries if entry.state == "fresh"} == {
        "conv3",
        "conv4",
        "conv5",
    }


def test_a_key_that_is_missing_and_one_that_is_not_expected_are_named(
    published: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    published["dense.weight"] = published.pop("bn2.running_var")
    with pytest.raises(SourceError, match=r"missing: blocks.conv2.norm.running_var; unexpected: dense.weight"):
        SOURCE.read(written(tmp_path, published))


def test_the_layers_of_another_network_are_rejected(published: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    published["conv1.weight"] = np.zeros((32, 1, 64), np.float32)
    with pytest.raises(SourceError, match=r"conv1.convolution.weight has 32 x 1 x 64, expected 16 x 1 x 64"):
        SOURCE.read(written(tmp_path, published))


def test_a_file_that_is_no_archive_says_how_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "soundnet8.npz"
    path.write_bytes(b"weights")
    with pytest.raises(SourceError, match=r"store the arrays of conv1, bn1, conv2 and bn2 as an .npz"):
        SOURCE.read(path)


def test_the_real_first_layers_can_be_read(shared: Path) -> None:
    weights = SOURCE.read(shared / "sources/soundnet8_pruned_psnet_fp32.npz")
    assert weights.tensors["blocks.conv2.convolution.weight"].shape == (32, 16, 32)
