"""Nets that are alike but for their weights are traced once, and come out as if each had been traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from tests.toy import one_thread

from emotone.fitting import onnx_export
from emotone.fitting.onnx_export import onnx_bytes
from emotone.nets.base import NETS

if TYPE_CHECKING:
    from emotone.nets.blocks.base import LengthAware

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
BANDS = 40


def small(seed: int) -> LengthAware:
    """Return a net with statistics and offsets that differ from seed to seed, as trained ones do."""
    net: LengthAware = NETS.get("log-mel-cnn")(channels=(2, 2, 2, 2, 2), embedding=4, hidden=4).build(BANDS, 3)
    draws = torch.Generator().manual_seed(seed)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=draws) + 0.1)
    return net


@pytest.fixture(autouse=True)
def nothing_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "_traced", {})


def test_the_next_net_of_its_kind_is_not_traced_and_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first, anew = onnx_bytes(small(1), BANDS, alike="small"), onnx_bytes(small(2), BANDS)
    monkeypatch.setattr(onnx_export, "_trace", None)
    assert onnx_bytes(small(2), BANDS, alike="small") == anew
    assert onnx_bytes(small(1), BANDS, alike="small") == first != anew


def test_few_are_kept_and_none_of_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "_MOST_TRACED", 1)
    net = small(1)
    for alike in ("a", "b"):
        onnx_bytes(net, BANDS, alike=alike)
    assert list(onnx_export._traced) == ["b"]
    held = onnx_export._traced["b"].graph.initializers
    assert set(held) & set(net.state_dict())
    assert all(held[name].const_value is None for name in set(held) & set(net.state_dict()))
