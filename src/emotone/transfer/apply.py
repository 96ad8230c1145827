"""Carry out a plan: weights into a net, the frozen frozen, and a report of every tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from emotone.errors import ConfigError, SourceError
from emotone.transfer.freeze import Freezer
from emotone.transfer.head import answering
from emotone.transfer.report import Entry, State, TransferReport
from emotone.transfer.select import select

if TYPE_CHECKING:
    from torch import Tensor, nn

    from emotone.transfer.head import Head
    from emotone.transfer.plan import Plan
    from emotone.transfer.weights import SourceWeights

MOST_TOLD = 4  # tensors that do not fit, each with its reason: of another net's weights none fits


@dataclass(frozen=True, eq=False)
class Transferred:
    """The report of a transfer, and what keeps its frozen tensors as they are."""

    report: TransferReport
    freezer: Freezer


def transfer_into(net: nn.Module, weights: SourceWeights, plan: Plan, *, head: Head | None = None) -> Transferred:
    """Load and freeze layers of a net, in place, as a plan says.

    Everything is checked before anything is changed: each tensor of a loaded layer, buffers included, must be in the
    source with the same shape and kind. Layers that are not loaded stay as they are: give a net that was just built,
    whose weights are drawn from the seed.

    Args:
        net: with layers that the plan's patterns name.
        weights: tensors by the net's names; those that the plan does not ask for are listed as left.
        plan: what to load and to freeze.
        head: what of the net gives its scores, where the source may have scores for other labels or none at all; see
            `emotone.transfer.head`. None takes every tensor as it is.

    Raises:
        UnknownNameError: a pattern names no layer of the net.
        ConfigError: the plan freezes what it does not load, or scores that the source does not have.
        SourceError: the source lacks a tensor, or has another shape or kind of it.

    """
    tensors = net.state_dict()
    load = select(plan.load, tensors)
    freeze = select(plan.freeze, tensors)
    alone = [name for name in freeze if name not in set(load)]
    if alone:
        raise ConfigError(f"a plan can freeze only what it loads; frozen but not loaded: {', '.join(alone)}")
    notes: tuple[str, ...] = ()
    if head is not None:
        answers = answering(weights, head, load=load, freeze=freeze)
        weights, notes = answers.weights, answers.notes
        load = tuple(name for name in load if name not in answers.anew)
    new = _checked(tensors, weights, load)
    with torch.no_grad():
        for name, values in new.items():
            tensors[name].copy_(values)
    parameters = {name for name, _ in net.named_parameters()}
    loaded, frozen = set(load), set(freeze)

    def state(name: str) -> State:
        return "frozen" if name in frozen else "tuned" if name in loaded else "fresh"

    entries = tuple(
        Entry(name, "parameter" if name in parameters else "buffer", tuple(tensor.shape), state(name))
        for name, tensor in tensors.items()
    )
    left = tuple(name for name in weights.tensors if name not in loaded)
    report = TransferReport(weights.source, weights.sha256, weights.licence, entries, left, notes)
    return Transferred(report, Freezer(net, freeze))


def _checked(tensors: dict[str, Tensor], weights: SourceWeights, load: tuple[str, ...]) -> dict[str, Tensor]:
    """Return what is loaded, after all of it was compared with what the net has."""
    new, wrong = {}, []
    for name in load:
        if name not in weights.tensors:
            wrong.append(f"{name} is missing")
            continue
        given = torch.from_numpy(np.array(weights.tensors[name]))
        own = tensors[name]
        if given.shape != own.shape:
            wrong.append(f"{name} is {_shape(given)}, the net's is {_shape(own)}")
        elif given.is_floating_point() != own.is_floating_point():
            wrong.append(f"{name} holds {given.dtype}, the net's {own.dtype}")
        elif given.is_floating_point() and not torch.isfinite(given).all():
            wrong.append(f"{name} holds values that are not finite")
        new[name] = given
    if wrong:
        told = [*wrong[:MOST_TOLD], *([f"and {len(wrong) - MOST_TOLD} more"] if len(wrong) > MOST_TOLD else [])]
        there = ", ".join([*list(weights.tensors)[:2], "..."])
        raise SourceError(
            f"the source {weights.source} does not fit the net: {'; '.join(told)}; it holds {len(weights.tensors)} "
            f"tensors ({there}), maybe another net's"
        )
    return new


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"
