"""The input steps that an output step depends on, found with gradients, are those that a block declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from tests.toy import one_thread

from emotone.nets.blocks.mobilenet import ConvNorm, InvertedBottleneck
from emotone.nets.blocks.spectrogram import BandsToChannels, SpectrogramConv
from emotone.nets.blocks.waveform import NormConv1d, ScoreConv1d

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

IMAGE, SIGNAL = (1, 2, 6, 61), (1, 2, 203)
CASES: dict[str, tuple[Block, tuple[int, ...]]] = {
    "spectrogram convolution": (SpectrogramConv(2, 3, kernel=5, stride=(2, 2)), IMAGE),
    "bands to channels": (BandsToChannels(2, 6, 3), IMAGE),
    "convolution with norm": (ConvNorm(2, 3, 5, stride=2, activation="relu"), IMAGE),
    "bottleneck": (InvertedBottleneck((2, 4, 2), kernel=5, stride=1, squeezed=0, activation="relu"), IMAGE),
    "waveform convolution": (NormConv1d(2, 3, kernel=8, stride=2, padding=4, pool=1), SIGNAL),
    "scores": (ScoreConv1d(2, 3, kernel=4, stride=3), SIGNAL),
}


@pytest.mark.parametrize("name", CASES)
def test_the_declared_steps_are_those_with_a_gradient(name: str) -> None:
    block, shape = CASES[name]
    block.eval()
    with torch.no_grad():
        for value in block.parameters():
            value.abs_().add_(0.1)  # no ReLU is negative, so gradients reach every input
    x = torch.rand(*shape, requires_grad=True)
    y, _ = block(x, None)
    y[..., y.shape[-1] // 2].sum().backward()
    assert x.grad is not None
    inputs = torch.nonzero(x.grad.abs().flatten(0, -2).sum(dim=0))[:, 0]
    assert int(inputs[-1] - inputs[0]) + 1 == block.time_kernel(6)


def test_pooling_widens_a_convolution_by_its_strides() -> None:
    assert NormConv1d(2, 3, kernel=8, stride=2, padding=4, pool=4).time_kernel(6) == 8 + 3 * 2
