"""The paper's three methods on a recogniser: what is trained, what is loaded, and settings that are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from tests.toy import one_thread

from emotone.errors import ConfigError
from emotone.nets.architectures.mfcc_bigru import MfccBigru
from emotone.nets.architectures.recogniser_reuse import RecogniserReuse
from emotone.nets.architectures.whisper_encoder import WhisperEncoder
from emotone.nets.layers import derive_layers, parameter_count
from emotone.nets.speech_recogniser import SpeechRecogniser, layer_outputs
from emotone.transfer.apply import transfer_into
from emotone.transfer.plans import Plan
from emotone.transfer.weights import SourceWeights, inside_block

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
SMALL: dict[str, Any] = {"width": 8, "heads": 2, "layer": 2, "units": 3}
PLAN = Plan(("recogniser",), ("recogniser",))


def loaded(spec: RecogniserReuse, source: Network, dimension: int) -> Network:
    net = spec.build(dimension, 4)
    weights = SourceWeights("made", {name: value.numpy() for name, value in source.state_dict().items()})
    transfer_into(net, inside_block(weights, spec.source_block), PLAN)
    return net.eval()


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


def test_the_paper_s_kind_of_recogniser_is_read_too() -> None:
    torch.manual_seed(0)
    source = SpeechRecogniser(units=6, layers=3, characters="AB ").build().eval()
    net = loaded(RecogniserReuse(method="recurrent", recogniser="deep-speech", width=6, heads=1, units=3), source, 161)
    x = torch.randn(2, 31, 161)
    torch.testing.assert_close(net.blocks["recogniser"](x, None)[0], layer_outputs(source, x)["gru2"][0])


@pytest.mark.parametrize(("method", "values"), [("mean", 8), ("recurrent", 6), ("progressive", 8 + 6)])
def test_only_what_is_added_is_trained(method: Any, values: int) -> None:
    net = RecogniserReuse(method=method, **SMALL).build(20, 4)
    weights = SourceWeights("made", {name: value.numpy() for name, value in net.state_dict().items()})
    transfer_into(net, inside_block(weights, "recogniser"), PLAN)
    names = {name for name, value in net.named_parameters() if value.requires_grad}
    assert not any(name.startswith("blocks.recogniser") for name in names)
    assert net.blocks["classifier"].get_parameter("output.weight").shape == (4, values)


@pytest.mark.parametrize("units", [64, 96, 128])
def test_the_baseline_has_two_layers_of_both_directions(units: int) -> None:
    found = 2 * 3 * (27 * units + units * units + 2 * units)
    found += 2 * 3 * (2 * units * units + units * units + 2 * units) + 7 * (2 * units + 1)
    assert parameter_count(derive_layers(MfccBigru(units=units), 14, 7)) == found


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


def test_rows_without_cepstra_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"given 14 values per row; use the front end whisper-mfcc-pitch"):
        RecogniserReuse(**SMALL).build(14, 4)
    with pytest.raises(ConfigError, match="units >= 1; given 0"):
        MfccBigru(units=0)


@pytest.mark.parametrize("recogniser", ["letter-gru", "letter-convolution"])
def test_a_recogniser_of_letters_is_built_in(recogniser: Any) -> None:
    net = RecogniserReuse(method="mean", recogniser=recogniser, layer=1, width=6, heads=1).build(161, 4).eval()
    logits = net(torch.randn(2, 40, 161), torch.tensor([40, 25]))
    assert logits.shape == (2, 4)
