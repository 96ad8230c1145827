"""AlexNet's file, as the tests write one with torch.save: a narrow network with the published names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from emotone.errors import SourceError
from emotone.nets.architectures.alexnet import AlexNet
from emotone.transfer.source import SOURCES
from emotone.transfer.sources.alexnet import tensors

if TYPE_CHECKING:
    from pathlib import Path

WIDTH = 0.02
SOURCE = SOURCES.get("alexnet")


def test_every_layer_but_the_objects_is_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = {theirs: torch.randn(shape) for theirs, _, shape in tensors(WIDTH)}
    objects = {"classifier.6.weight": torch.zeros(10, 82), "classifier.6.bias": torch.zeros(10)}
    torch.save({**state, **objects}, tmp_path / "mine.pth")
    narrow = replace(SOURCE, shapes={ours: shape for _, ours, shape in tensors(WIDTH)})
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
