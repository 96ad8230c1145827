"""Speech encoders and recognisers: Whisper's, its small student, and one like DeepSpeech."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.transfer.writers import random_encoder

from emotone.errors import ConfigError
from emotone.metrics.transcription import beam_text, greedy_text
from emotone.nets.architectures.speech_encoders import SpeechStudent, WhisperEncoder
from emotone.nets.speech_recogniser import BANDS, BLANK, SpeechRecogniser, layer_outputs
from emotone.transfer.sources.whisper import from_checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.nets.blocks.base import Network


# ----------------------------------------------------------------------------------------------------------------------
# Whisper's encoder: against a plain implementation, with any layers, at any level, and padded.

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


@pytest.mark.usefixtures("one_thread")
def test_it_equals_a_plain_implementation(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    expected = [output.mean(axis=0) for output in plain_outputs(encoder, rows)]
    found = pooled(network(encoder), torch.from_numpy(rows)[None]).reshape(LAYERS + 1, WIDTH)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("layers", [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_any_layers_are_those_of_all(encoder: Encoder, rows: NDArray[np.float32], layers: tuple[int, ...]) -> None:
    x = torch.from_numpy(rows)[None]
    every = pooled(network(encoder), x).reshape(LAYERS + 1, WIDTH)
    found = pooled(network(encoder, layers=layers), x).reshape(len(layers), WIDTH)
    np.testing.assert_allclose(found, every[list(layers)], atol=1e-6)


@pytest.mark.usefixtures("one_thread")
def test_layers_are_averaged_or_concatenated(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    x = torch.from_numpy(rows)[None]
    every = pooled(network(encoder), x).reshape(LAYERS + 1, WIDTH)
    for combination in ("mean", "learned"):  # learned weights start equal
        found = pooled(network(encoder, combination=combination), x)
        np.testing.assert_allclose(found[0], every.mean(axis=0), atol=1e-6)


@pytest.mark.usefixtures("one_thread")
def test_deviations_are_those_over_time(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    net = network(encoder, layers=(2,), statistics="mean-deviation")
    expected = plain_outputs(encoder, rows)[2].std(axis=0)
    np.testing.assert_allclose(pooled(net, torch.from_numpy(rows)[None])[0, WIDTH:], expected, atol=1e-3)


@pytest.mark.usefixtures("one_thread")
def test_the_final_norm_applies_to_the_last_output(encoder: Encoder, rows: NDArray[np.float32]) -> None:
    last = plain_outputs(encoder, rows)[2]
    scaled = (last - last.mean(axis=1, keepdims=True)) / np.sqrt(last.var(axis=1, keepdims=True) + 1e-5)
    expected = (scaled * encoder["ln_post.weight"] + encoder["ln_post.bias"]).mean(axis=0)
    net = network(encoder, layers=(2,), final_norm=True)
    np.testing.assert_allclose(pooled(net, torch.from_numpy(rows)[None])[0], expected, atol=1e-4)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("gain", [-3.0, 2.0])
def test_with_a_peak_the_level_changes_nothing(encoder: Encoder, rows: NDArray[np.float32], gain: float) -> None:
    x = torch.from_numpy(rows)[None]
    levelled, kept = network(encoder, peak=1.5), network(encoder)
    np.testing.assert_allclose(pooled(levelled, x + gain), pooled(levelled, x), atol=1e-4)
    assert np.abs(pooled(kept, x + gain) - pooled(kept, x)).max() > 1e-2


@pytest.mark.usefixtures("one_thread")
def test_inputs_may_be_longer_than_the_position_encodings(encoder: Encoder, rng: np.random.Generator) -> None:
    x = torch.from_numpy(rng.uniform(-7, 2, (1, 3100, 80)).astype(np.float32))
    assert np.isfinite(pooled(network(encoder), x)).all()


@pytest.mark.usefixtures("one_thread")
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


# ----------------------------------------------------------------------------------------------------------------------
# The student encoder: padded, at any level, with any layers, and its settings.

SMALL: dict[str, Any] = {"width": 8, "kernel": 5, "expansion": 2}


@pytest.fixture
def student_rows(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.uniform(-7, 2, (1, 45, 80)).astype(np.float32))


def student(**settings: Any) -> Network:
    torch.manual_seed(0)
    return SpeechStudent(**{**SMALL, **settings}).build(80, 3).eval()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 13, 44, 45])
def test_padding_changes_nothing(student_rows: torch.Tensor, count: int) -> None:
    net = student()
    batch = torch.cat([student_rows, student_rows])
    found = pooled(net, batch, torch.tensor([45, count]))
    np.testing.assert_allclose(found[0], pooled(net, student_rows)[0], atol=1e-5)
    np.testing.assert_allclose(found[1], pooled(net, student_rows[:, :count])[0], atol=1e-5)


def test_any_layers_of_a_student_are_those_of_all(student_rows: torch.Tensor) -> None:
    every = pooled(student(layers=(0, 1, 2, 3)), student_rows).reshape(4, 8)
    found = pooled(student(layers=(0, 2, 3)), student_rows).reshape(3, 8)
    np.testing.assert_allclose(found, every[[0, 2, 3]], atol=1e-6)


def test_the_level_changes_nothing_unless_it_is_kept(student_rows: torch.Tensor) -> None:
    net, kept = student(), student(peak=None)
    np.testing.assert_allclose(pooled(net, student_rows - 2), pooled(net, student_rows), atol=1e-4)
    assert np.abs(pooled(kept, student_rows - 2) - pooled(kept, student_rows)).max() > 1e-3


def test_every_step_depends_on_the_whole_input(student_rows: torch.Tensor) -> None:
    """Through the context; the convolutions of one layer reach 5 steps of 4 rows only."""
    net = student(layers=(0, 1))
    first, second = list(net.blocks.items())[:5], student_rows.clone()
    second[:, -4:] = -7
    outputs = []
    with torch.inference_mode():
        for given in (student_rows, second):
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
def test_settings_of_a_student_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SpeechStudent(**settings)


# ----------------------------------------------------------------------------------------------------------------------
# The recogniser with recurrent layers: sizes, padding, names of layers, and that CTC trains it.

TINY = SpeechRecogniser(units=6, layers=2, characters="AB ")


@pytest.mark.usefixtures("one_thread")
def test_a_step_is_two_rows_and_every_layer_has_a_name() -> None:
    torch.manual_seed(0)
    net = TINY.build().eval()
    with torch.no_grad():
        found = layer_outputs(net, torch.randn(2, 31, BANDS), None)
    assert list(found) == ["standardise", "conv1", "conv2", "gru1", "gru2", "characters"]
    shapes = {name: tuple(values.shape) for name, (values, _) in found.items()}
    assert shapes["conv1"] == (2, 32, 81, 16)
    assert shapes["conv2"] == (2, 32, 41, 16)
    assert shapes["gru1"] == shapes["gru2"] == (2, 16, 6)
    assert shapes["characters"] == (2, 16, 4)
    torch.testing.assert_close(found["characters"][0].exp().sum(dim=2), torch.ones(2, 16))
    assert all(block.description for block in net.blocks.values())


@pytest.mark.usefixtures("one_thread")
def test_padding_changes_nothing_for_a_recogniser() -> None:
    torch.manual_seed(0)
    net = TINY.build().eval().double()
    items = [torch.randn(length, BANDS).double() for length in (1, 2, 9, 40)]
    x = torch.full((len(items), 45, BANDS), 7.0).double()
    for row, item in zip(x, items, strict=True):
        row[: len(item)] = item
    lengths = torch.tensor([len(item) for item in items])
    with torch.no_grad():
        together = layer_outputs(net, x, lengths)
        for index, item in enumerate(items):
            for name, (alone, _) in layer_outputs(net, item[None]).items():
                values, valid = together[name]
                assert valid is not None
                cut = values[index, ..., : valid[index]] if values.ndim == 4 else values[index, : valid[index]]
                torch.testing.assert_close(cut, alone[0], atol=1e-9, rtol=1e-9)


@pytest.mark.usefixtures("one_thread")
def test_the_directions_are_summed() -> None:
    torch.manual_seed(0)
    layer = TINY.build().eval().blocks["gru2"]
    x = torch.randn(1, 5, 6)
    with torch.no_grad():
        normed = layer.norm(x.transpose(1, 2)).transpose(1, 2)  # type: ignore[operator]
        both, _ = layer.gru(normed)  # type: ignore[operator]
        torch.testing.assert_close(layer(x, None)[0], both[..., :6] + both[..., 6:])


@pytest.mark.usefixtures("one_thread")
def test_ctc_training_learns_a_transcript() -> None:
    torch.manual_seed(0)
    net = TINY.build().train()
    x, lengths = torch.randn(2, 20, BANDS), torch.tensor([20, 16])
    texts = ["AB A", "BB"]
    codes = torch.tensor([[1 + TINY.characters.index(one) for one in text.ljust(4)] for text in texts])
    loss_of = torch.nn.CTCLoss(blank=BLANK)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(26):
        scores, steps = layer_outputs(net, x, lengths)["characters"]
        loss = loss_of(scores.transpose(0, 1), codes, steps, torch.tensor([4, 2]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert steps is not None
    for values, valid, text in zip(scores.detach().numpy().astype(np.float64), steps, texts, strict=True):
        assert greedy_text(values[:valid], TINY.characters, blank=BLANK) == text
        assert beam_text(values[:valid], TINY.characters, blank=BLANK) == text


@pytest.mark.usefixtures("one_thread")
def test_its_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="given 0 and 5"):
        SpeechRecogniser(units=0)
    with pytest.raises(ConfigError, match="each once; given 'AA'"):
        SpeechRecogniser(characters="AA")
