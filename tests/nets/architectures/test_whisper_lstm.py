"""The network on chunks of Whisper's layers: its recipe, the weights that fit it, and refused settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from emotone.errors import ConfigError
from emotone.nets.architectures.whisper_encoder import WhisperEncoder
from emotone.nets.architectures.whisper_lstm import WhisperLstm
from emotone.recipes.library import load_net_recipe


def test_the_recipe_freezes_the_encoder() -> None:
    recipe = load_net_recipe("whisper-lstm")
    assert recipe.net_spec == WhisperLstm()
    assert recipe.transfer is not None
    assert recipe.transfer.freeze == recipe.transfer.load
    assert recipe.windows.frames(recipe.feature) == (1024, 1024)  # 20 chunks of 512 ms


@pytest.mark.parametrize("context", ["lstm", "attention"])
def test_tensors_of_the_encoder_have_the_names_of_a_source(context: Any) -> None:
    sizes: dict[str, Any] = {"layers": (1, 2), "width": 8, "heads": 2}
    ours = WhisperLstm(**sizes, context=context, context_units=3).build(80, 7)
    theirs = WhisperEncoder(**sizes).build(80, 7).state_dict()
    encoder = {name: value for name, value in theirs.items() if name.split(".")[1].startswith(("conv", "pos", "layer"))}
    assert len(encoder) == 29
    assert ours.load_state_dict(encoder, strict=False).unexpected_keys == []


def test_statistics_of_training_leave_out_padding() -> None:
    torch.manual_seed(0)
    nets = [WhisperLstm(layers=(1,), width=8, heads=2, context_units=3).build(80, 7).train() for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    x = torch.randn(3, 60, 80)
    padded = torch.cat([x, torch.full((3, 200, 80), 5.0)], dim=1)
    for net, given in zip(nets, (x, padded), strict=True):
        net(given, torch.tensor([60, 60, 31]))
    means = [net.get_buffer("blocks.standardise.norm.running_mean") for net in nets]
    torch.testing.assert_close(means[0], means[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": (3, 2)}, r"layers in ascending order"),
        ({"layers": (33,)}, r"at most 32 layers; given layer 33"),
        ({"width": 10, "heads": 3}, r"a width that its heads divide"),
        ({"context": "atention"}, r"did you mean 'attention'"),
        ({"context_units": 0}, r"context_units >= 1; given 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WhisperLstm(**settings)
