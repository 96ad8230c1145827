"""The state of a training run in one file: tensors and the history, no pickle, written atomically."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from emotone.errors import RunError
from emotone.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


@dataclass(frozen=True)
class Epoch:
    """The outcome of one epoch.

    Attributes:
        number: from 1.
        loss: mean training loss, in nats.
        score: of the evaluation that selects the epoch; None if there is none.
        seconds: wall time.
        metrics: other measurements of the evaluation, by name.

    """

    number: int
    loss: float
    score: float | None
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return a table for JSON; without measurements it has no `metrics`."""
        table = asdict(self)
        if not self.metrics:
            del table["metrics"]
        return table


@dataclass(frozen=True)
class Checkpoint:
    """The state after an epoch.

    Attributes:
        signature: of the training; a checkpoint with another one is rejected.
        history: all epochs so far.
        best: number of the best epoch so far.
        tensors: by name, with prefixes `net.`, `ema.`, `best.` and `optimizer.`.

    """

    signature: str
    history: tuple[Epoch, ...]
    best: int
    tensors: dict[str, Tensor] = field(repr=False)

    def save(self, path: Path) -> None:
        """Write the checkpoint; a crash leaves the previous one intact."""
        from safetensors.torch import save

        state = {
            "signature": self.signature,
            "best": self.best,
            "history": [epoch.to_dict() for epoch in self.history],
        }
        data = save(
            {name: tensor.contiguous() for name, tensor in self.tensors.items()}, {"emotone": json.dumps(state)}
        )
        with atomic_write(path) as stream:
            stream.write(data)

    @classmethod
    def load(cls, path: Path, *, signature: str) -> Checkpoint:
        """Read a checkpoint; raise `RunError` if it is damaged or belongs to another training."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as stored:
                state = json.loads((stored.metadata() or {})["emotone"])
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping
            given, best = str(state["signature"]), int(state["best"])
            history = tuple(Epoch(**epoch) for epoch in state["history"])
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{path} is no checkpoint of emotone ({error}); delete it to start from scratch") from error
        if given != signature:
            raise RunError(
                f"{path} belongs to the training {given}, this one is {signature}: "
                "settings or data have changed; choose another folder, or delete it to start from scratch"
            )
        return cls(signature, history, best, tensors)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with `prefix.`, without it."""
        return {
            name[len(prefix) + 1 :]: tensor for name, tensor in self.tensors.items() if name.startswith(f"{prefix}.")
        }
