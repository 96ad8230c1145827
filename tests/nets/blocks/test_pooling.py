"""Pooling over time: equal weights give plain statistics, of the valid steps only."""

from __future__ import annotations

import math

import pytest
import torch
from tests.toy import one_thread

from emotone.nets.blocks.pooling import AttentiveStatistics, MeanOverTime

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_attention_with_equal_weights_is_mean_and_deviation() -> None:
    block = AttentiveStatistics(3, hidden=2)
    torch.nn.init.zeros_(block.weigh.weight)
    x = torch.randn(2, 3, 6)
    y, lengths = block(x, torch.tensor([6, 4]))
    assert lengths is None
    torch.testing.assert_close(y[0], torch.cat([x[0].mean(1), x[0].std(1, unbiased=False)]))
    torch.testing.assert_close(y[1], torch.cat([x[1, :, :4].mean(1), x[1, :, :4].std(1, unbiased=False)]))


def test_a_single_step_has_a_small_deviation_instead_of_nan() -> None:
    y, _ = AttentiveStatistics(3, hidden=2)(torch.randn(1, 3, 1, requires_grad=True), None)
    torch.testing.assert_close(y[0, 3:], torch.full((3,), math.sqrt(1e-5)))
    y.sum().backward()


def test_the_mean_over_time_is_of_the_valid_steps() -> None:
    x = torch.arange(8.0).reshape(1, 2, 4)
    plain, _ = MeanOverTime()(x, None)
    masked, lengths = MeanOverTime()(x, torch.tensor([2]))
    assert plain.tolist() == [[1.5, 5.5]]
    assert masked.tolist() == [[0.5, 4.5]]
    assert lengths is None
