"""Blocks for spectrograms: valid steps are computed as if alone, and zeros follow them."""

from __future__ import annotations

import math

import pytest
import torch
from tests.toy import one_thread

from emotone.nets.blocks.spectrogram import BandsToChannels, LevelNorm, SpectrogramConv

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_level_norm_is_relative_to_the_mean_power() -> None:
    x = torch.log(torch.tensor([[[1.0, 3.0], [2.0, 2.0]]]))  # mean power 2
    y, lengths = LevelNorm(centre_bands=False)(x, None)
    assert lengths is None
    assert y.shape == (1, 1, 2, 2)
    expected = [[math.log(1 / 2) + 4, 4.0], [math.log(3 / 2) + 4, 4.0]]
    torch.testing.assert_close(y[0, 0], torch.tensor(expected) / 4)


def test_level_norm_clips_and_ignores_padding() -> None:
    x = torch.log(torch.tensor([[[1.0], [1e-9], [5.0]]]))
    y, lengths = LevelNorm(centre_bands=False, floor=-12.0, ceiling=4.0)(x, torch.tensor([2]))
    assert lengths is not None
    assert lengths.tolist() == [2]
    torch.testing.assert_close(y[0, 0, 0], torch.tensor([(math.log(2) + 4) / 4, (-12 + 4) / 4, 0.0]))


def test_level_norm_subtracts_each_band_s_mean_over_its_own_frames() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 6, 3)
    lengths = torch.tensor([6, 4])
    plain, _ = LevelNorm(centre_bands=False)(x, lengths)
    centred, _ = LevelNorm(centre_bands=True)(x, lengths)
    for item, length in enumerate((6, 4)):
        expected = plain[item, 0, :, :length] - plain[item, 0, :, :length].mean(dim=1, keepdim=True)
        torch.testing.assert_close(centred[item, 0, :, :length], expected)
        assert (centred[item, 0, :, length:] == 0).all()
        alone, _ = LevelNorm(centre_bands=True)(x[item : item + 1, :length], None)
        torch.testing.assert_close(alone[0, 0], expected)


@pytest.mark.parametrize(("kernel", "stride"), [(3, (1, 1)), (5, (2, 2)), (3, (2, 1)), (3, (1, 3))])
@pytest.mark.parametrize("length", [1, 2, 5, 12])
def test_a_convolution_reads_zeros_after_the_valid_steps(kernel: int, stride: tuple[int, int], length: int) -> None:
    torch.manual_seed(0)
    block = SpectrogramConv(2, 3, kernel=kernel, stride=stride).eval()
    x = torch.randn(1, 2, 8, length)
    longer = torch.cat([x, torch.zeros(1, 2, 8, 9)], dim=3)
    alone, none = block(x, None)
    padded, lengths = block(longer, torch.tensor([length]))
    assert none is None
    assert lengths.tolist() == [alone.shape[3]] == [-(-length // stride[1])]
    torch.testing.assert_close(padded[..., : alone.shape[3]], alone)
    assert padded[..., alone.shape[3] :].abs().max() == 0


def test_bands_become_channels_and_padding_stays_zero() -> None:
    torch.manual_seed(0)
    block = BandsToChannels(2, 4, 6).eval()
    block.norm.bias.data.fill_(0.5)  # batch normalisation would set the padding to it
    x = torch.randn(1, 2, 4, 5)
    y, lengths = block(x, torch.tensor([3]))
    assert y.shape == (1, 6, 5)
    assert lengths.tolist() == [3]
    assert y[..., 3:].abs().max() == 0
    expected = torch.relu(block.convolution.weight[:, :, 0] @ x[0, :, :, 1].reshape(8) / math.sqrt(1 + 1e-5) + 0.5)
    torch.testing.assert_close(y[0, :, 1], expected)
