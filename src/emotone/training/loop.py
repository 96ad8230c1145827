"""The training loop: deterministic from its seed, resumed exactly, stopped early where asked."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from emotone.errors import RunError
from emotone.recipes.training import EPSILON, RHO
from emotone.training.batches import Batch, Drawing, Examples, Outputs, cut_windows, epoch_batches, mix
from emotone.training.checkpoint import Checkpoint, Epoch
from emotone.training.development import development_score
from emotone.training.heads import cross_entropy
from emotone.training.outputs import compute_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor

    from emotone.augment.base import Augmentation
    from emotone.nets.blocks.base import LengthAware
    from emotone.recipes.training import TrainingSettings

MIXING = 1  # sets the draws of mixup apart from those of the batches


@dataclass(frozen=True)
class Task:
    """One training: the data, and what belongs to it.

    Attributes:
        train: examples to learn from, or what the frozen blocks of the net made of them.
        development: examples that choose the epoch; may be empty. As `train`.
        hop_seconds: seconds per frame of the features.
        window: frames judged at a time when the development part is scored.
        hop: frames between those windows.
        signature: names what changes the result; guards the checkpoint.
        seed: of every draw.
        least: frames that a window and a random crop hold at least; 0 aligns the last window to the end instead.
        heads: of each label, where clips are told from those of one head only (see `emotone.training.heads`).

    """

    train: Examples | Outputs
    development: Examples | Outputs
    hop_seconds: float
    window: int
    hop: int
    signature: str
    seed: int
    least: int = 0
    heads: tuple[int, ...] = ()


@dataclass(frozen=True)
class Trained:
    """The kept weights (loaded into the net), the history, and the epoch they are from: 0 where none was needed."""

    history: tuple[Epoch, ...]
    best: int


def train(
    build: Callable[[], LengthAware],
    task: Task,
    settings: TrainingSettings,
    *,
    augmentations: tuple[Augmentation, ...] = (),
    checkpoint: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
    kept: Path | None = None,
) -> tuple[LengthAware, Trained]:
    """Return a trained net in eval mode and what happened.

    Equal arguments give bit-equal weights on the same machine with the same number of threads, whether the
    training was interrupted or not: every epoch draws from generators seeded with (seed, epoch). A net without a
    parameter that learns comes back as it was built, after no epoch.

    Where crops are the same in every epoch, the frozen blocks that a net begins with are computed once (see
    `emotone.training.outputs`): it saves their time, and changes weights by no more than rounding does.

    Args:
        build: makes the net with fresh weights from torch's generator.
        task: data and seed.
        settings: see `TrainingSettings`.
        augmentations: applied to each crop.
        checkpoint: where the state is kept after each epoch; an existing one is gone on from.
        progress: called after each epoch, also once for each that a checkpoint brings.
        on_batch: called with (done, total) batches of the current epoch.
        kept: folder for what frozen blocks make of recordings, so that other trainings find it; None keeps nothing.

    Raises:
        RunError: no examples, an unusable checkpoint, or a loss that is no longer finite.

    """
    if len(task.train) == 0:
        raise RunError("there is nothing to train on: the training part is empty")
    with _deterministic():
        torch.manual_seed(task.seed)
        net = build()
        if not any(parameter.requires_grad for parameter in net.parameters()):
            return net.eval(), Trained((), 0)
        drawing = _drawing(task, settings, augmentations)
        ahead = None
        if settings.crop_mode != "random" and not augmentations:
            crop = drawing.crop_frames if settings.crop_mode == "start" else None
            ahead = compute_ahead(net.train(), task, crop=crop, folder=kept)
        learning, task = ahead or (net, task)
        run = _Run(learning, task, settings, drawing)
        if checkpoint is not None and checkpoint.exists():
            try:
                run.restore(Checkpoint.load(checkpoint, signature=task.signature))
            except (RuntimeError, KeyError, ValueError) as error:  # saved by a version whose net has other tensors
                raise RunError(f"{checkpoint} does not fit this net ({error}); delete it to start anew") from error
            for epoch in run.history if progress is not None else ():
                progress(epoch)  # type: ignore[misc]
        while not run.finished:
            epoch = run.epoch(on_batch)
            if checkpoint is not None:
                run.checkpoint().save(checkpoint)
            if progress is not None:
                progress(epoch)
        run.net.load_state_dict(run.best_weights)
    return net.eval(), Trained(tuple(run.history), run.best)


def _drawing(task: Task, settings: TrainingSettings, augmentations: tuple[Augmentation, ...]) -> Drawing:
    return Drawing(
        batch_size=settings.batch_size,
        crop_frames=task.window if settings.crop_mode == "grid" else round(settings.crop_seconds / task.hop_seconds),
        balance=settings.balance,
        augmentations=augmentations,
        sampling=settings.sampling,
        steps_per_epoch=settings.steps_per_epoch,
        least=task.least,
        crop_mode=settings.crop_mode,
    )


class _Run:
    """The state of one training between epochs."""

    def __init__(self, net: LengthAware, task: Task, settings: TrainingSettings, drawing: Drawing) -> None:
        self.net = net
        self.task = task
        self.settings = settings
        self.drawing = drawing
        self.examples = task.train
        if settings.crop_mode == "grid" and isinstance(task.train, Examples):
            self.examples = cut_windows(
                task.train, window=task.window, hop=task.hop, least=task.least, wide=drawing.wide
            )
        averaging = get_ema_multi_avg_fn(settings.ema_decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(net, multi_avg_fn=averaging, use_buffers=True)
        self.optimizer = _optimizer(net, settings)
        self.loss = cross_entropy(task.heads, smoothing=settings.label_smoothing)
        self.history: list[Epoch] = []
        self.best = 0
        self.best_weights: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        done, patience = len(self.history), self.settings.patience
        return done >= self.settings.epochs or (patience > 0 and done - self.best >= patience)

    def epoch(self, on_batch: Callable[[int, int], None] | None) -> Epoch:
        started = time.monotonic()
        number = len(self.history) + 1
        torch.manual_seed(_seed(self.task.seed, number))  # dropout
        rng = np.random.default_rng([self.task.seed, number])
        mixing = np.random.default_rng([self.task.seed, number, MIXING])
        steps = self.drawing.steps_of(len(self.examples))
        batches = epoch_batches(self.examples, self.drawing, rng=rng)
        self.net.train()
        total = 0.0
        for done, batch in enumerate(batches, start=1):
            total += self._step(batch, (number - 1) * steps + done - 1, steps * self.settings.epochs, mixing)
            if on_batch is not None:
                on_batch(done, steps)
        if not math.isfinite(total):
            raise RunError(f"the loss is not finite in epoch {number}: lower training.learning_rate")
        kept: Any = self.average.module if self.settings.ema_decay > 0 else self.net
        score = development_score(kept, self.task, monitor=self.settings.monitor)
        epoch = Epoch(number, total / steps, score, time.monotonic() - started)
        scores = [past.score for past in self.history[: self.best] if past.score is not None]
        if score is None or not scores or score > max(scores):
            self.best = number
            self.best_weights = {name: value.clone() for name, value in kept.state_dict().items()}
        self.history.append(epoch)
        return epoch

    def _step(self, batch: Batch, step: int, steps: int, mixing: np.random.Generator) -> float:
        for group in self.optimizer.param_groups:
            falls = self.settings.schedule == "cosine"
            share = schedule(step, steps, warmup=self.settings.warmup, falls=falls)
            group["lr"] = self.settings.learning_rate * share
        loss = self._loss(batch, mixing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.settings.grad_clip_norm > 0:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.grad_clip_norm)
        self.optimizer.step()
        if self.settings.ema_decay > 0:
            self.average.update_parameters(self.net)
        return float(loss.detach())

    def _loss(self, batch: Batch, mixing: np.random.Generator) -> Tensor:
        mixture = mix(batch, self.settings.mixup, mixing) if self.settings.mixup > 0 else None
        given = batch if mixture is None else mixture.batch
        lengths = None if given.lengths is None else torch.from_numpy(given.lengths)
        logits = self.net(torch.from_numpy(given.inputs), lengths)
        loss: Tensor = self.loss(logits, torch.from_numpy(given.labels))
        if mixture is not None:
            other: Tensor = self.loss(logits, torch.from_numpy(mixture.others))
            loss = mixture.share * loss + (1 - mixture.share) * other
        return loss

    def checkpoint(self) -> Checkpoint:
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best_weights.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
        return Checkpoint(self.task.signature, tuple(self.history), self.best, tensors)

    def restore(self, checkpoint: Checkpoint) -> None:
        self.net.load_state_dict(checkpoint.part("net"))
        self.average.load_state_dict(checkpoint.part("average"))
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in checkpoint.part("optimizer").items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.best_weights = checkpoint.part("best")
        self.history = list(checkpoint.history)
        self.best = checkpoint.best


def schedule(step: int, steps: int, *, warmup: float, falls: bool = True) -> float:
    """Return the share of the peak learning rate at a step: linear up, then a half cosine down to 0, or constant.

    Example:
        >>> [round(schedule(step, 10, warmup=0.2), 2) for step in (0, 1, 2, 6, 10)]
        [0.5, 1.0, 1.0, 0.5, 0.0]

    """
    rising = warmup * steps
    if step < rising:
        return min(1.0, (step + 1) / rising)
    if not falls:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


def _optimizer(net: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    if settings.optimizer == "adadelta":
        return torch.optim.Adadelta(net.parameters(), lr=settings.learning_rate, rho=RHO, eps=EPSILON)
    # Fused: one pass over each tensor instead of ten, the same steps up to rounding.
    return torch.optim.AdamW(_groups(net, settings.weight_decay), lr=settings.learning_rate, fused=True)


def _groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups: decay on matrices and kernels, none on biases and norms."""
    matrices = [parameter for parameter in net.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in net.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    """Make torch refuse operations whose result may differ between runs, and restore what was set before.

    New memory is not filled first, as torch then does: nothing reads it before it is written, and it costs a sixth of
    the time. Numbers below the smallest normal one, 1e-38, count as 0: where units have died, the moments of Adam fall
    to that, and sums with such numbers take many times as long.
    """
    deterministic: Any = torch.utils.deterministic
    before, filled = torch.are_deterministic_algorithms_enabled(), deterministic.fill_uninitialized_memory
    flushed = _flushes()
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        deterministic.fill_uninitialized_memory = filled
        torch.set_flush_denormal(flushed)


def _flushes() -> bool:
    """Return whether torch takes numbers below the smallest normal one for 0 in this thread: it does not tell."""
    return not bool(torch.tensor([1e-40]).mul(1.0).any())
