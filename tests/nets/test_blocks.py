"""Blocks: masks of valid steps, dense layers, pooling, spectrograms, segments, chunks, and how far they look."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from emotone.nets.blocks.base import (
    AttentiveStatistics,
    Block,
    BlockChain,
    DropoutNorm,
    EmbeddingClassifier,
    MeanOverTime,
    Network,
    NormClassifier,
    ReluDense,
    flatten_channels_last,
    mask_time,
    valid_steps,
)
from emotone.nets.blocks.chunk import ChunkConv
from emotone.nets.blocks.cleaning import Centre, FittedBlock, Limits, Scale
from emotone.nets.blocks.mobilenet import BandImage, ConvNorm, InvertedBottleneck, MeanEmbedding
from emotone.nets.blocks.segments import per_segment
from emotone.nets.blocks.spectrogram import BandsToChannels, LevelNorm, Patch, SameConv, SeparableConv, SpectrogramConv
from emotone.nets.blocks.waveform import NormConv1d, ScoreConv1d

# ----------------------------------------------------------------------------------------------------------------------
# Masks of valid steps, and blocks that run others.


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


# ----------------------------------------------------------------------------------------------------------------------
# Classifiers and fully connected blocks.


@pytest.mark.usefixtures("one_thread")
def test_the_classifier_returns_one_score_per_class() -> None:
    logits, lengths = NormClassifier(6, hidden=4, classes=3, dropout=0.5).eval()(torch.randn(5, 6), None)
    assert logits.shape == (5, 3)
    assert lengths is None


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("hidden", "dropout", "description"),
    [
        (0, 0.0, "linear"),
        (0, 0.2, "dropout, linear"),
        (7, 0.0, "linear 7, ReLU, linear"),
        (7, 0.2, "dropout, linear 7, ReLU, dropout, linear"),
    ],
)
def test_the_description_of_a_classifier_names_its_parts(hidden: int, dropout: float, description: str) -> None:
    block = EmbeddingClassifier(5, hidden=hidden, classes=3, dropout=dropout)
    assert block.description == description
    assert block(torch.randn(2, 5), None)[0].shape == (2, 3)


@pytest.mark.usefixtures("one_thread")
def test_an_image_is_flattened_with_channels_varying_fastest() -> None:
    image = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)  # batch, channels, time, bands
    expected = [[item[c, t, b] for t in range(4) for b in range(5) for c in range(3)] for item in image]
    assert torch.equal(flatten_channels_last(image), torch.tensor(expected))
    assert flatten_channels_last(image[:, :, 0, 0]) is not image


# ----------------------------------------------------------------------------------------------------------------------
# Pooling over time: equal weights give plain statistics, of the valid steps only.


@pytest.mark.usefixtures("one_thread")
def test_attention_with_equal_weights_is_mean_and_deviation() -> None:
    block = AttentiveStatistics(3, hidden=2)
    torch.nn.init.zeros_(block.weigh.weight)
    x = torch.randn(2, 3, 6)
    y, lengths = block(x, torch.tensor([6, 4]))
    assert lengths is None
    torch.testing.assert_close(y[0], torch.cat([x[0].mean(1), x[0].std(1, unbiased=False)]))
    torch.testing.assert_close(y[1], torch.cat([x[1, :, :4].mean(1), x[1, :, :4].std(1, unbiased=False)]))


@pytest.mark.usefixtures("one_thread")
def test_a_single_step_has_a_small_deviation_instead_of_nan() -> None:
    y, _ = AttentiveStatistics(3, hidden=2)(torch.randn(1, 3, 1, requires_grad=True), None)
    torch.testing.assert_close(y[0, 3:], torch.full((3,), math.sqrt(1e-5)))
    y.sum().backward()


@pytest.mark.usefixtures("one_thread")
def test_the_mean_over_time_is_of_the_valid_steps() -> None:
    x = torch.arange(8.0).reshape(1, 2, 4)
    plain, _ = MeanOverTime()(x, None)
    masked, lengths = MeanOverTime()(x, torch.tensor([2]))
    assert plain.tolist() == [[1.5, 5.5]]
    assert masked.tolist() == [[0.5, 4.5]]
    assert lengths is None


# ----------------------------------------------------------------------------------------------------------------------
# Blocks for spectrograms: valid steps are computed as if alone, and zeros follow them.


@pytest.mark.usefixtures("one_thread")
def test_level_norm_is_relative_to_the_mean_power() -> None:
    x = torch.log(torch.tensor([[[1.0, 3.0], [2.0, 2.0]]]))  # mean power 2
    y, lengths = LevelNorm(centre_bands=False)(x, None)
    assert lengths is None
    assert y.shape == (1, 1, 2, 2)
    expected = [[math.log(1 / 2) + 4, 4.0], [math.log(3 / 2) + 4, 4.0]]
    torch.testing.assert_close(y[0, 0], torch.tensor(expected) / 4)


@pytest.mark.usefixtures("one_thread")
def test_level_norm_clips_and_ignores_padding() -> None:
    x = torch.log(torch.tensor([[[1.0], [1e-9], [5.0]]]))
    y, lengths = LevelNorm(centre_bands=False, floor=-12.0, ceiling=4.0)(x, torch.tensor([2]))
    assert lengths is not None
    assert lengths.tolist() == [2]
    torch.testing.assert_close(y[0, 0, 0], torch.tensor([(math.log(2) + 4) / 4, (-12 + 4) / 4, 0.0]))


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
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


# ----------------------------------------------------------------------------------------------------------------------
# Blocks per segment: the same tensors under the same names, and each segment processed like an item.

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


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", CASES)
def test_tensors_are_shared_under_the_same_names(name: str) -> None:
    block, _ = CASES[name]
    segments = per_segment(block)
    ours, theirs = segments.state_dict(keep_vars=True), block.state_dict(keep_vars=True)
    assert list(ours) == list(theirs)
    assert all(ours[key] is theirs[key] for key in ours)
    assert segments.description == block.description


@pytest.mark.usefixtures("one_thread")
def test_a_step_of_a_segment_depends_on_no_other_segment() -> None:
    assert per_segment(ConvNorm(1, 3, 5)).time_kernel(64) == 1


@pytest.mark.usefixtures("one_thread")
def test_the_given_block_is_unchanged_and_copies_work() -> None:
    block, _ = CASES["convolution"]
    network = Network({"convolution": per_segment(block)})
    assert type(block) is ConvNorm
    x = torch.randn(1, 2, 1, 5, 6)
    network.eval()
    copied = copy.deepcopy(network)
    assert torch.equal(copied(x), network(x))
    assert type(copied.blocks["convolution"]) is type(per_segment(block))


@pytest.mark.usefixtures("one_thread")
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


# ----------------------------------------------------------------------------------------------------------------------
# Convolutions on images of chunks.


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


# ----------------------------------------------------------------------------------------------------------------------
# Cleaning: anomalies become the median, values are centred and scaled by the training data.


def test_before_fitting_values_are_unchanged() -> None:
    x = torch.randn(3, 5, 4)
    for block in (Limits(4, share=0.01), Centre(4), Scale(4)):
        assert torch.equal(block(x, None)[0], x)


def test_values_beyond_the_range_become_the_median(rng: np.random.Generator) -> None:
    rows = rng.uniform(-1, 1, (2000, 2)).astype(np.float32)
    rows[:5] = 50.0
    block = Limits(2, share=0.01)
    cleaned = block.fit(rows, np.random.default_rng(0))
    assert (cleaned[:5] == block.median.numpy()).all()
    assert np.abs(block.median.numpy()).max() < 0.1
    assert np.mean(cleaned != rows) == pytest.approx(0.01, abs=0.002)
    new = torch.tensor([[0.5, -70.0]])
    assert block(new, None)[0].tolist() == [[0.5, float(block.median[1])]]


def test_values_at_a_common_limit_are_no_anomalies() -> None:
    rows = np.zeros((100, 1), np.float32)
    assert (Limits(1, share=0.1).fit(rows, np.random.default_rng(0)) == 0).all()


def test_a_share_of_zero_replaces_nothing(rng: np.random.Generator) -> None:
    rows = rng.standard_cauchy((500, 3)).astype(np.float32)
    np.testing.assert_array_equal(Limits(3, share=0.0).fit(rows, rng), rows)


def test_fitted_values_have_mean_0_and_deviation_1_and_constants_stay(rng: np.random.Generator) -> None:
    rows = (5 + 3 * rng.standard_normal((1000, 3))).astype(np.float32)
    rows[:, 2] = 7.0
    made = Scale(3).fit(Centre(3).fit(rows, rng), rng)
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(made.std(axis=0), [1, 1, 0], atol=1e-4)


def test_the_base_has_no_statistics() -> None:
    with pytest.raises(NotImplementedError):
        FittedBlock().fit(np.zeros((1, 1), np.float32), np.random.default_rng(0))


# ----------------------------------------------------------------------------------------------------------------------
# The input steps that an output step depends on, found with gradients, are those that a block declares.

IMAGE, SIGNAL = (1, 2, 6, 61), (1, 2, 203)
KERNELS: dict[str, tuple[Block, tuple[int, ...]]] = {
    "spectrogram convolution": (SpectrogramConv(2, 3, kernel=5, stride=(2, 2)), IMAGE),
    "bands to channels": (BandsToChannels(2, 6, 3), IMAGE),
    "convolution with norm": (ConvNorm(2, 3, 5, stride=2, activation="relu"), IMAGE),
    "bottleneck": (InvertedBottleneck((2, 4, 2), kernel=5, stride=1, squeezed=0, activation="relu"), IMAGE),
    "waveform convolution": (NormConv1d(2, 3, kernel=8, stride=2, padding=4, pool=1), SIGNAL),
    "scores": (ScoreConv1d(2, 3, kernel=4, stride=3), SIGNAL),
}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", KERNELS)
def test_the_declared_steps_are_those_with_a_gradient(name: str) -> None:
    block, shape = KERNELS[name]
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


@pytest.mark.usefixtures("one_thread")
def test_pooling_widens_a_convolution_by_its_strides() -> None:
    assert NormConv1d(2, 3, kernel=8, stride=2, padding=4, pool=4).time_kernel(6) == 8 + 3 * 2
