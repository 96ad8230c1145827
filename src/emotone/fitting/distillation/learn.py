"""The student's learning: deterministic from its seed, resumed exactly at any checkpoint."""

from __future__ import annotations

import contextlib
import math
import time
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from emotone.errors import RunError
from emotone.fitting.distillation.sound import RATE
from emotone.fitting.distillation.state import Measurement, State
from emotone.nets.architectures.soundnet5 import Head, SoundNet5Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from emotone.fitting.distillation.excerpts import Stretches
    from emotone.nets.blocks.waveform import ManyHeads
    from emotone.recipes.source_recipe import LearningSettings, SourceRecipe
    from emotone.types import Array

HEAD = "teacher"
EVALUATED = 50  # stretches at a time while measuring
SETTLING = 8  # batches from which means and variances are taken when a net's normalisation is settled


@dataclass(frozen=True, eq=False)
class Lesson:
    """Stretches with the teacher's logits [stretches, classes]: those to learn from, and those held out."""

    train: Stretches
    train_logits: NDArray[np.float16]
    held_out: Stretches
    held_out_logits: NDArray[np.float16]


def student_spec(recipe: SourceRecipe, classes: int) -> SoundNet5Source:
    """Return the student: SoundNet's four convolutions, and scores of the teacher's classes from two steps of them.

    The original's heads see 16 steps of conv4 (8 s at 16 kHz). This one sees 2, as the anger detector's conv5 does,
    so that stretches of a few seconds give several scores, whose mean is what is learned.
    """
    head = Head(HEAD, classes, kernel=2, stride=1, padding=0)
    return SoundNet5Source(heads=(head,), level=recipe.level)


def posteriors(logits: Tensor, *, temperature: float) -> Tensor:
    """Return distributions [batch, classes] from a teacher's logits.

    AudioSet's teachers judge each class by itself, with sigmoids; SoundNet's gave distributions over classes. A
    softmax over the same logits makes one: p_i is proportional to s_i / (1 - s_i), the odds of class i, which for all
    but the likeliest classes is their probability.
    """
    found: Tensor = torch.softmax(logits.float() / temperature, dim=1)
    return found


def divergence(target: Tensor, logits: Tensor) -> Tensor:
    """Return KL(target || softmax(logits)) [batch], nats: sum_i p_i (ln p_i - ln q_i)."""
    nats: Tensor = (torch.special.xlogy(target, target) - target * torch.log_softmax(logits, dim=1)).sum(dim=1)
    return nats


def learn(
    recipe: SourceRecipe,
    lesson: Lesson,
    *,
    signature: str,
    state: Path,
    report: Callable[[Measurement], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> tuple[ManyHeads, tuple[Measurement, ...]]:
    """Return the student in eval mode, its normalisation settled, and the measurements on the way.

    Equal arguments give equal weights on the same machine with the same number of threads, whether the training was
    interrupted or not: every batch draws from a generator seeded with (seed, step).

    Args:
        recipe: how to learn.
        lesson: sound and the teacher's judgement.
        signature: names what changes the result; guards the state.
        state: the file where it is kept; an existing one is gone on from.
        report: called with each measurement, also once for each that a state brings.
        on_step: called with (done, total) batches.

    Raises:
        RunError: a state that can't be gone on from, or a loss that is no longer finite.

    """
    with _deterministic():
        torch.manual_seed(recipe.seed)
        run = _Run(recipe, lesson, signature)
        if state.exists():
            try:
                run.restore(State.load(state, signature=signature))
            except (RuntimeError, KeyError, ValueError) as error:  # saved by a version whose net has other tensors
                raise RunError(f"{state} does not fit this student ({error}); delete it to start anew") from error
            for measurement in run.history if report is not None else ():
                report(measurement)  # type: ignore[misc]
        settings = recipe.learning
        while run.step < settings.steps:
            run.learn_batch()
            if on_step is not None:
                on_step(run.step, settings.steps)
            last = run.step == settings.steps
            if run.step % settings.report == 0 or last:
                measurement = run.measure()
                if report is not None:
                    report(measurement)
            if run.step % settings.checkpoint == 0 or last:
                run.state().save(state)
    return settled(run.net, lesson, recipe), tuple(run.history)


class _Run:
    """The state of one training between steps."""

    def __init__(self, recipe: SourceRecipe, lesson: Lesson, signature: str) -> None:
        self.recipe = recipe
        self.settings: LearningSettings = recipe.learning
        self.lesson = lesson
        self.signature = signature
        self.net = student_spec(recipe, lesson.train_logits.shape[1]).build()
        self.optimizer = torch.optim.Adam(
            self.net.parameters(), lr=self.settings.learning_rate, betas=(self.settings.beta1, 0.999)
        )
        self.step = 0
        self.history: list[Measurement] = []
        self.losses = (0.0, 0)
        self.before = 0.0  # seconds of former processes since the last measurement
        self.started = time.monotonic()

    def learn_batch(self) -> None:
        """Learn from the next batch."""
        settings = self.settings
        heard, logits = batch(self.lesson, self.recipe, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * rate(self.step, settings.steps, cooldown=settings.cooldown)
        self.net.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bfloat16"):
            scores = self.net(torch.from_numpy(heard)[:, :, None])[HEAD]
        target = posteriors(torch.from_numpy(logits), temperature=settings.temperature)
        loss = divergence(target, scores.float()).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        value = float(loss.detach())
        self.step += 1
        if not math.isfinite(value):
            raise RunError(f"the loss is not finite in step {self.step}: lower learning.learning_rate")
        self.losses = (self.losses[0] + value, self.losses[1] + 1)

    def measure(self) -> Measurement:
        """Measure on held-out sound, and begin to count anew."""
        total, count = self.losses
        net = settled(self.net, self.lesson, self.recipe)
        found = measure(net, self.lesson, self.recipe, step=self.step, loss=total / count if count else None)
        self.history.append(
            Measurement(
                found.step, found.loss, found.divergence, found.agreement, found.folders, round(self.seconds, 1)
            )
        )
        self.losses, self.before, self.started = (0.0, 0), 0.0, time.monotonic()
        return self.history[-1]

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def state(self) -> State:
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        for index, entry in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in entry.items()}
        return State(self.signature, self.step, self.losses, self.seconds, tuple(self.history), tensors)

    def restore(self, state: State) -> None:
        self.net.load_state_dict(state.part("net"))
        entries: dict[int, dict[str, Tensor]] = {}
        for key, value in state.part("optimizer").items():
            index, name = key.split(".", 1)
            entries.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": entries, "param_groups": groups})
        self.step, self.history, self.losses = state.step, list(state.history), state.losses
        self.before, self.started = state.seconds, time.monotonic()


def rate(step: int, steps: int, *, cooldown: float) -> float:
    """Return the share of the learning rate at a step: 1, then a straight line towards 0 at the end.

    Example:
        >>> [rate(step, 10, cooldown=0.4) for step in (0, 6, 7, 9)]
        [1.0, 1.0, 0.75, 0.25]

    """
    return min(1.0, (steps - step) / (cooldown * steps)) if cooldown > 0 else 1.0


def batch(lesson: Lesson, recipe: SourceRecipe, step: int) -> tuple[Array, NDArray[np.float16]]:
    """Return the signals [batch, samples] of a step as the student hears them, with the teacher's logits.

    Every stretch comes once before any comes again. The student hears it upside down as often as not, and up to
    `stretches.shift` earlier or later: neither changes what it sounds like, and level is the net's own affair.
    """
    settings, count = recipe.learning, len(lesson.train_logits)
    chosen = [_at(recipe.seed, count, step * settings.batch + index) for index in range(settings.batch)]
    rng = np.random.default_rng([recipe.seed, 2, step])
    most = round(recipe.stretches.shift * RATE)
    heard = np.zeros((settings.batch, lesson.train.samples), np.float32)
    for row, index in zip(heard, chosen, strict=True):
        signal = lesson.train.render(lesson.train.draw(index))
        shift, sign = int(rng.integers(-most, most + 1)), np.float32(rng.choice([-1.0, 1.0]))
        row[max(0, shift) : len(row) + min(0, shift)] = sign * signal[max(0, -shift) : len(row) - max(0, shift)]
    return heard, lesson.train_logits[chosen]


def settled(net: ManyHeads, lesson: Lesson, recipe: SourceRecipe) -> ManyHeads:
    """Return a copy in eval mode whose batch normalisation holds the plain mean over training sound.

    Running means lag behind weights that move: at a rate of 1e-3 they doubled the divergence on held-out sound. What
    they hold has no effect on learning, so the net itself is left as it is.
    """
    copy = deepcopy(net).train()
    norms = [module for module in copy.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over what is heard
    with torch.inference_mode():
        for step in range(SETTLING):
            heard, _ = batch(lesson, recipe, step)
            copy(torch.from_numpy(heard)[:, :, None])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return copy.eval()


def measure(
    net: ManyHeads, lesson: Lesson, recipe: SourceRecipe, *, step: int = 0, loss: float | None = None
) -> Measurement:
    """Return how well a student says what the teacher says of held-out sound."""
    net.eval()
    count = len(lesson.held_out_logits)
    divergences, agreements = np.zeros(count), np.zeros(count)
    with torch.inference_mode():
        for start in range(0, count, EVALUATED):
            indices = range(start, min(start + EVALUATED, count))
            heard = np.stack([lesson.held_out.render(lesson.held_out.draw(index)) for index in indices])
            logits = net(torch.from_numpy(heard)[:, :, None])[HEAD]
            teacher = torch.from_numpy(lesson.held_out_logits[start : start + EVALUATED])
            target = posteriors(teacher, temperature=recipe.learning.temperature)
            divergences[start : start + len(indices)] = divergence(target, logits).numpy()
            agreements[start : start + len(indices)] = (logits.argmax(dim=1) == target.argmax(dim=1)).numpy()
    return _told(divergences, agreements, lesson, step=step, loss=loss)


def know_nothing(lesson: Lesson, recipe: SourceRecipe) -> Measurement:
    """Return how well the best answer that hears nothing does, the mean of the training posteriors, as step 0."""
    temperature = recipe.learning.temperature
    mean = posteriors(torch.from_numpy(lesson.train_logits), temperature=temperature).mean(dim=0)
    target = posteriors(torch.from_numpy(lesson.held_out_logits), temperature=temperature)
    logits = mean.log().expand(len(target), -1)
    agreements = (target.argmax(dim=1) == mean.argmax()).numpy().astype(np.float64)
    return _told(divergence(target, logits).numpy().astype(np.float64), agreements, lesson, step=0, loss=None)


def _told(
    divergences: NDArray[np.float64],
    agreements: NDArray[np.float64],
    lesson: Lesson,
    *,
    step: int,
    loss: float | None,
) -> Measurement:
    """Return the means of two numbers per held-out stretch, over all and by folder."""
    folders = np.array([lesson.held_out.folder(index) for index in range(len(divergences))])
    by_folder = {
        str(name): (float(divergences[folders == name].mean()), float(agreements[folders == name].mean()))
        for name in np.unique(folders)
    }
    return Measurement(step, loss, float(divergences.mean()), float(agreements.mean()), by_folder, 0.0)


def _at(seed: int, count: int, position: int) -> int:
    """Return which stretch comes at a position: pass after pass, each in an order of its own."""
    past, place = divmod(position, count)
    return int(_order(seed, count, past)[place])


@lru_cache(maxsize=2)
def _order(seed: int, count: int, number: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 3, number]).permutation(count)


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    """Make torch refuse operations whose result may differ between runs, and restore what was set before."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
