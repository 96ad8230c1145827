"""The papers' plans as the papers have them."""

from __future__ import annotations

import pytest

from emotone.errors import ConfigError, UnknownNameError
from emotone.nets.architectures.soundnet5 import SoundNet5
from emotone.transfer.plans import PLANS, Plan, named_plan, uses_groups

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
