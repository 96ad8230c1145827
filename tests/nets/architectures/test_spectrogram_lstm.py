"""The network with context: recipes, the layers that it shares with `spectrogram-cnn`, and refused settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from emotone.errors import ConfigError, UnknownNameError
from emotone.nets.architectures.spectrogram_cnn import SpectrogramCnn
from emotone.nets.architectures.spectrogram_lstm import SpectrogramLstm
from emotone.nets.layers import layer_table, parameter_count
from emotone.recipes.library import load_net_recipe


def test_parameters_on_raw_chunks_are_those_of_an_lstm() -> None:
    expected = 4 * 128 * (64 * 128 + 128 + 2) + 7 * 129
    assert parameter_count(layer_table(SpectrogramLstm(filters=()), 128, 7)) == expected


@pytest.mark.parametrize(
    ("name", "context", "filters"),
    [
        ("spectrogram-lstm", "lstm", (1024,)),
        ("spectrogram-lstm-bidirectional", "bidirectional-lstm", (1024,)),
        ("spectrogram-lstm-chunks", "lstm", ()),
        ("spectrogram-lstm-r1", "lstm", (1024,)),
        ("spectrogram-attention", "attention", (1024,)),
    ],
)
def test_recipes(name: str, context: str, filters: tuple[int, ...]) -> None:
    recipe = load_net_recipe(name)
    spec = recipe.net_spec
    assert isinstance(spec, SpectrogramLstm)
    assert (spec.context, spec.filters) == (context, filters)
    assert recipe.windows.frames(recipe.feature) == (1024, 1024)


def test_a_chunk_has_the_hidden_layer_of_the_network_without_context() -> None:
    cnn = SpectrogramCnn(filters=(3, 4), units=5).build(128, 7)
    net = SpectrogramLstm(filters=(3, 4), units=5).build(128, 7)
    shared = {name: value for name, value in cnn.state_dict().items() if "classifier" not in name}
    assert net.load_state_dict(shared, strict=False).unexpected_keys == []
    x = torch.randn(1, 128, 128)
    y, lengths = x, None
    for name in ("chunk", "limits", "centre", "image", "conv1", "conv2", "hidden"):
        y, lengths = net.blocks[name](y, lengths)
    for place, rows in enumerate((x[:, :64], x[:, 64:])):
        alone = rows
        for name in ("chunk", "limits", "centre", "image", "conv1", "conv2", "hidden"):
            alone, _ = cnn.blocks[name](alone, None)
        torch.testing.assert_close(y[:, place], alone)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"filters": (1, 2, 3)}, r"no, one or two numbers of filters"),
        ({"context_units": 0}, r"context_units >= 1; given 0"),
        ({"context": "attention", "filters": ()}, r"needs filters with attention"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SpectrogramLstm(**settings)


def test_an_unknown_context_is_refused_with_the_nearest() -> None:
    with pytest.raises((ConfigError, UnknownNameError), match="did you mean 'attention'"):
        SpectrogramLstm(context="atention")  # type: ignore[arg-type]


def test_attention_weighs_the_chunks_of_a_window() -> None:
    torch.manual_seed(0)
    net = SpectrogramLstm(filters=(4,), units=8, context="attention", context_units=4).build(128, 3).eval()
    assert net(torch.randn(2, 192, 128), torch.tensor([192, 128])).shape == (2, 3)
