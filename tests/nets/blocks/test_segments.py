"""Blocks per segment: the same tensors under the same names, and each segment processed like an item."""

from __future__ import annotations

import copy

import pytest
import torch
from tests.toy import one_thread

from emotone.nets.blocks.base import Block, Network
from emotone.nets.blocks.dense import ReluDense
from emotone.nets.blocks.mobilenet import BandImage, ConvNorm, InvertedBottleneck, MeanEmbedding
from emotone.nets.blocks.patch import Patch, SameConv, SeparableConv
from emotone.nets.blocks.segments import per_segment

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

CASES: dict[str, tuple[Block, tuple[int, ...]]] = {  # blocks, and the shape of an item
    "patch": (Patch(rows=5, silence=-3.0), (4, 6)),
    "same": (SameConv(3, stride=2, size=(5, 6)), (1, 5, 6)),
    "separable": (SeparableConv(2, 3, stride=1, size=(5, 6), pooled=True), (2, 5, 6)),
    "image": (BandImage(shift=1.0, scale=2.0), (4, 6)),
    "convolution": (ConvNorm(1, 3, 3, stride=2, activation="relu"), (1, 5, 6)),
    "bottleneck": (
        InvertedBottleneck((2, 4, 2), kernel=3, stride=1, squeezed=2, activation="hard-swish"),
        (2, 5, 6),
    ),
    "mean": (MeanEmbedding(2, 3), (2, 5, 6)),
}


@pytest.mark.parametrize("name", CASES)
def test_each_segment_is_processed_like_an_item(name: str) -> None:
    torch.manual_seed(0)
    block, shape = CASES[name]
    block.eval()
    segments = per_segment(block)
    x, lengths = torch.randn(2, 3, *shape), torch.tensor([3, 2])
    y, unchanged = segments(x, lengths)
    assert unchanged is lengths
    for item in range(2):
        torch.testing.assert_close(y[item], block(x[item], None)[0], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_tensors_are_shared_under_the_same_names(name: str) -> None:
    block, _ = CASES[name]
    segments = per_segment(block)
    ours, theirs = segments.state_dict(keep_vars=True), block.state_dict(keep_vars=True)
    assert list(ours) == list(theirs)
    assert all(ours[key] is theirs[key] for key in ours)
    assert segments.description == block.description


def test_a_step_of_a_segment_depends_on_no_other_segment() -> None:
    assert per_segment(ConvNorm(1, 3, 5)).time_kernel(64) == 1


def test_the_given_block_is_unchanged_and_copies_work() -> None:
    block, _ = CASES["convolution"]
    network = Network({"convolution": per_segment(block)})
    assert type(block) is ConvNorm
    x = torch.randn(1, 2, 1, 5, 6)
    network.eval()
    copied = copy.deepcopy(network)
    assert torch.equal(copied(x), network(x))
    assert type(copied.blocks["convolution"]) is type(per_segment(block))


def test_padding_is_skipped_in_training_only_without_any_effect_on_segments() -> None:
    block = ReluDense(6, 3)
    segments = per_segment(block, skips_padding=True)
    x, lengths = torch.randn(2, 3, 6), torch.tensor([3, 1])
    whole, _ = block(x.flatten(0, 1), None)
    trained, unchanged = segments(x, lengths)
    assert unchanged is lengths
    torch.testing.assert_close(trained[0], whole[:3])
    torch.testing.assert_close(trained[1, :1], whole[3:4])
    assert not trained[1, 1:].any()
    with torch.no_grad():
        torch.testing.assert_close(segments(x, lengths)[0].flatten(0, 1), whole)
    torch.testing.assert_close(segments(x, None)[0].flatten(0, 1), whole)
