"""Building blocks one by one: each maps its valid steps as if there were no others, and leaves zeros behind them."""

from __future__ import annotations

import math

import pytest
import torch
from tests.toy import one_thread

from emotone.nets.blocks.base import AttentiveStatistics, BandsToChannels, Classifier, ConvBlock, LevelNorm, valid

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_valid_marks_the_first_steps() -> None:
    assert valid(torch.tensor([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]


def test_level_norm_is_relative_to_the_mean_power() -> None:
    x = torch.log(torch.tensor([[[1.0, 3.0], [2.0, 2.0]]]))  # mean power 2
    y, lengths = LevelNorm(centre_bands=False)(x, None)
    assert lengths is None
    assert y.shape == (1, 1, 2, 2)
    expected = [[math.log(1 / 2) + 4, 4.0], [math.log(3 / 2) + 4, 4.0]]
    torch.testing.assert_close(y[0, 0], torch.tensor(expected) / 4)


def test_level_norm_clips_and_ignores_what_lies_behind() -> None:
    x = torch.log(torch.tensor([[[1.0], [1e-9], [5.0]]]))
    y, lengths = LevelNorm(centre_bands=False, floor=-12.0, ceiling=4.0)(x, torch.tensor([2]))
    assert lengths is not None
    assert lengths.tolist() == [2]
    torch.testing.assert_close(y[0, 0, 0], torch.tensor([(math.log(2) + 4) / 4, (-12 + 4) / 4, 0.0]))


def test_level_norm_takes_away_each_band_s_mean_over_its_own_frames() -> None:
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
def test_a_convolution_sees_its_own_padding_behind_the_valid_steps(
    kernel: int, stride: tuple[int, int], length: int
) -> None:
    torch.manual_seed(0)
    block = ConvBlock(2, 3, kernel=kernel, stride=stride).eval()
    x = torch.randn(1, 2, 8, length)
    longer = torch.cat([x, torch.zeros(1, 2, 8, 9)], dim=3)
    alone, none = block(x, None)
    together, lengths = block(longer, torch.tensor([length]))
    assert none is None
    assert lengths.tolist() == [alone.shape[3]] == [-(-length // stride[1])]
    torch.testing.assert_close(together[..., : alone.shape[3]], alone)
    assert together[..., alone.shape[3] :].abs().max() == 0


def test_bands_become_channels_and_nothing_is_left_behind() -> None:
    torch.manual_seed(0)
    block = BandsToChannels(2, 4, 6).eval()
    block.norm.bias.data.fill_(0.5)  # what batch norm would put where there is nothing
    x = torch.randn(1, 2, 4, 5)
    y, lengths = block(x, torch.tensor([3]))
    assert y.shape == (1, 6, 5)
    assert lengths.tolist() == [3]
    assert y[..., 3:].abs().max() == 0
    expected = torch.relu(block.convolution.weight[:, :, 0] @ x[0, :, :, 1].reshape(8) / math.sqrt(1 + 1e-5) + 0.5)
    torch.testing.assert_close(y[0, :, 1], expected)


def test_attention_that_does_not_choose_is_mean_and_deviation() -> None:
    block = AttentiveStatistics(3, hidden=2)
    torch.nn.init.zeros_(block.weigh.weight)
    x = torch.randn(2, 3, 6)
    y, lengths = block(x, torch.tensor([6, 4]))
    assert lengths is None
    torch.testing.assert_close(y[0], torch.cat([x[0].mean(1), x[0].std(1, unbiased=False)]))
    torch.testing.assert_close(y[1], torch.cat([x[1, :, :4].mean(1), x[1, :, :4].std(1, unbiased=False)]))


def test_one_step_has_a_small_deviation_not_nan() -> None:
    y, _ = AttentiveStatistics(3, hidden=2)(torch.randn(1, 3, 1, requires_grad=True), None)
    torch.testing.assert_close(y[0, 3:], torch.full((3,), math.sqrt(1e-5)))
    y.sum().backward()


def test_the_classifier_gives_one_score_per_class() -> None:
    logits, lengths = Classifier(6, hidden=4, classes=3, dropout=0.5).eval()(torch.randn(5, 6), None)
    assert logits.shape == (5, 3)
    assert lengths is None
