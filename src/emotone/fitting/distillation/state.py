"""The state of a student's training in one file: tensors, steps and measurements, no pickle, written atomically."""

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
class Measurement:
    """How well the student says what the teacher says of held-out sound.

    Attributes:
        step: batches learned from so far.
        loss: mean divergence on the batches since the last measurement, nats; None before the first batch.
        divergence: mean over held-out stretches of KL(teacher || student), nats.
        agreement: share of held-out stretches whose likeliest class is the teacher's.
        folders: (divergence, agreement) by folder of sound.
        seconds: wall time since the last measurement.

    """

    step: int
    loss: float | None
    divergence: float
    agreement: float
    folders: dict[str, tuple[float, float]]
    seconds: float


@dataclass(frozen=True)
class State:
    """What a training goes on from.

    Attributes:
        signature: of recipe, sound and teacher; a state of another training is refused.
        step: batches done.
        losses: (sum, count) of losses since the last measurement.
        seconds: wall time since the last measurement.
        history: all measurements so far.
        tensors: by name, with prefixes `net.` and `optimizer.`.

    """

    signature: str
    step: int
    losses: tuple[float, int]
    seconds: float
    history: tuple[Measurement, ...]
    tensors: dict[str, Tensor] = field(repr=False)

    def save(self, path: Path) -> None:
        """Write the state; a crash leaves the one before."""
        from safetensors.torch import save

        text = {
            "signature": self.signature,
            "step": self.step,
            "losses": list(self.losses),
            "seconds": self.seconds,
            "history": [asdict(measurement) for measurement in self.history],
        }
        tensors = {name: tensor.contiguous() for name, tensor in self.tensors.items()}
        data = save(tensors, {"emotone": json.dumps(text)})
        with atomic_write(path) as stream:
            stream.write(data)

    @classmethod
    def load(cls, path: Path, *, signature: str) -> State:
        """Read a state; raise `RunError` where it is damaged or belongs to another training."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as stored:
                text = json.loads((stored.metadata() or {})["emotone"])
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping
            given, step, seconds = str(text["signature"]), int(text["step"]), float(text["seconds"])
            losses = (float(text["losses"][0]), int(text["losses"][1]))
            history = tuple(measurement(item) for item in text["history"])
        except (SafetensorError, OSError, KeyError, IndexError, TypeError, ValueError) as error:
            raise RunError(f"{path} is no state of a student ({error}); delete it to start anew") from error
        if given != signature:
            raise RunError(
                f"{path} belongs to the training {given}, this one is {signature}: "
                "recipe or sound have changed; choose another folder, or delete it to start anew"
            )
        return cls(given, step, losses, seconds, history, tensors)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with `prefix.`, without it."""
        return {
            name[len(prefix) + 1 :]: tensor for name, tensor in self.tensors.items() if name.startswith(f"{prefix}.")
        }


def measurement(item: dict[str, object]) -> Measurement:
    """Return a measurement from what JSON gave."""
    folders = item["folders"]
    if not isinstance(folders, dict):
        raise TypeError("folders are no mapping")
    pairs = {name: (float(pair[0]), float(pair[1])) for name, pair in folders.items()}
    return Measurement(**{**item, "folders": pairs})  # type: ignore[arg-type]
