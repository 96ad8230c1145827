"""Every architecture: padding and batch order have no effect, layer tables are true and stored, ONNX agrees."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scripts.pages.code import layer_tables
from tests.net_inputs import BANDS, CLASSES, INPUTS, TINY, TWO_CHANNELS, Input
from tests.toy import TINY_NET, one_thread

from emotone.errors import MissingExtraError, UnknownNameError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.architectures.waveform_networks import MultiDomain
from emotone.nets.base import GROUPS, NETS, NetSpec, require_torch
from emotone.nets.layers import STORED_TABLES, Layer, derive_layers, layer_table, parameter_count, receptive_field
from emotone.transfer.plans import layer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.nets.blocks.base import Network


# ----------------------------------------------------------------------------------------------------------------------
# Every architecture: padding and batch order have no effect, layer tables are true, ONNX agrees with torch.

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

# Published networks with so many parameters that every test would take seconds: a narrower one has the same arithmetic,
# and tests of their own count the published parameters.
LARGE = {
    "alexnet",
    "recogniser-reuse",
    "speech-student",
    "vggish",
    "whisper-audiovisual",
    "whisper-encoder",
    "whisper-lstm",
}
CASES = [
    (name, settings)
    for name in NETS.names
    for settings in ({}, TINY.get(name))
    if settings is not None and not (name in LARGE and not settings)
]
# Published networks depend on the recording level: with a normalisation their weights would not fit.
LEVEL_DEPENDENT = {
    "alexnet",
    "audiovisual-lstm",
    "chunk-mlp",
    "mini-xception",
    "mn04",
    "recogniser-reuse",
    "segment-mlp",
    "segment-pool",
    "spectrogram-cnn",
    "spectrogram-lstm",
    "vggish",
    "whisper-audiovisual",
    "whisper-encoder",
    "yamnet",
}
ROWS = 1600  # of an input whose sizes are compared with the layer table: longer than every minimum length
UNLIMITED = {
    "letter-recogniser",
    "recogniser-reuse",
    "speech-student",
    "whisper-encoder",
    "whisper-audiovisual",
    "whisper-lstm",
}  # receptive field: attention, recurrence, context
LOST = {"letter-recogniser": 8}  # steps, of convolutions without padding
# Parameters that cancel out: the softmax removes a constant that is added to the attention scores of all steps.
WITHOUT_EFFECT = {"log-mel-cnn": {"blocks.pool.weigh.bias"}}


@pytest.fixture(params=CASES, ids=[f"{name}-{'tiny' if settings else 'default'}" for name, settings in CASES])
def case(request: pytest.FixtureRequest) -> tuple[str, NetSpec]:
    name, settings = request.param
    return name, NETS.get(name)(**settings)


@pytest.fixture
def spec(case: tuple[str, NetSpec]) -> NetSpec:
    return case[1]


@pytest.fixture
def inputs(case: tuple[str, NetSpec]) -> Input:
    return INPUTS.get(case[0], Input())


@pytest.fixture
def net(spec: NetSpec, inputs: Input) -> Network:
    """A network in eval mode after a few batches, so that its running statistics are no longer 0 and 1."""
    torch.manual_seed(0)
    net = spec.build(BANDS, CLASSES)
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(inputs.draw(4, 60), None)
    return net.eval()


def padded(items: list[torch.Tensor], *, extra: int, filling: float) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(item) for item in items])
    x = torch.full((len(items), int(lengths.max()) + extra, BANDS), filling)
    for row, item in zip(x, items, strict=True):
        row[: len(item)] = item
    return x, lengths


def test_there_are_architectures() -> None:
    assert "log-mel-cnn" in NETS.names
    assert set(TINY) | set(INPUTS) <= set(NETS.names)


def test_it_is_a_frozen_specification_with_a_title_and_a_source(spec: NetSpec) -> None:
    assert dataclasses.is_dataclass(type(spec))
    assert hash(spec) == hash(dataclasses.replace(spec))  # type: ignore[type-var]
    assert spec.title
    assert spec.paper


@pytest.mark.parametrize(("extra", "filling"), [(0, 0.0), (17, 0.0), (5, 3.0)])
def test_padded_batches_agree_with_single_inputs(net: Network, inputs: Input, extra: int, filling: float) -> None:
    net.double()  # in float32, rounding depends on the shape and the processor, and exceeds 1e-5 for large scores
    items = [inputs.draw(1, length)[0] for length in inputs.lengths]
    x, lengths = padded(items, extra=extra, filling=filling)
    with torch.inference_mode():
        padded_scores = net(x.double(), lengths)
        alone = torch.cat([net(item[None].double(), None) for item in items])
    assert padded_scores.shape == (len(inputs.lengths), CLASSES)
    torch.testing.assert_close(padded_scores, alone, atol=1e-9, rtol=1e-9)


def test_the_order_of_a_batch_has_no_effect(net: Network, inputs: Input) -> None:
    net.double()
    x, lengths = padded([inputs.draw(1, length)[0] for length in inputs.lengths], extra=0, filling=0.0)
    x, order = x.double(), torch.tensor([3, 0, 4, 2, 1])
    with torch.inference_mode():
        torch.testing.assert_close(net(x[order], lengths[order]), net(x, lengths)[order], atol=1e-9, rtol=1e-9)


def test_gradient_reaches_every_trainable_parameter(case: tuple[str, NetSpec], net: Network, inputs: Input) -> None:
    net.double()  # what cancels is 0 within 1e-15, what is small is not
    x, lengths = padded([inputs.draw(1, length)[0] for length in inputs.lengths[-3:]], extra=0, filling=0.0)
    loss = torch.nn.functional.cross_entropy(net(x.double(), lengths), torch.tensor([0, 1, 2]))
    loss.backward()  # type: ignore[no-untyped-call]
    trainable = {name: value for name, value in net.named_parameters() if value.requires_grad}
    silent = {name for name, value in trainable.items() if value.grad is None or value.grad.abs().max() < 1e-12}
    assert silent == WITHOUT_EFFECT.get(case[0], set())


@pytest.mark.parametrize(("bands", "classes"), [(64, 7), (40, 2), (17, 8)])
def test_the_layer_table_is_true(case: tuple[str, NetSpec], bands: int, classes: int) -> None:
    name, spec = case
    bands += bands % 2 if name in TWO_CHANNELS else 0
    layers = derive_layers(spec, bands, classes)
    net = spec.build(bands, classes)
    names = [layer.name for layer in layers]
    assert len(set(names)) == len(names)
    assert names == list(net.blocks)
    for layer in layers:
        count = sum(value.numel() for value in net.blocks[layer.name].parameters() if value.requires_grad)
        assert count == layer.parameters, layer.name
    assert parameter_count(layers) == sum(value.numel() for value in net.parameters() if value.requires_grad)
    assert layers[-1].output == str(classes)


def test_the_sizes_of_the_layer_table_are_those_of_the_outputs(
    case: tuple[str, NetSpec], net: Network, inputs: Input
) -> None:
    lost = LOST.get(case[0], 1)
    spec = case[1]
    layers = {layer.name: layer.output for layer in derive_layers(spec, BANDS, CLASSES)}
    x, lengths = inputs.draw(1, ROWS), None
    with torch.inference_mode():
        for name, block in net.blocks.items():
            x, lengths = block(x, lengths)
            sizes = layers[name].split(" x ")
            assert len(sizes) == x.ndim - 1
            assert all(fits(text, size, ROWS, lost=lost) for text, size in zip(sizes, x.shape[1:], strict=True)), name


def fits(text: str, size: int, rows: int, *, lost: int) -> bool:
    """Return whether a size of a layer table, e.g. "T/4", is that of an output; edges may add or drop some steps."""
    if "T" not in text:
        return int(text) == size
    factor, _, divisor = text.partition("T")
    return abs(int(factor or 1) * rows / int(divisor.removeprefix("/") or 1) - size) <= lost


def test_its_groups_contain_every_layer_with_tensors_once(spec: NetSpec, net: Network) -> None:
    """Named transfer plans depend on them: a layer in no group would never be loaded or frozen."""
    assert len(spec.groups) == GROUPS
    named = [layer for group in spec.groups for layer in group]
    assert sum(map(bool, spec.groups)) == min(GROUPS, len(named))
    assert spec.groups[0]
    assert spec.groups[-1]
    assert named == list(dict.fromkeys(layer_of(name) for name in net.state_dict()))


def test_the_receptive_field_is_between_a_syllable_and_a_sentence(case: tuple[str, NetSpec], inputs: Input) -> None:
    name, spec = case
    if name in UNLIMITED:
        return
    assert 0.1 <= inputs.row * receptive_field(layer_table(spec, BANDS, CLASSES)) <= 6.0


def test_the_recording_level_has_no_effect(case: tuple[str, NetSpec], net: Network, inputs: Input) -> None:
    x, lengths = padded([inputs.draw(1, length)[0] for length in inputs.lengths], extra=0, filling=0.0)
    with torch.inference_mode():
        for louder in (-6.0, 0.5, 6.0):
            if case[0] in LEVEL_DEPENDENT:
                assert not torch.allclose(net(inputs.louder(x, louder), lengths), net(x, lengths), atol=1e-5)
                continue
            torch.testing.assert_close(net(inputs.louder(x, louder), lengths), net(x, lengths), atol=1e-4, rtol=1e-4)


def test_digital_silence_and_full_scale_give_finite_scores(net: Network, inputs: Input) -> None:
    with torch.inference_mode():
        for level in (float(np.log(1e-10)), 0.0, 8.0):
            assert torch.isfinite(net(inputs.constant(level), None)).all()


def test_the_seed_decides_the_weights(spec: NetSpec) -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.nn.utils.parameters_to_vector(spec.build(BANDS, CLASSES).parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_onnx_agrees_with_torch(net: Network, inputs: Input, onnx_run: Callable[..., Callable[..., Any]]) -> None:
    run = onnx_run(net)
    net.double()  # the expected scores then have no rounding errors of their own
    for batch, time in inputs.onnx:
        x = inputs.draw(batch, time)
        with torch.inference_mode():
            expected = net(x.double(), None).numpy()
        np.testing.assert_allclose(run(x.numpy()), expected, atol=1e-5, err_msg=f"batch {batch}, {time} frames")


@pytest.fixture
def onnx_run() -> Callable[..., Callable[..., Any]]:
    from emotone.bundles.contents import open_session, run_session
    from emotone.fitting.onnx_export import onnx_bytes

    def opened(net: Network) -> Callable[..., Any]:
        session = open_session(onnx_bytes(net, BANDS), where="test", threads=1, dimension=BANDS, values=CLASSES)
        return lambda features: run_session(session, features, where="test", values=CLASSES)

    return opened


# ----------------------------------------------------------------------------------------------------------------------
# Architectures are found by name, without torch; building one without torch names the extra.


def test_an_unknown_network_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown network 'logmel-cnn'; did you mean 'log-mel-cnn'\?"):
        NETS.get("logmel-cnn")


@pytest.mark.parametrize("name", NETS.names)
def test_without_torch_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"building a network needs the package 'torch'.*emotone\[train\]"):
        NETS.get(name)().build(64, 4)


def test_torch_is_here() -> None:
    require_torch("this test")


def test_architectures_are_listed_without_importing_torch() -> None:
    code = "import sys; from emotone.nets.base import NETS; NETS.all(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


# ----------------------------------------------------------------------------------------------------------------------
# Layer tables: derived from the built network, the same as those stored, and the arithmetic of receptive fields.


def layer(kernel: int, stride: float = 1, count: int = 0) -> Layer:
    return Layer("any", "any", "any", count, kernel, stride)


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        ((), 1),
        ((layer(1), layer(1, 4)), 1),
        ((layer(3), layer(3)), 5),
        ((layer(3, 2), layer(3)), 7),
        ((layer(5, 2), layer(3, 2), layer(3)), 17),
        ((layer(1, 1 / 64), layer(65)), 2),
        ((layer(1, 1 / 17), layer(18, 17), layer(2)), 3),
        ((layer(1, 1 / 64), layer(66)), 3),
    ],
)
def test_receptive_fields_counted_by_hand(layers: tuple[Layer, ...], field: int) -> None:
    assert receptive_field(layers) == field


def test_the_receptive_field_is_the_span_of_the_inputs_of_a_step() -> None:
    layers = (layer(5, 2), layer(3, 1), layer(4, 3), layer(2))
    inputs = {0}
    for row in reversed(layers):
        inputs = {step * int(row.stride) + offset for step in inputs for offset in range(row.kernel)}
    assert receptive_field(layers) == max(inputs) + 1


def test_parameters_are_summed() -> None:
    assert parameter_count((layer(1, count=3), layer(1, count=4))) == 7


@pytest.mark.parametrize("name", NETS.names)
def test_the_stored_tables_are_those_of_the_built_networks(name: str) -> None:
    spec = NETS.get(name)()
    assert layer_table(spec, 64, 7) == derive_layers(spec, 64, 7)


@pytest.mark.parametrize("name", NETS.names)
def test_default_tables_need_no_torch(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert layer_table(NETS.get(name)(), 64, 7)[-1].output == "7"


def test_tables_of_other_settings_need_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"the layer table of a network with other settings.*emotone\[train\]"):
        layer_table(LogMelCnn(), 63, 7)


def test_a_derivation_leaves_the_random_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    derive_layers(LogMelCnn(**TINY_NET), 64, 7)
    assert torch.equal(torch.rand(3), expected)


def test_sizes_that_depend_on_the_input_are_given_in_frames() -> None:
    outputs = {layer.name: layer.output for layer in derive_layers(LogMelCnn(), 64, 7)}
    assert outputs["level"] == "1 x 64 x T"
    assert outputs["conv2"] == "32 x 16 x T/4"
    assert outputs["pool"] == "256"


def test_sizes_of_a_signal_of_fixed_length_are_plain_numbers() -> None:
    first, *others = derive_layers(MultiDomain(), 100, 7)
    assert (first.output, first.kernel) == ("1 x 54000", 540)  # rows of 100 samples
    assert {(layer.kernel, layer.stride) for layer in others} == {(1, 1)}


# ----------------------------------------------------------------------------------------------------------------------
# The stored layer tables are current, also those of the shipped recipes.


@pytest.mark.no_cover  # twice as fast; the networks' lines are covered by the conformance tests
def test_the_stored_tables_are_current() -> None:
    assert STORED_TABLES.read_text(encoding="utf-8") == layer_tables(), "run: make docs"
