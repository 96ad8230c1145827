"""Every tensor of a network is in the report once, and nothing is changed unless everything fits."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from tests.toy import one_thread

from emotone.errors import ConfigError, SourceError, UnknownNameError
from emotone.nets.architectures.soundnet5 import SoundNet5, SoundNet5Source
from emotone.transfer.apply import transfer_into
from emotone.transfer.plans import Plan
from emotone.transfer.weights import SourceWeights

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
CONV1 = "blocks.conv1.convolution.weight"
PAPER = Plan(load=("conv[1-3]",), freeze=("conv[12]",))


@pytest.fixture
def net() -> Any:
    torch.manual_seed(1)
    return SoundNet5().build(1, 2)


@pytest.fixture
def weights() -> SourceWeights:
    torch.manual_seed(2)
    tensors = {name: tensor.numpy().copy() for name, tensor in SoundNet5Source().build().state_dict().items()}
    for name in [name for name in tensors if name.endswith("running_mean")]:
        tensors[name] += 0.5  # as trained
    return SourceWeights("soundnet5", tensors, "ab" * 32, "MIT")


def changed(weights: SourceWeights, **tensors: Any) -> SourceWeights:
    """Return weights with conv1's kernels replaced, or left out for None."""
    new = {**weights.tensors, CONV1: tensors["conv1"]}
    return SourceWeights("changed", {name: values for name, values in new.items() if values is not None})


def test_every_tensor_stands_once_in_the_report(net: Any, weights: SourceWeights) -> None:
    report = transfer_into(net, weights, PAPER).report
    state = net.state_dict()
    assert [entry.name for entry in report.entries] == list(state)
    assert all(entry.shape == tuple(state[entry.name].shape) for entry in report.entries)
    by_layer = {
        layer: {e.state for e in report.entries if f".{layer}." in e.name}
        for layer in ("conv1", "conv2", "conv3", "conv4", "conv5")
    }
    assert by_layer == {
        "conv1": {"frozen"},
        "conv2": {"frozen"},
        "conv3": {"tuned"},
        "conv4": {"fresh"},
        "conv5": {"fresh"},
    }
    kinds = {entry.name.rpartition(".")[2]: entry.kind for entry in report.entries}
    assert kinds == {
        "weight": "parameter",
        "bias": "parameter",
        "running_mean": "buffer",
        "running_var": "buffer",
        "num_batches_tracked": "buffer",
    }
    assert set(report.left) == {name for name in weights.tensors if ".conv4." in name or ".heads." in name}
    assert set(report.names("frozen", "tuned")) | set(report.left) == set(weights.tensors)


def test_what_is_loaded_is_the_source_and_what_is_not_stays_as_drawn(net: Any, weights: SourceWeights) -> None:
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    transferred = transfer_into(net, weights, PAPER)
    for entry in transferred.report.entries:
        expected = before[entry.name].numpy() if entry.state == "fresh" else weights.tensors[entry.name]
        np.testing.assert_array_equal(net.state_dict()[entry.name].numpy(), expected)
    assert not np.array_equal(before[CONV1].numpy(), weights.tensors[CONV1])
    assert [name for name, value in net.named_parameters() if not value.requires_grad] == [
        entry.name for entry in transferred.report.entries if entry.state == "frozen" and entry.kind == "parameter"
    ]


def test_the_report_as_text_and_as_tables(net: Any, weights: SourceWeights) -> None:
    report = transfer_into(net, weights, PAPER).report
    assert report.lines() == [
        f"from soundnet5 (MIT; sha256 {'ab' * 32})",
        "frozen (loaded, not trained): conv1, conv2; 14 tensors, 67,872 parameters",
        "tuned (loaded, fine-tuned): conv3; 7 tensors, 131,456 parameters",
        "fresh (re-initialised, trained): conv4, conv5; 9 tensors, 16,498 parameters",
        "not loaded from the source: conv4, heads; 11 tensors",
    ]
    tables = report.to_dict()
    assert tables["entries"][0] == {"name": CONV1, "kind": "parameter", "shape": (32, 1, 64), "state": "frozen"}


def test_everything_loaded_and_frozen_leaves_nothing_to_say(net: Any) -> None:
    tensors = {name: tensor.numpy() for name, tensor in SoundNet5().build(1, 2).state_dict().items()}
    report = transfer_into(net, SourceWeights("another run", tensors), Plan(load=("*",), freeze=("*",))).report
    assert report.names("tuned", "fresh") == ()
    assert report.lines() == [
        "from another run (unstated; sha256 unknown)",
        "frozen (loaded, not trained): conv1, conv2, conv3, conv4, conv5; 30 tensors, 215,826 parameters",
    ]


@pytest.mark.parametrize(
    ("kernels", "message"),
    [
        (None, f"{CONV1} is missing"),
        (np.zeros((32, 1, 63), np.float32), f"{CONV1} has the shape 32 x 1 x 63, the network's 32 x 1 x 64"),
        (np.float32(0), f"{CONV1} has the shape scalar, the network's 32 x 1 x 64"),
        (np.zeros((32, 1, 64), np.int64), f"{CONV1} has the type torch.int64, the network's torch.float32"),
        (np.full((32, 1, 64), np.nan, np.float32), f"{CONV1} has values that are not finite"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_and_nothing_is_changed(
    net: Any, weights: SourceWeights, kernels: Any, message: str
) -> None:
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(SourceError, match=re.escape(f"the source changed does not fit the network: {message}")):
        transfer_into(net, changed(weights, conv1=kernels), PAPER)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_layers_of_other_widths_are_named(net: Any, weights: SourceWeights) -> None:
    with pytest.raises(
        SourceError, match=r"conv4\.convolution\.weight has the shape 256 x 128 x 8, .* 16 x 128 x 8; .*conv4\.norm"
    ):
        transfer_into(net, weights, Plan(load=("conv4",)))


def test_weights_of_another_network_are_few_words(net: Any) -> None:
    other = SourceWeights("another", {f"tower.{number}.weight": np.zeros(2, np.float32) for number in range(7)})
    told = r"conv1\.\w+\.\w+ is missing; (.* is missing; ){3}and 26 more; it has 7 tensors \(tower\.0\.weight, "
    with pytest.raises(SourceError, match=told):
        transfer_into(net, other, Plan(load=("*",)))


def test_only_what_is_loaded_can_be_frozen(net: Any, weights: SourceWeights) -> None:
    with pytest.raises(ConfigError, match=r"frozen but not loaded: blocks\.conv4\.convolution\.weight, "):
        transfer_into(net, weights, Plan(load=("conv1",), freeze=("conv4", "conv1")))


@pytest.mark.parametrize("plan", [Plan(load=("conv6",)), Plan(load=("conv1",), freeze=("conv6",))])
def test_a_plan_for_other_layers_is_rejected(net: Any, weights: SourceWeights, plan: Plan) -> None:
    with pytest.raises(UnknownNameError, match=r"no layer matches 'conv6'; did you mean 'conv"):
        transfer_into(net, weights, plan)


def test_a_plan_that_loads_nothing_is_no_transfer() -> None:
    with pytest.raises(ConfigError, match="at least one layer to load"):
        Plan(load=())
