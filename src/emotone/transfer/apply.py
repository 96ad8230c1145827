"""Apply a transfer plan: load and freeze layers of a network, and report the state of every tensor.

If the source has every label of the target, their outputs are loaded in the target's order. If it lacks one, the output
layer is re-initialised. A source without labels has none of the head's layers, which are then re-initialised too. A
frozen head can't be re-initialised: that is an error.

Frozen tensors, which training does not change, include the statistics of batch normalisations.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from types import MethodType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from torch import nn

from emotone.errors import ConfigError, RunError, SourceError
from emotone.transfer.plans import layer_of, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from emotone.transfer.plans import Plan
    from emotone.transfer.weights import SourceWeights

ADVICE = "use a plan that trains the head (A2 to A8), or labels that the source has"


@dataclass(frozen=True)
class HeadSpec:
    """The outputs of a network.

    Attributes:
        labels: of the scores, in order.
        scores: tensors whose first dimension is the labels.
        layers: of the head, which may all be missing in the source; () if none may.

    """

    labels: tuple[str, ...]
    scores: tuple[str, ...]
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeadMatch:
    """How a source's scores fit a network.

    Attributes:
        weights: with the scores of the target's labels, if the source has them.
        initialised: tensors that are re-initialised although the plan loads them.
        notes: sentences that describe changes; empty without any.

    """

    weights: SourceWeights
    initialised: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def match_head(weights: SourceWeights, head: HeadSpec, *, load: Sequence[str], freeze: Sequence[str]) -> HeadMatch:
    """Return which of a source's scores fit a network.

    Args:
        weights: the source.
        head: of the network.
        load: tensors that the plan loads.
        freeze: those of them that the plan freezes.

    Raises:
        ConfigError: scores that must be re-initialised are frozen.

    """
    scores = [name for name in head.scores if name in set(load)]
    if not weights.labels:
        return _without_labels(weights, head, load=load, freeze=freeze)
    if not scores or weights.labels == head.labels:
        return HeadMatch(weights)
    theirs, ours = ", ".join(weights.labels), ", ".join(head.labels)
    missing = [label for label in head.labels if label not in weights.labels]
    if not missing:
        rows = [weights.labels.index(label) for label in head.labels]
        of_labels = {
            name: weights.tensors[name][rows]
            for name in scores
            if name in weights.tensors and weights.tensors[name].shape[0] == len(weights.labels)
        }
        tensors = {**weights.tensors, **of_labels}
        note = f"of the scores of {weights.source} ({theirs}), those of {ours} were loaded"
        return HeadMatch(replace(weights, tensors=tensors), notes=(note,))
    layers = ", ".join(dict.fromkeys(map(layer_of, scores)))
    if set(scores) & set(freeze):
        raise ConfigError(
            f"{weights.source} can't be used unchanged for {ours}: it has no scores for {', '.join(missing)}, only for "
            f"{theirs}; {ADVICE}"
        )
    note = (
        f"{weights.source} has scores for {theirs}, but not for {', '.join(missing)}: the output layer, {layers}, is "
        "re-initialised"
    )
    return HeadMatch(weights, frozenset(scores), (note,))


def _without_labels(weights: SourceWeights, head: HeadSpec, *, load: Sequence[str], freeze: Sequence[str]) -> HeadMatch:
    """Return the head's layers as re-initialised, if the source has no labels and none of these layers."""
    tensors = frozenset(name for name in load if layer_of(name) in head.layers)
    if not tensors or any(layer_of(name) in head.layers for name in weights.tensors):
        return HeadMatch(weights)
    layers = ", ".join(dict.fromkeys(layer_of(name) for name in load if name in tensors))
    if tensors & set(freeze):
        raise ConfigError(
            f"{weights.source} can't be used unchanged: it has no scores for labels (no layer {layers}); {ADVICE}"
        )
    return HeadMatch(weights, tensors, (f"{weights.source} has no scores for labels: {layers} is re-initialised",))


State: TypeAlias = Literal["frozen", "tuned", "fresh", "estimated"]
STATES: dict[State, str] = {
    "frozen": "loaded, not trained",
    "tuned": "loaded, fine-tuned",
    "fresh": "re-initialised, trained",
    "estimated": "loaded, then re-estimated on unlabelled clips",
}

MAX_LISTED = 4  # tensors that do not fit, in a message: of another network's weights none fits


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of a network.

    Attributes:
        name: as in the network's `state_dict`.
        kind: gradients update a parameter; batches update a buffer, such as a running mean.
        shape: of the tensor.
        state: see `STATES`.

    """

    name: str
    kind: Literal["parameter", "buffer"]
    shape: tuple[int, ...]
    state: State


@dataclass(frozen=True)
class TransferReport:
    """The tensors of a network, each once.

    Attributes:
        source: name of the weights.
        sha256: of their file; "" without a file.
        licence: of the weights; it applies to weights that are trained from them.
        entries: in the order of the network.
        left: tensors of the source that were not loaded.
        notes: further sentences, e.g. about scores for other labels.

    """

    source: str
    sha256: str
    licence: str
    entries: tuple[TensorEntry, ...]
    left: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def names(self, *states: State) -> tuple[str, ...]:
        """Return the names of the tensors in any of these states."""
        return tuple(entry.name for entry in self.entries if entry.state in states)

    def to_dict(self) -> dict[str, Any]:
        """Return a table for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the report as text, one line per state, one for unused tensors, and the notes."""
        lines = [f"from {self.source} ({self.licence}; sha256 {self.sha256 or 'unknown'})"]
        for state, meaning in STATES.items():
            entries = [entry for entry in self.entries if entry.state == state]
            if entries:
                layers = ", ".join(dict.fromkeys(layer_of(entry.name) for entry in entries))
                values = sum(math.prod(entry.shape) for entry in entries if entry.kind == "parameter")
                lines.append(f"{state} ({meaning}): {layers}; {len(entries)} tensors, {values:,} parameters")
        if self.left:
            layers = ", ".join(dict.fromkeys(layer_of(name) for name in self.left))
            lines.append(f"not loaded from the source: {layers}; {len(self.left)} tensors")
        return [*lines, *self.notes]


class Freezer:
    """Freezes tensors of a network permanently, whatever mode the network is put in.

    A frozen parameter requires no gradient, so optimizers skip it, including weight decay. A module whose tensors are
    all frozen is permanently in eval mode, with its submodules: batch normalisation uses its running statistics
    without updating them, and dropout is inactive. `net.train()` does not change that, nor does copying the network.
    Dropout between a frozen layer and a trainable one is not part of a frozen module and remains active.

    Args:
        net: modified in place.
        names: of parameters and buffers, as in the net's `state_dict`.

    """

    def __init__(self, net: nn.Module, names: Iterable[str]) -> None:
        self.net = net
        self.names = tuple(names)
        frozen = set(self.names)
        for name, parameter in net.named_parameters():
            if name in frozen:
                parameter.requires_grad_(False)
        for module in self._modules(frozen):
            module.__dict__["train"] = MethodType(_stay_in_eval, module)
            module.eval()
        self._fingerprints = self._take()

    def _modules(self, frozen: set[str]) -> list[nn.Module]:
        """Return the modules whose tensors are all frozen, with their submodules."""
        found: dict[nn.Module, None] = {}
        for name, module in self.net.named_modules():
            tensors = {f"{name}.{inner}".removeprefix(".") for inner in module.state_dict()}
            if tensors and tensors <= frozen:
                found.update(dict.fromkeys(module.modules()))
        return list(found)

    def _take(self) -> dict[str, str]:
        tensors = self.net.state_dict()
        return {name: _fingerprint(tensors[name]) for name in self.names}

    def check(self) -> None:
        """Raise `RunError` if a frozen tensor has changed by a single bit."""
        now = self._take()
        changed = [name for name in self.names if now[name] != self._fingerprints[name]]
        if changed:
            raise RunError(f"frozen tensors have changed: {', '.join(changed)}; the training did not keep them frozen")


def _stay_in_eval(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001 - the signature of torch
    """Replace `module.train`."""
    return nn.Module.train(module, mode=False)


def _fingerprint(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


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
            `emotone.transfer.apply`. None loads every tensor unchanged.

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
