from __future__ import annotations

import pytest
import torch

from emotone.errors import ConfigError
from emotone.nets.architectures.chunk_mlp import ChunkMlp
from emotone.recipes.library import load_net_recipe


@pytest.mark.parametrize(
    ("name", "parameters"), [("softmax", 189), ("fc2", 27 * 64 + 455), ("fc3", 27 * 64 + 4160 + 455)]
)
def test_recipes_have_the_layers_of_table_2(name: str, parameters: int) -> None:
    recipe = load_net_recipe(f"spectrogram-{name}")
    net = recipe.net_spec.build(recipe.feature.dimension, 7)
    assert sum(value.numel() for value in net.parameters()) == parameters
    assert recipe.windows.frames(recipe.feature) == (1, 1)


def test_only_the_first_row_counts() -> None:
    net = ChunkMlp().build(26, 7).eval()
    x = torch.randn(2, 3, 26)
    assert torch.equal(net(x), net(x[:, :1]))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"chunk-mlp needs depth >= 0 and units >= 1; given -1 and 64"):
        ChunkMlp(depth=-1)
