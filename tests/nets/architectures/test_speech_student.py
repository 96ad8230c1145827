"""The student encoder: padded, at any level, with any layers, and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from emotone.errors import ConfigError
from emotone.nets.architectures.speech_student import SpeechStudent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.nets.blocks.base import Network

SMALL: dict[str, Any] = {"width": 8, "kernel": 5, "expansion": 2}


@pytest.fixture
def rows(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.uniform(-7, 2, (1, 45, 80)).astype(np.float32))


def network(**settings: Any) -> Network:
    torch.manual_seed(0)
    return SpeechStudent(**{**SMALL, **settings}).build(80, 3).eval()


def pooled(net: Network, x: torch.Tensor, lengths: torch.Tensor | None = None) -> NDArray[np.float32]:
    with torch.inference_mode():
        for name, block in net.blocks.items():
            x, lengths = block(x, lengths)
            if name == "pool":
                return x.numpy()
    raise AssertionError("the network has no block named pool")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 13, 44, 45])
def test_padding_changes_nothing(rows: torch.Tensor, count: int) -> None:
    net = network()
    batch = torch.cat([rows, rows])
    found = pooled(net, batch, torch.tensor([45, count]))
    np.testing.assert_allclose(found[0], pooled(net, rows)[0], atol=1e-5)
    np.testing.assert_allclose(found[1], pooled(net, rows[:, :count])[0], atol=1e-5)


def test_any_layers_are_those_of_all(rows: torch.Tensor) -> None:
    every = pooled(network(layers=(0, 1, 2, 3)), rows).reshape(4, 8)
    found = pooled(network(layers=(0, 2, 3)), rows).reshape(3, 8)
    np.testing.assert_allclose(found, every[[0, 2, 3]], atol=1e-6)


def test_the_level_changes_nothing_unless_it_is_kept(rows: torch.Tensor) -> None:
    net, kept = network(), network(peak=None)
    np.testing.assert_allclose(pooled(net, rows - 2), pooled(net, rows), atol=1e-4)
    assert np.abs(pooled(kept, rows - 2) - pooled(kept, rows)).max() > 1e-3


def test_every_step_depends_on_the_whole_input(rows: torch.Tensor) -> None:
    """Through the context; the convolutions of one layer reach 5 steps of 4 rows only."""
    net = network(layers=(0, 1))
    first, second = list(net.blocks.items())[:5], rows.clone()
    second[:, -4:] = -7
    outputs = []
    with torch.inference_mode():
        for given in (rows, second):
            x = given
            for _, block in first:
                x, _ = block(x, None)
            outputs.append(x[0, -1, 0])
    assert (outputs[0] - outputs[1]).abs().max() > 1e-5


def test_the_default_has_at_most_three_million_parameters() -> None:
    blocks = SpeechStudent().build(80, 2).blocks
    names = [name for name in blocks if name not in {"standardise", "classifier"}]
    assert sum(one.numel() for name in names for one in blocks[name].parameters()) < 2_600_000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": ()}, r"layers in ascending order, each once; given \[\]"),
        ({"layers": (-1,)}, r"layers in ascending order, each once; given \[-1\]"),
        ({"layers": (33,)}, "at most 32 layers; given layer 33"),
        ({"kernel": 4}, "an odd kernel; given 4"),
        ({"width": 0}, "width and expansion of at least 1; given 0, 4"),
        ({"dropout": 1.0}, "0 <= dropout < 1; given 1.0"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SpeechStudent(**settings)
