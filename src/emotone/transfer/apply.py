"""Apply a transfer plan: load and freeze layers of a network, and report the state of every tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from emotone.errors import ConfigError, SourceError
from emotone.transfer.freeze import Freezer
from emotone.transfer.head import match_head
from emotone.transfer.report import State, TensorEntry, TransferReport
from emotone.transfer.select import select

if TYPE_CHECKING:
    from torch import Tensor, nn

    from emotone.transfer.head import HeadSpec
    from emotone.transfer.plans import Plan
    from emotone.transfer.weights import SourceWeights

MAX_LISTED = 4  # tensors that do not fit, in a message: of another network's weights none fits


@dataclass(frozen=True, eq=False)
class TransferResult:
    """The report of a transfer, and the freezer of its frozen tensors."""

    report: TransferReport
    freezer: Freezer


def transfer_into(
    net: nn.Module, weights: SourceWeights, plan: Plan, *, head: HeadSpec | None = None
) -> TransferResult:
    """Load and freeze layers of a network, in place, according to a plan.

    Everything is checked before anything is changed: each tensor of a loaded layer, including buffers, must be in the
    source with the same shape and kind. Other layers are not changed: pass a newly built network, whose weights are
    initialised from the seed.

    Args:
        net: with layers that the plan's patterns match.
        weights: tensors by the network's names; those that the plan does not load are listed as left.
        plan: layers to load and to freeze.
        head: the network's outputs, if the source may have scores for other labels or none at all; see
            `emotone.transfer.head`. None loads every tensor unchanged.

    Raises:
        UnknownNameError: a pattern matches no layer of the network.
        ConfigError: the plan freezes a layer that it does not load, or outputs that the source does not have.
        SourceError: a tensor is missing in the source, or has another shape or kind.

    """
    tensors = net.state_dict()
    load = select(plan.load, tensors)
    freeze = select(plan.freeze, tensors)
    unloaded = [name for name in freeze if name not in set(load)]
    if unloaded:
        raise ConfigError(f"a plan can freeze only what it loads; frozen but not loaded: {', '.join(unloaded)}")
    notes: tuple[str, ...] = ()
    if head is not None:
        match = match_head(weights, head, load=load, freeze=freeze)
        weights, notes = match.weights, match.notes
        load = tuple(name for name in load if name not in match.initialised)
    new = _checked(tensors, weights, load)
    with torch.no_grad():
        for name, values in new.items():
            tensors[name].copy_(values)
    parameters = {name for name, _ in net.named_parameters()}
    loaded, frozen = set(load), set(freeze)

    def state(name: str) -> State:
        return "frozen" if name in frozen else "tuned" if name in loaded else "fresh"

    entries = tuple(
        TensorEntry(name, "parameter" if name in parameters else "buffer", tuple(tensor.shape), state(name))
        for name, tensor in tensors.items()
    )
    left = tuple(name for name in weights.tensors if name not in loaded)
    report = TransferReport(weights.source, weights.sha256, weights.licence, entries, left, notes)
    return TransferResult(report, Freezer(net, freeze))


def _checked(tensors: dict[str, Tensor], weights: SourceWeights, load: tuple[str, ...]) -> dict[str, Tensor]:
    """Return the tensors to load, after comparing all of them with the network's."""
    new, wrong = {}, []
    for name in load:
        if name not in weights.tensors:
            wrong.append(f"{name} is missing")
            continue
        given = torch.from_numpy(np.array(weights.tensors[name]))
        own = tensors[name]
        if given.shape != own.shape:
            wrong.append(f"{name} has the shape {_shape(given)}, the network's {_shape(own)}")
        elif given.is_floating_point() != own.is_floating_point():
            wrong.append(f"{name} has the type {given.dtype}, the network's {own.dtype}")
        elif given.is_floating_point() and not torch.isfinite(given).all():
            wrong.append(f"{name} has values that are not finite")
        new[name] = given
    if wrong:
        listed = [*wrong[:MAX_LISTED], *([f"and {len(wrong) - MAX_LISTED} more"] if len(wrong) > MAX_LISTED else [])]
        names = ", ".join([*list(weights.tensors)[:2], "..."])
        raise SourceError(
            f"the source {weights.source} does not fit the network: {'; '.join(listed)}; it has "
            f"{len(weights.tensors)} tensors ({names}), possibly of another network"
        )
    return new


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "scalar"
