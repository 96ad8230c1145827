"""Blocks of MobileNetV3: padded batches agree with single inputs, and shapes decide on the parts of a bottleneck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from tests.toy import one_thread

from emotone.nets.blocks.mobilenet import (
    BandImage,
    ConvNorm,
    InvertedBottleneck,
    MeanEmbedding,
    PatchImage,
    SqueezeExcitation,
)

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    "block",
    [
        ConvNorm(2, 3, 3, stride=2, activation="hard-swish"),
        InvertedBottleneck((2, 4, 2), kernel=5, stride=1, squeezed=2, activation="relu"),
        InvertedBottleneck((2, 2, 3), kernel=3, stride=2, squeezed=0, activation="hard-swish"),
        MeanEmbedding(2, 3),
    ],
    ids=["convolution", "bottleneck", "bottleneck with stride", "mean"],
)
@pytest.mark.parametrize("length", [1, 4, 7])
def test_padded_batches_agree_with_single_inputs(block: Block, length: int) -> None:
    torch.manual_seed(0)
    block.eval()
    x = torch.randn(1, 2, 6, length)
    longer = torch.cat([x, torch.zeros(1, 2, 6, 5)], dim=3)
    alone, _ = block(x, None)
    padded, lengths = block(longer, torch.tensor([length]))
    if lengths is not None:
        assert lengths.tolist() == [alone.shape[3]]
        assert (padded[..., alone.shape[3] :] == 0).all()
        padded = padded[..., : alone.shape[3]]
    torch.testing.assert_close(padded, alone, atol=1e-6, rtol=1e-5)


def test_the_input_is_added_where_shapes_are_equal() -> None:
    block = InvertedBottleneck((2, 4, 2), kernel=3, stride=1, squeezed=0, activation="relu").eval()
    torch.nn.init.zeros_(block.project.norm.weight)
    x = torch.randn(1, 2, 6, 5)
    assert torch.equal(block(x, None)[0], x)


@pytest.mark.parametrize(
    ("channels", "squeezed", "description", "parts"),
    [
        ((2, 4, 2), 2, "inverted bottleneck 3x3 of 4, stride 1, squeeze and excitation", {"expand", "excite"}),
        ((2, 2, 2), 0, "inverted bottleneck 3x3 of 2, stride 1", set()),
    ],
)
def test_shapes_decide_on_the_parts(
    channels: tuple[int, int, int], squeezed: int, description: str, parts: set[str]
) -> None:
    block = InvertedBottleneck(channels, kernel=3, stride=1, squeezed=squeezed, activation="relu")
    assert block.description == description
    assert {name for name, _ in block.named_children()} == {"depthwise", "project"} | parts


def test_excitation_weights_channels_by_their_means() -> None:
    torch.manual_seed(0)
    block = SqueezeExcitation(3, squeezed=2)
    x = torch.rand(1, 3, 4, 5)
    means = x.mean(dim=(2, 3))
    weight = torch.sigmoid(block.weigh(torch.relu(block.squeeze(means))))
    torch.testing.assert_close(block(x, None)[0], x * weight[:, :, None, None])


def test_an_image_is_shifted_scaled_and_transposed() -> None:
    x = torch.arange(6.0).reshape(1, 3, 2)  # three rows of two bands
    image, _ = BandImage(shift=1.0, scale=2.0)(x, None)
    assert image.tolist() == [[[[0.5, 1.5, 2.5], [1.0, 2.0, 3.0]]]]


def test_a_patch_image_is_filled_with_silence() -> None:
    block = PatchImage(BandImage(shift=0.0, scale=1.0), rows=3, silence=-9.0)
    image, lengths = block(torch.ones(2, 2, 1), torch.tensor([2, 1]))
    assert image[:, 0, 0].tolist() == [[1, 1, -9], [1, -9, -9]]
    assert lengths is None
    assert block.time_kernel(1) == 3
