"""Networks of one architecture are traced once, with the same result as tracing each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tests.toy import one_thread

from emotone.fitting.onnx_export import MAX_TRACED, onnx_bytes
from emotone.nets.base import NETS

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
BANDS = 40


def small(seed: int) -> Network:
    """Return a network whose statistics and biases differ by seed, as in trained networks."""
    net: Network = NETS.get("log-mel-cnn")(channels=(2, 2, 2, 2, 2), embedding=4, hidden=4).build(BANDS, 3)
    draws = torch.Generator().manual_seed(seed)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=draws) + 0.1)
    return net


@dataclass
class Exports:
    """Traces of networks by torch.

    Attributes:
        count: how many were asked for.
        repeated: the result of the first is returned for all, as tracing takes seconds.

    """

    count: int = 0
    repeated: bool = False
    first: Any = None


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> Exports:
    made = Exports()
    export = torch.onnx.export

    def counted(net: Any, *args: Any, **options: Any) -> Any:
        made.count += 1
        if not made.repeated:
            return export(net, *args, **options)
        made.first = made.first or export(net, *args, **options)
        return made.first

    monkeypatch.setattr(torch.onnx, "export", counted)
    return made


def test_networks_of_one_architecture_are_traced_once_with_the_same_result(exports: Exports) -> None:
    first, alone = onnx_bytes(small(1), BANDS, architecture="once"), onnx_bytes(small(2), BANDS)
    assert exports.count == 2
    assert onnx_bytes(small(2), BANDS, architecture="once") == alone
    assert onnx_bytes(small(1), BANDS, architecture="once") == first != alone
    assert exports.count == 2


def test_few_architectures_are_kept(exports: Exports) -> None:
    exports.repeated = True
    for number in range(MAX_TRACED + 1):
        onnx_bytes(small(1), BANDS, architecture=f"kept-{number}")
    onnx_bytes(small(1), BANDS, architecture=f"kept-{MAX_TRACED}")
    assert exports.count == MAX_TRACED + 1
    onnx_bytes(small(1), BANDS, architecture="kept-0")
    assert exports.count == MAX_TRACED + 2
