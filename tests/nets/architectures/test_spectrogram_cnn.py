from __future__ import annotations

from typing import Any

import pytest
import torch

from emotone.errors import ConfigError
from emotone.nets.architectures.spectrogram_cnn import SpectrogramCnn
from emotone.nets.layers import layer_table, parameter_count
from emotone.recipes.library import load_net_recipe


def test_parameters_of_r1() -> None:
    # 1024 filters of 64 x 5 in two channels; 32 steps after pooling; 64 and 7 units.
    expected = 1024 * (2 * 64 * 5 + 1) + 64 * (1024 * 32 + 1) + 7 * 65
    assert parameter_count(layer_table(SpectrogramCnn(), 128, 7)) == expected


def test_parameters_of_s1() -> None:
    expected = 16 * (2 * 25 + 1) + 64 * (16 * 32 * 32 + 1) + 7 * 65
    assert parameter_count(layer_table(SpectrogramCnn(filters=(16,), whole=False), 128, 7)) == expected


@pytest.mark.parametrize(
    ("name", "filters", "height", "width"),
    [
        ("s1", (16,), 5, 5),
        ("s2", (32,), 5, 5),
        ("s3", (16, 32), 5, 5),
        ("s4", (256,), 5, 5),
        ("r1", (1024,), 64, 5),
        ("r2", (32,), 64, 5),
        ("r3", (16, 32), 64, 5),
        ("r4", (128,), 64, 10),
        ("r5", (1024,), 64, 10),
        ("r6", (1024,), 64, 5),
    ],
)
def test_recipes_have_the_filters_of_table_4(name: str, filters: tuple[int, ...], height: int, width: int) -> None:
    recipe = load_net_recipe(f"spectrogram-{name}")
    net = recipe.net_spec.build(recipe.feature.dimension, 7)
    weights = [net.get_parameter(f"blocks.conv{number}.convolution.weight") for number in range(1, len(filters) + 1)]
    assert tuple(len(weight) for weight in weights) == filters
    assert weights[0].shape[1:] == (2, height, width)
    assert recipe.windows.frames(recipe.feature) == (64, 64)
    assert net(torch.randn(2, 64, 128)).shape == (2, 7)


def test_filters_as_high_as_the_image_move_over_time_only() -> None:
    net = SpectrogramCnn(filters=(3,)).build(128, 7)
    x = torch.randn(1, 64, 128)
    for name in ("chunk", "limits", "centre", "image", "conv1"):
        x, _ = net.blocks[name](x, None)
    assert x.shape == (1, 3, 1, 32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"filters": (1, 2, 3)},
            r"one or two numbers of filters, width >= 1 and units >= 1; given \(1, 2, 3\), 5 and 64",
        ),
        ({"width": 0}, r"given \(1024,\), 0 and 64"),
        ({"slope": 1.0}, r"spectrogram-cnn needs 0 <= slope < 1; given 1.0"),
        ({"anomalies": -0.1}, r"spectrogram-cnn needs 0 <= anomalies < 1, a share of values; given -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SpectrogramCnn(**settings)


def test_rows_of_one_channel_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs rows of 2 channels; given 65 values per row"):
        SpectrogramCnn().build(65, 7)
