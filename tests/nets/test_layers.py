"""Layer tables: derived from built networks, and stored for every architecture."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from scripts.pages.code import layer_tables
from tests.toy import TINY_NET

from emotone.errors import MissingExtraError, UnknownNameError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.architectures.waveform_networks import MultiDomain
from emotone.nets.base import NETS, require_torch
from emotone.nets.layers import STORED_TABLES, Layer, derive_layers, layer_table, parameter_count, receptive_field

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
