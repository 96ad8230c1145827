"""Whisper's encoder: against a plain implementation, with any layers, at any level, and padded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import one_thread
from tests.transfer.writers import random_encoder

from emotone.errors import ConfigError
from emotone.nets.architectures.whisper_encoder import WhisperEncoder
from emotone.transfer.sources.whisper import from_checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.nets.blocks.base import Network

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
WIDTH, HEADS, LAYERS = 8, 2, 2
Encoder = dict[str, "NDArray[Any]"]


@pytest.fixture
def encoder(rng: np.random.Generator) -> Encoder:
    return random_encoder(rng, width=WIDTH, layers=LAYERS)


@pytest.fixture
def rows(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.uniform(-7, 2, (37, 80)).astype(np.float32)


def network(encoder: Encoder, **settings: Any) -> Network:
    spec = WhisperEncoder(**{"layers": (0, 1, 2), "width": WIDTH, "heads": HEADS, **settings})
    net = spec.build(80, 3).eval()
    state = net.state_dict()
    found = from_checkpoint({f"encoder.{name}": values for name, values in encoder.items()}, where="a.pt")
    net.load_state_dict({name: torch.from_numpy(found[name]) if name in found else state[name] for name in state})
    return net


def pooled(net: Network, x: torch.Tensor, lengths: torch.Tensor | None = None) -> NDArray[np.float32]:
    with torch.inference_mode():
        for name, block in net.blocks.items():
            x, lengths = block(x, lengths)
            if name == "pool":
                return x.numpy()
    raise AssertionError("the network has no block named pool")


def plain_outputs(encoder: Encoder, rows: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Return the output of each layer [time, width], computed step by step in NumPy as the publication states it."""
    from math import erf

    def gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))
        return result

    def norm(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        scaled = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        result: NDArray[np.float64] = scaled * encoder[f"{name}.weight"] + encoder[f"{name}.bias"]
        return result

    def linear(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ encoder[f"{name}.weight"].T.astype(np.float64) + encoder.get(f"{name}.bias", 0.0)

    def convolution(x: NDArray[np.float64], name: str, stride: int) -> NDArray[np.float64]:
        wide = np.pad(x, ((1, 1), (0, 0)))
        steps = range(0, len(x), stride)
        weight = encoder[f"{name}.weight"].astype(np.float64)
        return np.array([np.einsum("oik,ki->o", weight, wide[t : t + 3]) for t in steps]) + encoder[f"{name}.bias"]

    limited = np.maximum(rows, rows.max() - 8).astype(np.float64)
    x = gelu(convolution((limited + 4) / 4, "conv1", 1))
    x = gelu(convolution(x, "conv2", 2))
    x = x + encoder["positional_embedding"][: len(x)]
    outputs = [x]
    for number in range(LAYERS):
        layer = f"blocks.{number}"
        h = norm(x, f"{layer}.attn_ln")
        query, key, value = (linear(h, f"{layer}.attn.{name}") for name in ("query", "key", "value"))
        mixed = np.zeros_like(query)
        for head in range(HEADS):
            part = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            scores = np.exp(query[:, part] @ key[:, part].T / np.sqrt(WIDTH // HEADS))
            mixed[:, part] = scores / scores.sum(axis=1, keepdims=True) @ value[:, part]
        x = x + linear(mixed, f"{layer}.attn.out")
        x = x + linear(gelu(linear(norm(x, f"{layer}.mlp_ln"), f"{layer}.mlp.0")), f"{layer}.mlp.2")
        outputs.append(x)
    return outputs


def test_it_equals_a_plain_implementation(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    expected = [output.mean(axis=0) for output in plain_outputs(encoder, rows)]
    found = pooled(network(encoder), torch.from_numpy(rows)[None]).reshape(LAYERS + 1, WIDTH)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("layers", [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_any_layers_are_those_of_all(encoder: Encoder, rows: NDArray[np.float32], layers: tuple[int, ...]) -> None:
    x = torch.from_numpy(rows)[None]
    every = pooled(network(encoder), x).reshape(LAYERS + 1, WIDTH)
    found = pooled(network(encoder, layers=layers), x).reshape(len(layers), WIDTH)
    np.testing.assert_allclose(found, every[list(layers)], atol=1e-6)


def test_layers_are_averaged_or_concatenated(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    x = torch.from_numpy(rows)[None]
    every = pooled(network(encoder), x).reshape(LAYERS + 1, WIDTH)
    for combination in ("mean", "learned"):  # learned weights start equal
        found = pooled(network(encoder, combination=combination), x)
        np.testing.assert_allclose(found[0], every.mean(axis=0), atol=1e-6)


def test_deviations_are_those_over_time(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    net = network(encoder, layers=(2,), statistics="mean-deviation")
    expected = plain_outputs(encoder, rows)[2].std(axis=0)
    np.testing.assert_allclose(pooled(net, torch.from_numpy(rows)[None])[0, WIDTH:], expected, atol=1e-3)


def test_the_final_norm_applies_to_the_last_output(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    last = plain_outputs(encoder, rows)[2]
    scaled = (last - last.mean(axis=1, keepdims=True)) / np.sqrt(last.var(axis=1, keepdims=True) + 1e-5)
    expected = (scaled * encoder["ln_post.weight"] + encoder["ln_post.bias"]).mean(axis=0)
    net = network(encoder, layers=(2,), final_norm=True)
    np.testing.assert_allclose(pooled(net, torch.from_numpy(rows)[None])[0], expected, atol=1e-4)


@pytest.mark.parametrize("gain", [-3.0, 2.0])
def test_with_a_peak_the_level_changes_nothing(encoder: Encoder, rows: NDArray[np.float32], gain: float) -> None:
    x = torch.from_numpy(rows)[None]
    levelled, kept = network(encoder, peak=1.5), network(encoder)
    np.testing.assert_allclose(pooled(levelled, x + gain), pooled(levelled, x), atol=1e-4)
    assert np.abs(pooled(kept, x + gain) - pooled(kept, x)).max() > 1e-2


def test_inputs_may_be_longer_than_the_position_encodings(encoder: Encoder, rng: np.random.Generator) -> None:
    x = torch.from_numpy(rng.uniform(-7, 2, (1, 3100, 80)).astype(np.float32))
    assert np.isfinite(pooled(network(encoder), x)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": ()}, r"layers in ascending order, each once; given \[\]"),
        ({"layers": (3, 2)}, r"layers in ascending order, each once; given \[3, 2\]"),
        ({"layers": (-1,)}, r"layers in ascending order, each once; given \[-1\]"),
        ({"layers": (33,)}, "at most 32 layers; given layer 33"),
        ({"heads": 7}, "a width that its heads divide; given 512, 7"),
        ({"hidden": -1}, "hidden >= 0, where 0 means no hidden layer; given -1"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WhisperEncoder(**settings)
