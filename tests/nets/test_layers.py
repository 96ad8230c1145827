"""Layer tables: derived from the built network, the same as those stored, and the arithmetic of receptive fields."""

from __future__ import annotations

import sys

import pytest
import torch
from tests.toy import TINY_NET

from emotone.errors import MissingExtraError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.architectures.multidomain import MultiDomain
from emotone.nets.base import NETS
from emotone.nets.layers import Layer, derive_layers, layer_table, parameter_count, receptive_field


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
