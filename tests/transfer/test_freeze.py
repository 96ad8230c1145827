"""Frozen tensors stay what they are in every mode, under every optimiser, and a net that moved them is found out."""

from __future__ import annotations

import copy

import pytest
import torch
from tests.toy import one_thread
from torch import nn

from emotone.errors import RunError
from emotone.transfer.freeze import Freezer

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


class Small(nn.Module):
    """Two blocks with normalisation and dropout, and a loose parameter."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.between = nn.Dropout(0.5)
        self.last = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.between(self.first(x))) * self.scale  # type: ignore[no-any-return]


def names(net: nn.Module, *prefixes: str) -> list[str]:
    return [name for name in net.state_dict() if name.startswith(prefixes)]


def steps(net: nn.Module, count: int = 3) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(count):
        optimizer.zero_grad(set_to_none=True)
        net(torch.randn(8, 4) + 3).square().sum().backward()
        optimizer.step()


def test_frozen_stays_bit_identical_and_the_rest_moves() -> None:
    net = Small()
    freezer = Freezer(net, names(net, "first"))
    before = copy.deepcopy(net.state_dict())
    net.train()
    steps(net)
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == set(names(net, "last", "scale"))
    freezer.check()


def test_train_mode_does_not_reach_what_is_frozen() -> None:
    net = Small()
    Freezer(net, names(net, "first"))
    assert net.train() is net
    assert [module.training for module in net.first] == [False] * 3
    assert not net.first.training
    assert net.training
    assert net.between.training
    assert [module.training for module in net.last] == [True] * 3
    net.eval()
    assert not net.last.training


def test_a_block_that_is_frozen_in_part_is_in_train_mode_but_for_that_part() -> None:
    net = Small()
    Freezer(net, names(net, "first.1"))
    net.train()
    assert [module.training for module in net.first] == [True, False, True]


def test_a_normalisation_with_one_loose_tensor_learns_on() -> None:
    net = Small()
    Freezer(net, ["first.1.weight", "first.1.bias"])
    before = net.first[1].running_mean.clone()  # type: ignore[operator]
    net.train()
    steps(net, 1)
    assert not torch.equal(net.first[1].running_mean, before)  # type: ignore[arg-type]


def test_everything_frozen_is_a_network_in_eval_mode() -> None:
    net = Small()
    Freezer(net, names(net, ""))
    net.train()
    x = torch.randn(5, 4)
    assert not net.training
    assert torch.equal(net(x), net(x))  # no dropout


def test_a_copy_stays_frozen_by_itself() -> None:
    net = Small()
    Freezer(net, names(net, "first"))
    twin = copy.deepcopy(net)
    twin.train()
    assert not twin.first.training
    assert not twin.first[2].training
    twin.first.__dict__.pop("train")  # the copy's, not the original's
    net.train()
    assert not net.first.training


def test_what_moved_a_frozen_tensor_is_found_out() -> None:
    net = Small()
    freezer = Freezer(net, names(net, "first"))
    with torch.no_grad():
        net.first[0].bias.add_(1e-6)  # type: ignore[operator]
        net.first[1].running_var.mul_(2)  # type: ignore[operator]
    with pytest.raises(RunError, match=r"frozen tensors have changed: first\.0\.bias, first\.1\.running_var; "):
        freezer.check()


def test_nothing_frozen_changes_nothing() -> None:
    net = Small()
    Freezer(net, ())
    net.train()
    assert all(module.training for module in net.modules())
    assert all(parameter.requires_grad for parameter in net.parameters())
