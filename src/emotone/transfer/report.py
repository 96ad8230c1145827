"""What a transfer did with every tensor of a net."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from emotone.transfer.select import layer_of

State: TypeAlias = Literal["frozen", "tuned", "fresh", "estimated"]
STATES: dict[State, str] = {
    "frozen": "taken over, stays as it is",
    "tuned": "taken over, learns on",
    "fresh": "drawn anew, learns",
    "estimated": "taken over, then estimated anew on clips without labels",
}


@dataclass(frozen=True)
class Entry:
    """One tensor of the net.

    Attributes:
        name: as in the net's `state_dict`.
        kind: a parameter learns from gradients; a buffer, such as a running mean, from the batches that pass.
        shape: of the tensor.
        state: see `STATES`.

    """

    name: str
    kind: Literal["parameter", "buffer"]
    shape: tuple[int, ...]
    state: State


@dataclass(frozen=True)
class TransferReport:
    """Every tensor of a net, once.

    Attributes:
        source: name of the weights.
        sha256: of the file that they are from; "" where they were never on disk.
        licence: of the weights: it reaches what is trained from them.
        entries: in the order of the net.
        left: tensors of the source that were not taken.
        notes: what else must be known, a line each: what became of scores for other labels.

    """

    source: str
    sha256: str
    licence: str
    entries: tuple[Entry, ...]
    left: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def names(self, *states: State) -> tuple[str, ...]:
        """Return the names of the tensors in any of these states."""
        return tuple(entry.name for entry in self.entries if entry.state in states)

    def to_dict(self) -> dict[str, Any]:
        """Return plain tables, for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the report as text, one line per state, one for what was left, and the notes."""
        lines = [f"from {self.source} ({self.licence}; sha256 {self.sha256 or 'unknown'})"]
        for state, meaning in STATES.items():
            entries = [entry for entry in self.entries if entry.state == state]
            if entries:
                layers = ", ".join(dict.fromkeys(layer_of(entry.name) for entry in entries))
                values = sum(math.prod(entry.shape) for entry in entries if entry.kind == "parameter")
                lines.append(f"{state} ({meaning}): {layers}; {len(entries)} tensors, {values:,} parameters")
        if self.left:
            layers = ", ".join(dict.fromkeys(layer_of(name) for name in self.left))
            lines.append(f"left behind in the source: {layers}; {len(self.left)} tensors")
        return [*lines, *self.notes]
