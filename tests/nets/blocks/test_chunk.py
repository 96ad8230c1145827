"""Convolutions on images of chunks."""

from __future__ import annotations

import pytest
import torch

from emotone.nets.blocks.chunk import ChunkConv


@pytest.mark.parametrize("whole", [True, False])
def test_the_extent_in_time_is_that_of_the_kernel_and_one_pooling_step(whole: bool) -> None:
    block = ChunkConv(1, 2, kernel=(5, 3), whole=whole, slope=0.0)
    assert block.time_kernel(5) == 4


@pytest.mark.parametrize("slope", [0.0, 0.1])
@pytest.mark.parametrize("whole", [True, False])
def test_values_and_gradients_are_those_of_convolution_activation_and_pooling(whole: bool, slope: float) -> None:
    torch.manual_seed(0)
    block = ChunkConv(2, 3, kernel=(8 if whole else 5, 5), whole=whole, slope=slope)
    x = torch.randn(2, 2, 8, 12)
    padded = torch.nn.functional.pad(x, (2, 2, 0, 0) if whole else (2, 2, 2, 2))
    slow = torch.nn.functional.leaky_relu(block.convolution(padded), slope)
    slow = torch.nn.functional.max_pool2d(slow, (1 if whole else 2, 2))
    weight = block.convolution.weight
    (expected,) = torch.autograd.grad(slow.square().sum(), weight)
    for training in (True, False):
        fast, _ = block.train(training)(x, None)
        torch.testing.assert_close(fast, slow)
        (gradient,) = torch.autograd.grad(fast.square().sum(), weight)
        torch.testing.assert_close(gradient, expected)
