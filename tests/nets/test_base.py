"""The layer table's arithmetic, and the error where torch is missing."""

from __future__ import annotations

import sys

import pytest

from emotone.errors import MissingExtraError, UnknownNameError
from emotone.nets.base import NETS, Layer, modules, parameters, receptive_field


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


def test_receptive_field_agrees_with_asking_which_inputs_are_seen() -> None:
    layers = (layer(5, 2), layer(3, 1), layer(4, 3), layer(2))
    seen = {0}
    for each in reversed(layers):
        seen = {step * int(each.stride) + offset for step in seen for offset in range(each.kernel)}
    assert receptive_field(layers) == max(seen) + 1


def test_parameters_are_summed() -> None:
    assert parameters((layer(1, count=3), layer(1, count=4))) == 7


def test_an_unknown_net_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown net 'logmel-cnn'; did you mean 'log-mel-cnn'\?"):
        NETS.get("logmel-cnn")


def test_without_torch_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "emotone.nets.blocks.base", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"building a net needs the package 'torch'.*emotone\[train\]"):
        modules()


def test_another_missing_module_is_our_own_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "emotone.nets.blocks.base", None)
    with pytest.raises(ModuleNotFoundError, match=r"emotone\.nets\.modules"):
        modules()
