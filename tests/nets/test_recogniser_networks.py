"""Networks that reuse recognisers of speech or letters, and their blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from emotone.errors import ConfigError
from emotone.nets.architectures.recognisers import LetterRecogniser, MfccBigru, RecogniserReuse
from emotone.nets.architectures.speech_encoders import WhisperEncoder
from emotone.nets.blocks.reuse import (
    CepstralBranch,
    CepstralFeatures,
    Recogniser,
    deltas,
    mean_as_rows,
    mean_from_rows,
    mean_over_time,
)
from emotone.nets.blocks.transformer import whisper_layers
from emotone.nets.layers import derive_layers, parameter_count
from emotone.nets.speech_recogniser import SpeechRecogniser, layer_outputs
from emotone.transfer.apply import transfer_into
from emotone.transfer.plans import Plan
from emotone.transfer.weights import SourceWeights, inside_block

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


# ----------------------------------------------------------------------------------------------------------------------
# The paper's three methods on a recogniser: what is trained, what is loaded, and settings that are refused.

SMALL: dict[str, Any] = {"width": 8, "heads": 2, "layer": 2, "units": 3}
PLAN = Plan(("recogniser",), ("recogniser",))


def loaded(spec: RecogniserReuse, source: Network, dimension: int) -> Network:
    net = spec.build(dimension, 4)
    weights = SourceWeights("made", {name: value.numpy() for name, value in source.state_dict().items()})
    transfer_into(net, inside_block(weights, spec.source_block), PLAN)
    return net.eval()


@pytest.mark.usefixtures("one_thread")
def test_the_mean_is_that_of_the_encoders_layer() -> None:
    torch.manual_seed(0)
    encoder = WhisperEncoder(layers=(2,), width=8, heads=2).build(6, 4).eval()
    net = loaded(RecogniserReuse(method="mean", **SMALL), encoder, 6)
    x, lengths = torch.randn(3, 40, 6), torch.tensor([40, 3, 17])
    expected = actual = x, lengths
    for name in ("range", "conv1", "conv2", "positions", "layer1", "layer2", "pool"):
        expected = encoder.blocks[name](*expected)
    for name in ("recogniser", "pool"):
        actual = net.blocks[name](*actual)
    torch.testing.assert_close(actual[0], expected[0])


@pytest.mark.usefixtures("one_thread")
def test_the_paper_s_kind_of_recogniser_is_read_too() -> None:
    torch.manual_seed(0)
    source = SpeechRecogniser(units=6, layers=3, characters="AB ").build().eval()
    net = loaded(RecogniserReuse(method="recurrent", recogniser="deep-speech", width=6, heads=1, units=3), source, 161)
    x = torch.randn(2, 31, 161)
    torch.testing.assert_close(net.blocks["recogniser"](x, None)[0], layer_outputs(source, x)["gru2"][0])


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("method", "values"), [("mean", 8), ("recurrent", 6), ("progressive", 8 + 6)])
def test_only_what_is_added_is_trained(method: Any, values: int) -> None:
    net = RecogniserReuse(method=method, **SMALL).build(20, 4)
    weights = SourceWeights("made", {name: value.numpy() for name, value in net.state_dict().items()})
    transfer_into(net, inside_block(weights, "recogniser"), PLAN)
    names = {name for name, value in net.named_parameters() if value.requires_grad}
    assert not any(name.startswith("blocks.recogniser") for name in names)
    assert net.blocks["classifier"].get_parameter("output.weight").shape == (4, values)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("units", [64, 96, 128])
def test_the_baseline_has_two_layers_of_both_directions(units: int) -> None:
    found = 2 * 3 * (27 * units + units * units + 2 * units)
    found += 2 * 3 * (2 * units * units + units * units + 2 * units) + 7 * (2 * units + 1)
    assert parameter_count(derive_layers(MfccBigru(units=units), 14, 7)) == found


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "mena"}, "unknown method 'mena'; did you mean 'mean'"),
        ({"recogniser": "whisker"}, "unknown recogniser 'whisker'; did you mean 'whisper'"),
        ({"layer": 0}, "layer, width, heads and units >= 1"),
        ({"heads": 3}, "a width that the heads divide"),
        ({"dropout": 1.0}, "0 <= dropout < 1"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RecogniserReuse(**settings)


@pytest.mark.usefixtures("one_thread")
def test_rows_without_cepstra_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"given 14 values per row; use the front end whisper-mfcc-pitch"):
        RecogniserReuse(**SMALL).build(14, 4)
    with pytest.raises(ConfigError, match="units >= 1; given 0"):
        MfccBigru(units=0)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("recogniser", ["letter-gru", "letter-convolution"])
def test_a_recogniser_of_letters_is_built_in(recogniser: Any) -> None:
    net = RecogniserReuse(method="mean", recogniser=recogniser, layer=1, width=6, heads=1).build(161, 4).eval()
    logits = net(torch.randn(2, 40, 161), torch.tensor([40, 25]))
    assert logits.shape == (2, 4)


# ----------------------------------------------------------------------------------------------------------------------
# Settings of the recognisers of letters that are refused.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "gro"}, "unknown kind 'gro'; did you mean 'gru'"),
        ({"layer": 0}, "has the layers 1 to .; given 0"),
        ({"units": 7}, "needs an even number of units, 2 or more; given 7"),
    ],
)
def test_wrong_settings_of_a_letter_recogniser_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LetterRecogniser(**settings)


# ----------------------------------------------------------------------------------------------------------------------
# Cepstra with deltas and pitch, and a recogniser's mean among the rows of another branch.


def slow_deltas(x: np.ndarray) -> np.ndarray:
    """Return the slope of a line through each row, the two before it and the two after it, by least squares."""
    edges = np.concatenate([x[:1]] * 2 + [x] + [x[-1:]] * 2)
    return np.array([np.polyfit(range(-2, 3), edges[row : row + 5], 1)[0] for row in range(len(x))])


@pytest.mark.parametrize("rows", [1, 2, 4, 9])
def test_a_delta_is_the_slope_of_a_regression_line(rows: int) -> None:
    x = np.random.default_rng(0).normal(size=(rows, 3))
    padded = torch.from_numpy(np.concatenate([x, np.full((3, 3), 50.0)]))[None]
    found = deltas(padded, torch.tensor([rows]))[0, :rows]
    np.testing.assert_allclose(found.numpy(), slow_deltas(x), atol=1e-12)


def test_features_are_cepstra_deltas_and_the_smoothed_pitch_each_standardised() -> None:
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 40, 4)))
    y, lengths = CepstralFeatures()(x, None)
    assert lengths is None
    assert y.shape == (1, 40, 7)
    torch.testing.assert_close(y.mean(dim=1), torch.zeros(1, 7).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close((y**2).mean(dim=1), torch.ones(1, 7).double(), atol=1e-9, rtol=0)
    pitch = x[0, :, 3].numpy()
    smoothed = np.array([pitch[max(0, row - 7) : row + 8].mean() for row in range(40)])
    np.testing.assert_allclose(y[0, :, 6].numpy(), (smoothed - smoothed.mean()) / smoothed.std(), atol=1e-9)


def test_unvoiced_recordings_have_a_pitch_of_zero() -> None:
    x = torch.randn(2, 30, 5)
    x[..., 4] = 0.0
    y, _ = CepstralFeatures()(x, torch.tensor([30, 12]))
    assert (y[..., 8] == 0).all()
    assert (y[1, 12:] == 0).all()


def test_a_mean_is_laid_out_as_rows_and_read_back() -> None:
    mean, rows = torch.randn(2, 11), torch.randn(2, 6, 4)
    laid = torch.cat([mean_as_rows(mean, values=4), rows], dim=1)
    assert laid.shape == (2, 9, 4)
    read, rest = mean_from_rows(laid, 11)
    assert torch.equal(read, mean)
    assert torch.equal(rest, rows)


def test_the_recogniser_gives_its_outputs_or_their_mean_before_the_rows_of_the_other_branch() -> None:
    torch.manual_seed(0)
    layers = whisper_layers(6, width=8, heads=2, last=2)
    block = Recogniser(layers, bands=6).eval()
    x = torch.randn(2, 21, 6 + 3)
    lengths = torch.tensor([21, 9])
    y, steps = block(x[..., :6], lengths)
    assert steps is not None
    assert steps.tolist() == [11, 5]
    assert y.shape == (2, 11, 8)
    both, valid = block(x, lengths)
    assert valid is not None
    assert valid.tolist() == [24, 12]  # three rows hold eight values
    mean, rows = mean_from_rows(both, 8)
    torch.testing.assert_close(mean, mean_over_time(y, steps))
    torch.testing.assert_close(rows[0], x[0, :, 6:])
    assert (rows[1, 9:] == 0).all()
    assert block.description == "recogniser up to layer2"
    assert block.time_kernel(6) == 1500
    assert [name.partition(".")[0] for name in block.state_dict()][:2] == ["conv1", "conv1"]


def test_the_branch_returns_both_means() -> None:
    torch.manual_seed(0)
    block = CepstralBranch(5, 4, 3)
    mean, rows = torch.randn(2, 5), torch.randn(2, 30, 4)
    y, lengths = block(torch.cat([mean_as_rows(mean, values=4), rows], dim=1), None)
    assert lengths is None
    assert y.shape == (2, 5 + 6)
    torch.testing.assert_close(y[:, :5], mean)
    features, _ = block.features(rows, None)
    expected = block.gru2(block.gru1(features, None)[0], None)[0].mean(dim=1)
    torch.testing.assert_close(y[:, 5:], expected)
    assert isinstance(block.gru1.gru, nn.GRU)
    assert block.time_kernel(4) == 15
