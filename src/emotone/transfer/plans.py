"""Named plans: which part of a net is taken over, which part of that is frozen.

A plan speaks of a net's stages from the input on, e.g. (`conv1`,), (`conv2`,), (`lstm`,), (`dense*`,): groups of layer
patterns. The rows of four stages speak of the groups that every net says (`NetSpec.groups`), and so fit every net; the
others take each layer with parameters as a stage. A row added here is checked with all nets.

References: Marczewski, Veloso, Ziviani, Learning transferable features for speech emotion recognition, 2017 (A1 to A8,
"Transference approaches"); ElShaer, Wisdom, Mishra, Transfer learning from sound representations for anger detection
in speech, 2019 (`anger-0` to `anger-3`).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from emotone.errors import ConfigError, unknown_name
from emotone.nets.base import GROUPS
from emotone.transfer.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

Stages: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Row:
    """One named plan.

    Attributes:
        says: in words.
        load: stages from the input on whose weights come from the source; None for all.
        freeze: stages from the input on that don't learn; None for all.
        stages: how many stages a net must have for the row to mean what it says.

    """

    says: str
    load: int | None
    freeze: int | None
    stages: int


ROWS: Mapping[str, Row] = MappingProxyType(
    {
        # Four stages: first convolution, second convolution, recurrent, fully connected; a net's groups.
        "A1": Row("all taken over and frozen: the net is used as it is", None, None, GROUPS),
        "A2": Row("all taken over, all learn on", None, 0, GROUPS),
        "A3": Row("all taken over, the first convolution frozen", None, 1, GROUPS),
        "A4": Row("all taken over, both convolutions frozen", None, 2, GROUPS),
        "A5": Row("all taken over, convolutions and recurrent layer frozen", None, 3, GROUPS),
        "A6": Row("the first convolution taken over and frozen, the rest drawn anew", 1, 1, GROUPS),
        "A7": Row("both convolutions taken over and frozen, the rest drawn anew", 2, 2, GROUPS),
        "A8": Row("convolutions and recurrent layer taken over and frozen, the rest drawn anew", 3, 3, GROUPS),
        # Five stages: the convolutions of SoundNet. The paper's best froze two.
        "anger-0": Row("the first three convolutions taken over, all learn", 3, 0, 5),
        "anger-1": Row("the first three convolutions taken over, the first frozen", 3, 1, 5),
        "anger-2": Row("the first three convolutions taken over, the first two frozen", 3, 2, 5),
        "anger-3": Row("the first three convolutions taken over and frozen", 3, 3, 5),
    }
)


def plan(name: str, stages: Stages) -> Plan:
    """Return a named plan for a net.

    Args:
        name: see `ROWS`.
        stages: of the net, from the input on; each a group of layer patterns.

    Raises:
        UnknownNameError: there is no such plan.
        ConfigError: the plan speaks of another number of stages.

    Example:
        >>> plan("A6", (("conv1",), ("conv2",), ("lstm",), ("dense*",)))
        Plan(load=('conv1',), freeze=('conv1',))

    """
    row = _row(name)
    if len(stages) != row.stages:
        raise ConfigError(f"plan {name} is for nets of {row.stages} stages; given {len(stages)}: {list(stages)}")
    return Plan(load=_first(row.load, stages), freeze=_first(row.freeze, stages))


def speaks_of_groups(name: str) -> bool:
    """Return whether a named plan's stages are a net's groups, and not its single layers.

    Raises:
        UnknownNameError: there is no such plan.

    """
    return _row(name).stages == GROUPS


def _row(name: str) -> Row:
    if name not in ROWS:
        raise unknown_name("plan", name, ROWS)
    return ROWS[name]


def _first(count: int | None, stages: Stages) -> tuple[str, ...]:
    return tuple(pattern for stage in stages[: len(stages) if count is None else count] for pattern in stage)
