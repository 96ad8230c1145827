"""The training loop: any objective, deterministic for its seed, resumable from checkpoints, with early stopping."""

from __future__ import annotations

import contextlib
import json
import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Generic

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from emotone.errors import RunError
from emotone.files import atomic_write
from emotone.training.objective import BatchT, Objective
from emotone.training.processes import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from emotone.recipes.training import Annealing


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


@dataclass(frozen=True)
class Optimisation:
    """How the loop updates the weights of a network.

    Attributes:
        optimizer: builds the optimizer of a network.
        learning_rate: peak learning rate.
        schedule: share of the peak rate at a step, called with (step, all steps).
        grad_clip_norm: maximum norm of the gradient; 0 disables clipping.
        ema_decay: decay per step of the exponential moving average of the weights, which is evaluated and returned;
            0 uses the weights themselves.
        patience: epochs without improvement after which training stops; 0 disables early stopping.
        annealing: multiplies the learning rate when the score stops improving; None does not.
        bfloat16: compute the network's products in bfloat16; weights and loss stay in float32.

    """

    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    learning_rate: float
    schedule: Callable[[int, int], float]
    grad_clip_norm: float = 0.0
    ema_decay: float = 0.0
    patience: int = 0
    annealing: Annealing | None = None
    bfloat16: bool = False


@dataclass(frozen=True)
class TrainingResult:
    """The history, and the number of the epoch whose weights the network has; 0 if there was no epoch."""

    history: tuple[Epoch, ...]
    best: int


def run_epochs(
    net: nn.Module,
    objective: Objective[BatchT],
    optimisation: Optimisation,
    *,
    seed: int,
    signature: str,
    checkpoint: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> TrainingResult:
    """Train a network in place and return what happened; afterwards it has the weights of the best epoch.

    In several processes (see `emotone.training.processes`), each computes a part of every batch.

    Equal arguments give bit-identical weights on the same machine with the same number of threads, whether the run was
    interrupted or not: torch's generator is seeded with (seed, epoch) at the start of each epoch, and a checkpoint
    contains everything else.

    Args:
        net: called with inputs and lengths of a batch; its initial weights must be a function of the seed.
        objective: batches, loss and evaluation.
        optimisation: how weights are updated.
        seed: of dropout.
        signature: identifies everything that affects the result; guards the checkpoint.
        checkpoint: file for the state after each epoch; training resumes from an existing one.
        progress: called after each epoch, and once for each epoch of a checkpoint.
        on_batch: called with (done, total) batches of the current epoch.

    Raises:
        RunError: the checkpoint can't be used, or the loss is not finite.

    """
    with deterministic():
        run = _Run(net, objective, optimisation, seed=seed)
        if checkpoint is not None and checkpoint.exists():
            try:
                run.restore(Checkpoint.load(checkpoint, signature=signature))
            except (RuntimeError, KeyError, ValueError) as error:  # saved by a version with other tensors
                raise RunError(
                    f"{checkpoint} does not fit this network ({error}); delete it to start from scratch"
                ) from error
            for epoch in run.history if progress is not None else ():
                progress(epoch)  # type: ignore[misc]
        while not run.finished:
            epoch = run.epoch(on_batch)
            if checkpoint is not None and run.processes.is_first:
                run.checkpoint(signature).save(checkpoint)
            run.processes.wait()  # a process that is started again finds the checkpoint of the epoch that all have
            if progress is not None:
                progress(epoch)
        net.load_state_dict(run.best_weights)
    return TrainingResult(tuple(run.history), run.best)


class _Run(Generic[BatchT]):
    """The state of one training between epochs."""

    def __init__(self, net: nn.Module, objective: Objective[BatchT], optimisation: Optimisation, *, seed: int) -> None:
        self.net = net
        self.objective = objective
        self.optimisation = optimisation
        self.seed = seed
        self.processes = current()
        self.optimizer = optimisation.optimizer(net)
        self.ema: AveragedModel | None = None
        if optimisation.ema_decay > 0:
            averaging = get_ema_multi_avg_fn(optimisation.ema_decay)  # type: ignore[no-untyped-call]
            self.ema = AveragedModel(net, multi_avg_fn=averaging, use_buffers=True)
        self.history: list[Epoch] = []
        self.best = 0
        self.best_weights: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        done, patience, annealing = len(self.history), self.optimisation.patience, self.optimisation.annealing
        if annealing is not None and annealing.stops(self.peak_rate):
            return True
        return done >= len(self.objective.steps) or (patience > 0 and done - self.best >= patience)

    @property
    def peak_rate(self) -> float:
        """Learning rate before the schedule: a function of the history, so that a resumed run has the same."""
        annealing, rate = self.optimisation.annealing, self.optimisation.learning_rate
        return rate if annealing is None else rate * annealing.share([epoch.score for epoch in self.history])

    def epoch(self, on_batch: Callable[[int, int], None] | None) -> Epoch:
        started = time.monotonic()
        number = len(self.history) + 1
        torch.manual_seed(_epoch_seed(self.seed, number) + self.processes.rank)  # dropout
        steps = self.objective.steps
        before, total = sum(steps[: number - 1]), sum(steps)
        self.net.train()
        loss, count, rate = 0.0, 0, self.peak_rate
        for done, batch in enumerate(self.objective.batches(number), start=1):
            value, items = self._step(batch, rate * self.optimisation.schedule(before + done - 1, total))
            if not math.isfinite(value):
                raise RunError(f"the loss is not finite in epoch {number}, batch {done}: lower learning_rate")
            loss, count = loss + value * items, count + items
            if on_batch is not None:
                on_batch(done, steps[number - 1])
        self.processes.average_buffers(self.net, None if self.ema is None else self.ema.module)
        evaluated: Any = self.net if self.ema is None else self.ema.module
        evaluation = self.objective.evaluate(evaluated, number)
        score = evaluation.score
        epoch = Epoch(number, loss / count, score, time.monotonic() - started, evaluation.metrics)
        scores = [past.score for past in self.history[: self.best] if past.score is not None]
        if score is None or not scores or score > max(scores):
            self.best = number
            self.best_weights = {name: value.clone() for name, value in evaluated.state_dict().items()}
        self.history.append(epoch)
        return epoch

    def _step(self, batch: BatchT, learning_rate: float) -> tuple[float, int]:
        """Update the weights with one batch; return its loss and the items that the loss is the mean of."""
        whole, batch = batch, self.processes.part(batch)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        lengths = None if batch.lengths is None else torch.from_numpy(batch.lengths)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.optimisation.bfloat16):
            output = self.net(torch.from_numpy(batch.inputs), lengths)
        loss = self.objective.loss(output, batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.mean.backward()  # type: ignore[no-untyped-call]
        total = self.processes.add_gradients(self.net, count=loss.count)
        if self.optimisation.grad_clip_norm > 0:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.optimisation.grad_clip_norm)
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update_parameters(self.net)
        value = self.processes.mean(float(loss.mean.detach()), count=loss.count, total=total)
        return value, loss.count if batch is whole else total

    def checkpoint(self, signature: str) -> Checkpoint:
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        if self.ema is not None:
            tensors |= {f"ema.{name}": value for name, value in self.ema.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best_weights.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
        return Checkpoint(signature, tuple(self.history), self.best, tensors)

    def restore(self, checkpoint: Checkpoint) -> None:
        self.net.load_state_dict(checkpoint.part("net"))
        if self.ema is not None:
            self.ema.load_state_dict(checkpoint.part("ema"))
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in checkpoint.part("optimizer").items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.best_weights = checkpoint.part("best")
        self.history = list(checkpoint.history)
        self.best = checkpoint.best


def _epoch_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Make torch reject nondeterministic operations inside the context; restore the previous settings afterwards.

    New memory is not filled first, which torch otherwise does in this mode: nothing reads it before it is written, and
    filling takes a sixth of the time. Subnormal numbers (below 1e-38) are flushed to zero: where units have died,
    Adam's moments reach that range, and sums with such numbers take many times as long.
    """
    module: Any = torch.utils.deterministic
    before, filled = torch.are_deterministic_algorithms_enabled(), module.fill_uninitialized_memory
    flushed = _flushes_denormals()
    torch.use_deterministic_algorithms(True)
    module.fill_uninitialized_memory = False
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        module.fill_uninitialized_memory = filled
        torch.set_flush_denormal(flushed)


def _flushes_denormals() -> bool:
    """Return whether torch flushes subnormal numbers to zero in this thread, which it has no getter for."""
    return not bool(torch.tensor([1e-40]).mul(1.0).any())
