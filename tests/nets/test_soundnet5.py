"""SoundNet's five layers: the papers' sizes, level by hand, receptive field and minimum lengths."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.toy import one_thread
from torch import nn

from emotone.config import from_mapping, to_mapping
from emotone.errors import ConfigError
from emotone.nets.architectures.waveform_networks import (
    MIN_SAMPLES,
    STEP,
    ScoreHead,
    SoundNet5,
    SoundNet5Source,
    samples_for_steps,
)
from emotone.nets.blocks.base import valid_steps
from emotone.nets.blocks.waveform import NormConv1d, SampleReader, convolve
from emotone.nets.layers import layer_table, parameter_count, receptive_field

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
FULL = 256.0


def sine(amplitude: float, samples: int = 16000) -> torch.Tensor:
    return amplitude * torch.sin(2 * np.pi * 440 * torch.arange(samples) / 16000)[None, :, None]


def levelled(x: torch.Tensor, lengths: torch.Tensor | None = None, *, min_samples: int = 1) -> torch.Tensor:
    y, _ = SampleReader(level=0.1, scale=FULL, min_samples=min_samples)(x, lengths)
    return y  # type: ignore[no-any-return]


@pytest.mark.parametrize(("filters", "count"), [(256, 463_266), (16, 215_826)])
def test_two_classes_give_the_parameters_of_the_paper(filters: int, count: int) -> None:
    spec = SoundNet5(filters=filters)
    assert parameter_count(layer_table(spec, 1, 2)) == count
    assert sum(value.numel() for value in spec.build(1, 2).parameters()) == count


def test_the_first_layers_may_be_those_of_soundnet_with_eight() -> None:
    spec = SoundNet5(channels=(16, 32, 64))
    net = spec.build(1, 2)
    assert parameter_count(layer_table(spec, 1, 2)) == sum(value.numel() for value in net.parameters())
    shapes = {name: tuple(value.shape) for name, value in net.named_parameters() if "convolution.weight" in name}
    assert list(shapes.values())[:3] == [(16, 1, 64), (32, 16, 32), (64, 32, 16)]


@pytest.mark.parametrize("channels", [(16, 32), (16, 32, 0), (1, 2, 3, 4)])
def test_three_channels_come_before_the_filters(channels: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="three channels of at least 1; given"):
        SoundNet5(channels=channels)


def test_the_source_has_the_parameters_of_the_original() -> None:
    net = SoundNet5Source().build()
    assert sum(value.numel() for value in net.parameters()) == 6_202_137
    trunk = sum(value.numel() for name, value in net.named_parameters() if name.startswith("blocks.conv"))
    assert trunk == 462_240


def test_source_and_detector_call_their_tensors_by_the_same_names() -> None:
    source = SoundNet5Source().build().state_dict()
    target = SoundNet5(filters=256).build(1, 2).state_dict()
    shared = [name for name in target if ".conv5." not in name]
    assert len(shared) == 4 * 7
    assert all(source[name].shape == target[name].shape for name in shared)
    assert {name.split(".")[1] for name in target} == {"conv1", "conv2", "conv3", "conv4", "conv5"}


def test_twenty_seconds_give_the_original_four_steps_of_each_head() -> None:
    net = SoundNet5Source(heads=(ScoreHead("objects", 3), ScoreHead("scenes", 2))).build().eval()
    with torch.inference_mode():
        steps = net.steps(torch.randn(1, 22050 * 20, 1) * 0.01)
        mean = net(torch.randn(2, 16000, 1))
    assert {name: tuple(scores.shape) for name, (scores, _) in steps.items()} == {
        "objects": (1, 3, 4),
        "scenes": (1, 2, 4),
    }
    assert {name: tuple(scores.shape) for name, scores in mean.items()} == {"objects": (2, 3), "scenes": (2, 2)}


def test_a_source_gives_padded_batches_what_it_gives_single_inputs() -> None:
    torch.manual_seed(0)
    net = SoundNet5Source(
        heads=(ScoreHead("wide", 3), ScoreHead("narrow", 2, kernel=1, stride=1, padding=0)), level=-20.0
    )
    module = net.build().eval()
    items = [torch.randn(samples, 1) * 0.1 for samples in (9000, 60000, 150000)]
    lengths = torch.tensor([len(item) for item in items])
    padded = torch.zeros(3, 150100, 1)
    for row, item in zip(padded, items, strict=True):
        row[: len(item)] = item
    with torch.inference_mode():
        batch = module(padded, lengths)
        for index, item in enumerate(items):
            for name, scores in module(item[None]).items():
                torch.testing.assert_close(batch[name][index], scores[0], atol=1e-5, rtol=1e-5)


def test_a_step_of_conv4_sees_as_many_samples_as_declared() -> None:
    spec = SoundNet5(normalise_level=False)
    table = layer_table(spec, 1, 2)
    declared = receptive_field(table[: [layer.name for layer in table].index("conv4") + 1])
    net = spec.build(1, 2).double().eval()
    with torch.no_grad():
        for value in net.parameters():
            value.abs_()  # no ReLU is negative, so gradients reach every input
        for name in ("conv1", "conv2", "conv3"):
            block: Any = net.blocks[name]
            block.pool = 1  # the gradient of max-pooling reaches one step of eight: pooling is counted below
    x = torch.rand(1, 1, 6000, dtype=torch.double, requires_grad=True)
    y: torch.Tensor = x
    for name in ("conv1", "conv2", "conv3", "conv4"):
        y, _ = net.blocks[name](y, None)
    y[0, :, y.shape[2] // 2].sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    inputs = torch.nonzero(x.grad[0, 0])[:, 0]
    without_pools = 1 + 63 + 31 * 2 + 15 * 4 + 7 * 8
    assert int(inputs[-1] - inputs[0]) + 1 == without_pools
    assert declared == 1 + 63 + 7 * 2 + 31 * 16 + 7 * 32 + 15 * 256 + 7 * 512 + 7 * 4096 == 36894
    assert receptive_field(table) == declared + STEP


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
def test_minimum_samples_are_the_fewest_that_give_the_steps(steps: int) -> None:
    blocks = SoundNet5().build(1, 2).eval().blocks

    def made(samples: int) -> int:
        y = torch.zeros(1, 1, samples)
        for name in ("conv1", "conv2", "conv3", "conv4"):
            y, _ = blocks[name](y, None)
        return y.shape[2]

    samples = samples_for_steps(steps)
    assert made(samples) == steps
    if steps > 1:
        assert made(samples - 1) == steps - 1


def test_the_minimum_is_two_steps() -> None:
    assert samples_for_steps(2) == MIN_SAMPLES
    assert samples_for_steps(8) == SoundNet5Source().needed == 56798


@pytest.mark.parametrize("amplitude", [1e-3, 0.1, 1.0, 30.0])
def test_a_sine_of_any_level_gets_the_level(amplitude: float) -> None:
    y = levelled(sine(amplitude))
    assert float(y.square().mean().sqrt()) == pytest.approx(0.1 * FULL, rel=1e-4)
    assert float(y.abs().max()) == pytest.approx(0.1 * np.sqrt(2) * FULL, rel=1e-3)


def test_an_impulse_is_clipped_at_full_scale() -> None:
    x = torch.zeros(1, 10000, 1)
    x[0, 5000] = -0.01  # a root mean square of 0.0001, so that the gain is 1000
    y = levelled(x)
    assert float(y.min()) == -FULL
    assert int(torch.count_nonzero(y)) == 1


def test_silence_stays_silence_and_the_gain_of_near_silence_is_limited() -> None:
    assert torch.count_nonzero(levelled(torch.zeros(1, 100, 1))) == 0
    assert float(levelled(sine(1e-7)).abs().max()) == pytest.approx(1e-7 * 0.1 / 1e-5 * FULL, rel=1e-3)


def test_padding_does_not_count_for_the_level() -> None:
    x = torch.cat([sine(0.3), torch.full((1, 700, 1), 9.0)], dim=1)
    y = levelled(x, torch.tensor([16000]), min_samples=20000)
    assert y.shape == (1, 1, 20000)
    torch.testing.assert_close(y[:, :, :16000], levelled(sine(0.3)), rtol=1e-5, atol=1e-5)
    assert torch.count_nonzero(y[:, :, 16000:]) == 0


def test_rows_of_any_size_are_the_same_signal() -> None:
    net = SoundNet5().build(1, 2).eval()
    x = torch.randn(2, 24000, 1)
    with torch.inference_mode():
        alone = net(x, torch.tensor([24000, 19200]))
        rows = net(x.reshape(2, 1500, 16), torch.tensor([1500, 1200]))
    torch.testing.assert_close(rows, alone)


def test_without_a_level_the_signal_keeps_its_level() -> None:
    y, _ = SampleReader(level=None, scale=FULL, min_samples=1)(sine(0.5), None)
    torch.testing.assert_close(y[0, 0], FULL * sine(0.5)[0, :, 0])


def test_a_window_gives_two_scores_and_their_mean() -> None:
    net = SoundNet5().build(1, 2).eval()
    y: Any = torch.randn(1, 19200, 1)
    lengths = None
    with torch.inference_mode():
        expected = net(y)
        for name, block in net.blocks.items():
            if name != "pool":
                y, lengths = block(y, lengths)
    assert y.shape == (1, 2, 2)
    torch.testing.assert_close(expected, (y[:, :, 0] + y[:, :, 1]) / 2)


def test_settings_round_trip_through_toml() -> None:
    for spec in (SoundNet5(), SoundNet5(normalise_level=False, level=-26.0)):
        assert from_mapping(SoundNet5, to_mapping(spec), where="net") == spec


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filters": 0}, "at least 1 filter; given 0"),
        ({"dropout": 1.0}, "0 <= dropout < 1; given 1.0"),
        ({"level": 3.0}, "level must be from -60 to 0 dB relative to full scale; given 3.0"),
        ({"min_samples": 7645}, "min_samples >= 7646 samples, which give two steps of conv4; given 7645"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SoundNet5(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heads": ()}, r"heads with unique names; given \[\]"),
        ({"heads": (ScoreHead("a", 2), ScoreHead("a", 3))}, r"unique names; given \['a', 'a'\]"),
        ({"heads": (ScoreHead("a", 0),)}, r"classes, kernel and stride of at least 1.*classes=0"),
        ({"heads": (ScoreHead("a", 2, padding=-1),)}, "padding of at least 0"),
        ({"level": -61.0}, "level must be from -60 to 0"),
        ({"min_samples": 56797}, "min_samples >= 56798; given 56797"),
    ],
)
def test_source_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SoundNet5Source(**settings)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 7), st.integers(0, 40))
def test_strides_as_channels_are_the_convolution(stride: int, kernels: int, padding: int, more: int) -> None:
    torch.manual_seed(more)
    convolution = nn.Conv1d(3, 2, stride * kernels, stride, padding).double()
    x = torch.randn(2, 3, max(1, stride * kernels - 2 * padding) + more, dtype=torch.float64, requires_grad=True)
    found, slow = convolve(x, convolution), convolution(x)
    torch.testing.assert_close(found, slow)
    learns = (x, *convolution.parameters())
    for one, other in zip(
        torch.autograd.grad((found**2).sum(), learns), torch.autograd.grad((slow**2).sum(), learns), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_a_kernel_of_broken_strides_is_left_to_torch() -> None:
    convolution = nn.Conv1d(1, 2, 5, 2)
    x = torch.randn(1, 1, 30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(convolve(x, convolution), convolution(x))


@pytest.mark.parametrize("training", [True, False])
def test_pooling_before_the_relu_changes_no_bit(training: bool) -> None:
    block = NormConv1d(3, 5, kernel=8, stride=2, padding=4, pool=8).train(training)
    torch.nn.init.normal_(block.norm.weight)  # of both signs
    slow = copy.deepcopy(block)
    inputs = [torch.randn(4, 3, 700, generator=torch.Generator().manual_seed(0)).requires_grad_() for _ in range(2)]
    fast_y, fast_lengths = block(inputs[0], torch.tensor([700, 650, 333, 40]))
    slow_y = nn.functional.max_pool1d(torch.relu(slow.norm(convolve(inputs[1], slow.convolution))), 8)
    slow_y = slow_y * valid_steps(fast_lengths, slow_y.shape[2])[:, None, :]
    assert torch.equal(fast_y, slow_y)
    assert 0 < int((slow_y == 0).sum()) < slow_y.numel()
    for y in (fast_y, slow_y):
        (y**2).sum().backward()
    assert torch.equal(inputs[0].grad, inputs[1].grad)  # type: ignore[arg-type]
    for one, other in zip(block.parameters(), slow.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)  # type: ignore[arg-type]
