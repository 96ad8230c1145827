"""A training's whole state in one file: tensors with their history, no pickle, written atomically."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        number: from 1.
        loss: mean training loss, in nats.
        score: on the development part, as `TrainingSettings.monitor` says; None where there is none.
        seconds: wall time.

    """

    number: int
    loss: float
    score: float | None
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """State after an epoch.

    Attributes:
        signature: of the training; a checkpoint of another one is refused.
        history: all epochs so far.
        best: number of the best epoch so far.
        tensors: by name, with prefixes `net.`, `average.`, `best.` and `optimizer.`.

    """

    signature: str
    history: tuple[Epoch, ...]
    best: int
    tensors: dict[str, Tensor] = field(repr=False)

    def save(self, path: Path) -> None:
        """Write the checkpoint; a crash leaves the one before."""
        from safetensors.torch import save

        state = {
            "signature": self.signature,
            "best": self.best,
            "history": [asdict(epoch) for epoch in self.history],
        }
        data = save(
            {name: tensor.contiguous() for name, tensor in self.tensors.items()}, {"emotone": json.dumps(state)}
        )
        with atomic_write(path) as stream:
            stream.write(data)

    @classmethod
    def load(cls, path: Path, *, signature: str) -> Checkpoint:
        """Read a checkpoint; raise `RunError` where it is damaged or belongs to another training."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as stored:
                state = json.loads((stored.metadata() or {})["emotone"])
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping
            given, best = str(state["signature"]), int(state["best"])
            history = tuple(Epoch(**epoch) for epoch in state["history"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} is no checkpoint of emotone ({error}); delete it to start anew") from error
        if given != signature:
            raise RunError(
                f"{path} belongs to the training {given}, this one is {signature}: "
                "settings or data have changed; choose another folder, or delete it to start anew"
            )
        return cls(signature, history, best, tensors)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with `prefix.`, without it."""
        return {
            name[len(prefix) + 1 :]: tensor for name, tensor in self.tensors.items() if name.startswith(f"{prefix}.")
        }
