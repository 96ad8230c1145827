"""Masks of valid steps, and blocks that run others."""

from __future__ import annotations

import torch
from tests.toy import one_thread

from emotone.nets.blocks.base import BlockChain, mask_time, valid_steps
from emotone.nets.blocks.dense import DropoutNorm, ReluDense

__all__ = ["one_thread"]


def test_valid_steps_are_the_first() -> None:
    assert valid_steps(torch.tensor([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]


def test_mask_time_sets_the_steps_after_the_valid_ones_to_zero() -> None:
    signal, image = torch.ones(2, 3, 4), torch.ones(2, 3, 5, 4)
    for x in (signal, image):
        masked = mask_time(x, torch.tensor([4, 1]))
        assert torch.equal(masked[0], x[0])
        assert (masked[1, ..., :1] == 1).all()
        assert (masked[1, ..., 1:] == 0).all()
        assert mask_time(x, None) is x


def test_a_chain_runs_its_blocks_in_order_and_describes_a_repetition() -> None:
    torch.manual_seed(0)
    blocks = [ReluDense(3, 3), DropoutNorm(3, dropout=0.0), ReluDense(3, 3), DropoutNorm(3, dropout=0.0)]
    chain = BlockChain(blocks, repeats=2).eval()
    x = torch.randn(4, 3)
    expected: torch.Tensor = x
    for block in blocks:
        expected, _ = block(expected, None)
    assert torch.equal(chain(x, None)[0], expected)
    assert chain.description == "2 x (linear, ReLU, dropout, batch norm)"
