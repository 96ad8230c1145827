"""The state of every tensor of a network after a transfer."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from emotone.transfer.select import layer_of

State: TypeAlias = Literal["frozen", "tuned", "fresh", "estimated"]
STATES: dict[State, str] = {
    "frozen": "loaded, not trained",
    "tuned": "loaded, fine-tuned",
    "fresh": "re-initialised, trained",
    "estimated": "loaded, then re-estimated on unlabelled clips",
}


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
