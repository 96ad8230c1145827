"""Transfer plans: which layers of a network are loaded from a source, and which of these are frozen.

Patterns of layers select the tensors. A named plan divides a network into stages, starting at the input: groups of
layer patterns, e.g. (`conv1`,), (`conv2`,), (`lstm`,), (`dense*`,). The plans with four stages use the groups that
every network defines (`NetSpec.groups`), so they fit every network; for the others each layer with parameters is a
stage. Tests apply every plan to all networks.

References: Marczewski, Veloso, Ziviani, Learning transferable features for speech emotion recognition, 2017 (A1 to A8,
"Transference approaches"); ElShaer, Wisdom, Mishra, Transfer learning from sound representations for anger detection
in speech, 2019 (`anger-0` to `anger-3`).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from emotone.errors import ConfigError, UnknownNameError, unknown_name
from emotone.nets.base import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BLOCKS = "blocks."  # prefix of layers in emotone's networks; patterns omit it

Stages: TypeAlias = tuple[tuple[str, ...], ...]


def select(patterns: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of tensors that match any of the patterns, in the order of `names`.

    A pattern is a layer (`conv1`) or a part of one (`conv1.norm`, `pool.weigh.bias`). The wildcards `*`, `?` and
    `[1-3]` match characters other than dots. A pattern matches every tensor of the layers or parts that it names.

    Args:
        patterns: each must match something.
        names: of tensors, as in a network's `state_dict`.

    Raises:
        UnknownNameError: a pattern matches nothing; the message has the closest name.

    Example:
        >>> names = ["blocks.conv1.norm.bias", "blocks.conv2.norm.bias", "blocks.pool.bias"]
        >>> select(["conv[12]"], names)
        ('blocks.conv1.norm.bias', 'blocks.conv2.norm.bias')

    """
    known = tuple(names)
    chosen: set[str] = set()
    for pattern in patterns:
        found = [name for name in known if _matches(pattern, name)]
        if not found:
            raise _no_match(pattern, known)
        chosen.update(found)
    return tuple(name for name in known if name in chosen)


def layer_of(name: str) -> str:
    """Return the layer that a tensor belongs to.

    Example:
        >>> layer_of("blocks.conv1.norm.bias")
        'conv1'

    """
    return name.removeprefix(BLOCKS).split(".", maxsplit=1)[0]


def _matches(pattern: str, name: str) -> bool:
    wanted, parts = _parts(pattern), _parts(name)
    return len(wanted) <= len(parts) and all(map(fnmatchcase, parts, wanted))


def _parts(name: str) -> list[str]:
    return name.removeprefix(BLOCKS).split(".")


def _no_match(pattern: str, names: tuple[str, ...]) -> UnknownNameError:
    """Return the error of a pattern without a match; it lists layers, and suggests parts of layers too."""
    layers = list(dict.fromkeys(layer_of(name) for name in names))
    prefixes = {".".join(_parts(name)[:depth]) for name in names for depth in range(1, len(_parts(name)) + 1)}
    close = difflib.get_close_matches(pattern.removeprefix(BLOCKS), sorted(prefixes), n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    return UnknownNameError(f"no layer matches '{pattern}'{hint} Layers with weights: {', '.join(layers) or 'none'}")


@dataclass(frozen=True)
class Plan:
    """Patterns of layers (see `emotone.transfer.plans`). Other layers are initialised; unfrozen layers are trained.

    Attributes:
        load: layers whose tensors are loaded from the source.
        freeze: loaded layers that are not trained, and whose batch normalisations keep their statistics.

    Raises:
        ConfigError: no layer is loaded.

    """

    load: tuple[str, ...]
    freeze: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.load:
            raise ConfigError("a transfer needs at least one layer to load; omit the table for no transfer")


@dataclass(frozen=True)
class NamedPlan:
    """A plan in terms of stages.

    Attributes:
        description: of its effect.
        load: number of stages, from the input, whose weights are loaded; None for all.
        freeze: number of stages, from the input, that are frozen; None for all.
        stages: number of stages that the network must have.

    """

    description: str
    load: int | None
    freeze: int | None
    stages: int


PLANS: Mapping[str, NamedPlan] = MappingProxyType(
    {
        # Four stages, the groups of a network: first convolution, second convolution, recurrent, fully connected.
        "A1": NamedPlan("all layers loaded and frozen: the network is used unchanged", None, None, GROUPS),
        "A2": NamedPlan("all layers loaded and fine-tuned", None, 0, GROUPS),
        "A3": NamedPlan("all layers loaded, the first convolution frozen", None, 1, GROUPS),
        "A4": NamedPlan("all layers loaded, both convolutions frozen", None, 2, GROUPS),
        "A5": NamedPlan("all layers loaded, convolutions and recurrent layer frozen", None, 3, GROUPS),
        "A6": NamedPlan("the first convolution loaded and frozen, the rest re-initialised", 1, 1, GROUPS),
        "A7": NamedPlan("both convolutions loaded and frozen, the rest re-initialised", 2, 2, GROUPS),
        "A8": NamedPlan("convolutions and recurrent layer loaded and frozen, the rest re-initialised", 3, 3, GROUPS),
        # Five stages: the convolutions of SoundNet. The best plan of the paper freezes two.
        "anger-0": NamedPlan("the first three convolutions loaded and fine-tuned", 3, 0, 5),
        "anger-1": NamedPlan("the first three convolutions loaded, the first frozen", 3, 1, 5),
        "anger-2": NamedPlan("the first three convolutions loaded, the first two frozen", 3, 2, 5),
        "anger-3": NamedPlan("the first three convolutions loaded and frozen", 3, 3, 5),
    }
)


def named_plan(name: str, stages: Stages) -> Plan:
    """Return a named plan for a network.

    Args:
        name: see `PLANS`.
        stages: of the network, from the input; each a group of layer patterns.

    Raises:
        UnknownNameError: there is no such plan.
        ConfigError: the plan needs another number of stages.

    Example:
        >>> named_plan("A6", (("conv1",), ("conv2",), ("lstm",), ("dense*",)))
        Plan(load=('conv1',), freeze=('conv1',))

    """
    plan = _plan(name)
    if len(stages) != plan.stages:
        raise ConfigError(f"plan {name} is for networks of {plan.stages} stages; given {len(stages)}: {list(stages)}")
    return Plan(load=_first(plan.load, stages), freeze=_first(plan.freeze, stages))


def uses_groups(name: str) -> bool:
    """Return whether a named plan's stages are a network's groups, not its single layers.

    Raises:
        UnknownNameError: there is no such plan.

    """
    return _plan(name).stages == GROUPS


def _plan(name: str) -> NamedPlan:
    if name not in PLANS:
        raise unknown_name("plan", name, PLANS)
    return PLANS[name]


def _first(count: int | None, stages: Stages) -> tuple[str, ...]:
    return tuple(pattern for stage in stages[: len(stages) if count is None else count] for pattern in stage)
