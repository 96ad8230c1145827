"""Transfer plans: which layers are loaded, which are frozen, and that they stay so."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from emotone.errors import ConfigError, RunError, SourceError, UnknownNameError
from emotone.nets.architectures.waveform_networks import SoundNet5, SoundNet5Source
from emotone.transfer.apply import Freezer, transfer_into
from emotone.transfer.plans import PLANS, Plan, named_plan, uses_groups
from emotone.transfer.weights import SourceWeights

# ----------------------------------------------------------------------------------------------------------------------
# The papers' plans as the papers have them.

FOUR = (("conv1",), ("conv2",), ("lstm",), ("dense1", "output"))
FIVE = tuple((f"conv{number}",) for number in range(1, 6))
ALL = ("conv1", "conv2", "lstm", "dense1", "output")


@pytest.mark.parametrize(
    ("name", "load", "freeze"),
    [
        ("A1", ALL, ALL),
        ("A2", ALL, ()),
        ("A3", ALL, ("conv1",)),
        ("A4", ALL, ("conv1", "conv2")),
        ("A5", ALL, ("conv1", "conv2", "lstm")),
        ("A6", ("conv1",), ("conv1",)),
        ("A7", ("conv1", "conv2"), ("conv1", "conv2")),
        ("A8", ("conv1", "conv2", "lstm"), ("conv1", "conv2", "lstm")),
    ],
)
def test_plans_of_transferable_features(name: str, load: tuple[str, ...], freeze: tuple[str, ...]) -> None:
    assert named_plan(name, FOUR) == Plan(load, freeze)


@pytest.mark.parametrize("frozen", [0, 1, 2, 3])
def test_plans_of_the_anger_detector(frozen: int) -> None:
    names = ("conv1", "conv2", "conv3")
    assert named_plan(f"anger-{frozen}", FIVE) == Plan(names, names[:frozen])
    assert {name for (name,) in FIVE} <= {layer for group in SoundNet5().groups for layer in group}


@pytest.mark.parametrize("name", PLANS)
def test_every_row_freezes_only_what_it_loads_and_says_so(name: str) -> None:
    plan = PLANS[name]
    load, freeze = (plan.stages if count is None else count for count in (plan.load, plan.freeze))
    assert 0 <= freeze <= load <= plan.stages
    assert plan.description


def test_plans_speak_of_groups_or_of_layers() -> None:
    assert {name for name in PLANS if uses_groups(name)} == {f"A{number}" for number in range(1, 9)}
    with pytest.raises(UnknownNameError, match="unknown plan 'auto'"):
        uses_groups("auto")


def test_an_unknown_plan_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown plan 'A9'; did you mean 'A\d'\?"):
        named_plan("A9", FOUR)


def test_a_network_of_other_stages_is_rejected() -> None:
    with pytest.raises(ConfigError, match=r"plan A4 is for networks of 4 stages; given 5: "):
        named_plan("A4", FIVE)


# ----------------------------------------------------------------------------------------------------------------------
# Every tensor of a network is in the report once, and nothing is changed unless everything fits.

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


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
def test_everything_loaded_and_frozen_leaves_nothing_to_say(net: Any) -> None:
    tensors = {name: tensor.numpy() for name, tensor in SoundNet5().build(1, 2).state_dict().items()}
    report = transfer_into(net, SourceWeights("another run", tensors), Plan(load=("*",), freeze=("*",))).report
    assert report.names("tuned", "fresh") == ()
    assert report.lines() == [
        "from another run (unstated; sha256 unknown)",
        "frozen (loaded, not trained): conv1, conv2, conv3, conv4, conv5; 30 tensors, 215,826 parameters",
    ]


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
def test_layers_of_other_widths_are_named(net: Any, weights: SourceWeights) -> None:
    with pytest.raises(
        SourceError, match=r"conv4\.convolution\.weight has the shape 256 x 128 x 8, .* 16 x 128 x 8; .*conv4\.norm"
    ):
        transfer_into(net, weights, Plan(load=("conv4",)))


@pytest.mark.usefixtures("one_thread")
def test_weights_of_another_network_are_few_words(net: Any) -> None:
    other = SourceWeights("another", {f"tower.{number}.weight": np.zeros(2, np.float32) for number in range(7)})
    told = r"conv1\.\w+\.\w+ is missing; (.* is missing; ){3}and 26 more; it has 7 tensors \(tower\.0\.weight, "
    with pytest.raises(SourceError, match=told):
        transfer_into(net, other, Plan(load=("*",)))


@pytest.mark.usefixtures("one_thread")
def test_only_what_is_loaded_can_be_frozen(net: Any, weights: SourceWeights) -> None:
    with pytest.raises(ConfigError, match=r"frozen but not loaded: blocks\.conv4\.convolution\.weight, "):
        transfer_into(net, weights, Plan(load=("conv1",), freeze=("conv4", "conv1")))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("plan", [Plan(load=("conv6",)), Plan(load=("conv1",), freeze=("conv6",))])
def test_a_plan_for_other_layers_is_rejected(net: Any, weights: SourceWeights, plan: Plan) -> None:
    with pytest.raises(UnknownNameError, match=r"no layer matches 'conv6'; did you mean 'conv"):
        transfer_into(net, weights, plan)


@pytest.mark.usefixtures("one_thread")
def test_a_plan_that_loads_nothing_is_no_transfer() -> None:
    with pytest.raises(ConfigError, match="at least one layer to load"):
        Plan(load=())


# ----------------------------------------------------------------------------------------------------------------------
# Frozen tensors stay what they are in every mode, under every optimiser, and a net that moved them is found out.


class Small(nn.Module):
    """Two blocks with normalisation and dropout, and a loose parameter."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
        self.between = nn.Dropout(0.5)
        self.last = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.between(self.first(x))) * self.scale  # type: ignore[no-any-return]


def names(net: nn.Module, *prefixes: str) -> list[str]:
    return [name for name in net.state_dict() if name.startswith(prefixes)]


def steps(net: nn.Module, count: int = 3) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(count):
        optimizer.zero_grad(set_to_none=True)
        net(torch.randn(8, 4) + 3).square().sum().backward()
        optimizer.step()


@pytest.mark.usefixtures("one_thread")
def test_frozen_stays_bit_identical_and_the_rest_moves() -> None:
    net = Small()
    freezer = Freezer(net, names(net, "first"))
    before = copy.deepcopy(net.state_dict())
    net.train()
    steps(net)
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == set(names(net, "last", "scale"))
    freezer.check()


@pytest.mark.usefixtures("one_thread")
def test_train_mode_does_not_reach_what_is_frozen() -> None:
    net = Small()
    Freezer(net, names(net, "first"))
    assert net.train() is net
    assert [module.training for module in net.first] == [False] * 3
    assert not net.first.training
    assert net.training
    assert net.between.training
    assert [module.training for module in net.last] == [True] * 3
    net.eval()
    assert not net.last.training


@pytest.mark.usefixtures("one_thread")
def test_a_block_that_is_frozen_in_part_is_in_train_mode_but_for_that_part() -> None:
    net = Small()
    Freezer(net, names(net, "first.1"))
    net.train()
    assert [module.training for module in net.first] == [True, False, True]


@pytest.mark.usefixtures("one_thread")
def test_a_normalisation_with_one_loose_tensor_learns_on() -> None:
    net = Small()
    Freezer(net, ["first.1.weight", "first.1.bias"])
    before = net.first[1].running_mean.clone()  # type: ignore[operator]
    net.train()
    steps(net, 1)
    assert not torch.equal(net.first[1].running_mean, before)  # type: ignore[arg-type]


@pytest.mark.usefixtures("one_thread")
def test_everything_frozen_is_a_network_in_eval_mode() -> None:
    net = Small()
    Freezer(net, names(net, ""))
    net.train()
    x = torch.randn(5, 4)
    assert not net.training
    assert torch.equal(net(x), net(x))  # no dropout


@pytest.mark.usefixtures("one_thread")
def test_a_copy_stays_frozen_by_itself() -> None:
    net = Small()
    Freezer(net, names(net, "first"))
    twin = copy.deepcopy(net)
    twin.train()
    assert not twin.first.training
    assert not twin.first[2].training
    twin.first.__dict__.pop("train")  # the copy's, not the original's
    net.train()
    assert not net.first.training


@pytest.mark.usefixtures("one_thread")
def test_what_moved_a_frozen_tensor_is_found_out() -> None:
    net = Small()
    freezer = Freezer(net, names(net, "first"))
    with torch.no_grad():
        net.first[0].bias.add_(1e-6)  # type: ignore[operator]
        net.first[1].running_var.mul_(2)  # type: ignore[operator]
    with pytest.raises(RunError, match=r"frozen tensors have changed: first\.0\.bias, first\.1\.running_var; "):
        freezer.check()


@pytest.mark.usefixtures("one_thread")
def test_nothing_frozen_changes_nothing() -> None:
    net = Small()
    Freezer(net, ())
    net.train()
    assert all(module.training for module in net.modules())
    assert all(parameter.requires_grad for parameter in net.parameters())
