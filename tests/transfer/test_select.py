"""Patterns choose what they name, and one that chooses nothing is an error."""

from __future__ import annotations

import re

import pytest

from emotone.errors import UnknownNameError
from emotone.transfer.select import layer_of, select

NAMES = (
    "blocks.conv1.convolution.weight",
    "blocks.conv1.norm.weight",
    "blocks.conv1.norm.running_mean",
    "blocks.conv2.convolution.weight",
    "blocks.conv10.convolution.weight",
    "blocks.pool.weigh.bias",
    "scale",
)


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (("conv1",), (0, 1, 2)),
        (("conv[12]",), (0, 1, 2, 3)),
        (("conv?",), (0, 1, 2, 3)),
        (("conv*",), (0, 1, 2, 3, 4)),
        (("*",), (0, 1, 2, 3, 4, 5, 6)),
        (("conv1.norm",), (1, 2)),
        (("*.norm",), (1, 2)),
        (("*.*.weight",), (0, 1, 3, 4)),
        (("blocks.conv2",), (3,)),
        (("pool.weigh.bias", "conv2"), (3, 5)),
        (("conv1", "conv1.norm"), (0, 1, 2)),
        (("scale",), (6,)),
        ((), ()),
    ],
)
def test_patterns_choose_in_the_order_of_the_net(patterns: tuple[str, ...], chosen: tuple[int, ...]) -> None:
    assert select(patterns, NAMES) == tuple(NAMES[index] for index in chosen)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "conv3",
            "no layer matches 'conv3'; did you mean 'conv2'? Layers with weights: conv1, conv2, conv10, pool, scale",
        ),
        ("conv1.norms", "no layer matches 'conv1.norms'; did you mean 'conv1.norm'?"),
        ("conv1.norm.weight.deeper", "no layer matches 'conv1.norm.weight.deeper'; did you mean 'conv1.norm.weight'?"),
        ("norm", "no layer matches 'norm'"),
        ("CONV1", "no layer matches 'CONV1'. Layers with weights: conv1"),
        ("", "no layer matches ''"),
    ],
)
def test_a_pattern_that_chooses_nothing_is_an_error(pattern: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=re.escape(message)):
        select(("conv1", pattern), NAMES)


def test_a_network_without_tensors_has_no_layers() -> None:
    with pytest.raises(UnknownNameError, match="Layers with weights: none"):
        select(("conv1",), ())


def test_layers_are_named_by_the_net() -> None:
    assert [layer_of(name) for name in NAMES[3:]] == ["conv2", "conv10", "pool", "scale"]
