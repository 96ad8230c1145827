"""The student: its architecture, the objective that trains it to match a teacher, its epochs, and its score."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.optim.swa_utils import update_bn

from emotone.fitting.distillation.sound import RATE
from emotone.fitting.distillation.source_run import HeldOutScore
from emotone.nets.architectures.waveform_networks import ScoreHead, SoundNet5Source
from emotone.training.loop import Optimisation, deterministic, run_epochs
from emotone.training.objective import Evaluation, Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from emotone.fitting.distillation.excerpts import Excerpts
    from emotone.nets.blocks.waveform import MultiHeadNetwork
    from emotone.recipes.source_recipe import SourceRecipe
    from emotone.training.loop import Epoch
    from emotone.types import Array


@dataclass(frozen=True)
class Stages:
    """A training of a number of steps, divided where a checkpoint is written or the student is evaluated.

    Attributes:
        ends: step at which each epoch ends, after a first 0; ascending.
        evaluated: the ends after which the student is evaluated.

    Example:
        >>> stages = Stages.of(5, evaluate_every=3, checkpoint_every=2)
        >>> stages.ends, sorted(stages.evaluated), stages.lengths
        ((0, 2, 3, 4, 5), [3, 5], (2, 1, 1, 1))

    """

    ends: tuple[int, ...]
    evaluated: frozenset[int]

    @classmethod
    def of(cls, steps: int, *, evaluate_every: int, checkpoint_every: int) -> Stages:
        """Return the stages of so many steps; the last one is evaluated too."""
        evaluated = {*range(0, steps, evaluate_every), steps} - {0}
        return cls(tuple(sorted(evaluated | {*range(0, steps, checkpoint_every)})), frozenset(evaluated))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Number of steps of each epoch, which the training loop calls its batches."""
        return tuple(end - start for start, end in pairwise(self.ends))

    def steps_of(self, epoch: int) -> range:
        """Return the steps of an epoch, counted from 1."""
        return range(self.ends[epoch - 1], self.ends[epoch])

    def is_evaluated(self, epoch: int) -> bool:
        """Return whether the student is evaluated after an epoch."""
        return self.ends[epoch] in self.evaluated


HEAD = "teacher"
EVALUATION_BATCH = 50  # excerpts
STATISTICS_BATCHES = 8  # from which the statistics of batch normalisations are computed


@dataclass(frozen=True, eq=False)
class DistillationData:
    """Training and held-out excerpts with the teacher's logits [excerpts, classes]."""

    train: Excerpts
    train_logits: NDArray[np.float16]
    held_out: Excerpts
    held_out_logits: NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class DistillationBatch:
    """Signals [batch, samples, 1], all of the same length, with the teacher's logits [batch, classes]."""

    inputs: Array
    logits: NDArray[np.float16]
    lengths: None = None


def student_spec(recipe: SourceRecipe, classes: int) -> SoundNet5Source:
    """Return the student: SoundNet's four convolutions, and scores of the teacher's classes from two steps of them.

    The original's heads span 16 steps of conv4 (8 s at 16 kHz). This one spans 2, as the anger detector's conv5 does,
    so that excerpts of a few seconds give several scores, whose mean is trained.
    """
    head = ScoreHead(HEAD, classes, kernel=2, stride=1, padding=0)
    return SoundNet5Source(heads=(head,), level=recipe.level)


def posteriors(logits: Tensor, *, temperature: float) -> Tensor:
    """Return distributions [batch, classes] from a teacher's logits.

    AudioSet's teachers predict each class independently, with sigmoids; SoundNet's predicted distributions over
    classes. A softmax over the same logits gives one: p_i is proportional to s_i / (1 - s_i), the odds of class i,
    which for all but the most probable classes is their probability.
    """
    probabilities: Tensor = torch.softmax(logits.float() / temperature, dim=1)
    return probabilities


def divergence(target: Tensor, logits: Tensor) -> Tensor:
    """Return KL(target || softmax(logits)) [batch], nats: sum_i p_i (ln p_i - ln q_i)."""
    nats: Tensor = (torch.special.xlogy(target, target) - target * torch.log_softmax(logits, dim=1)).sum(dim=1)
    return nats


def train_student(
    recipe: SourceRecipe,
    data: DistillationData,
    *,
    signature: str,
    checkpoint: Path,
    report: Callable[[HeldOutScore], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> tuple[MultiHeadNetwork, tuple[HeldOutScore, ...]]:
    """Return the student in eval mode, and its scores during training.

    Equal arguments give bit-identical weights; see `emotone.training.loop.run_epochs`. Each batch is a function of the
    seed and the step. An epoch of the loop is the steps between two checkpoints or evaluations.

    Args:
        recipe: settings.
        data: excerpts and the teacher's logits.
        signature: identifies everything that affects the result; guards the checkpoint.
        checkpoint: file for the state; training resumes from an existing one.
        report: called with each score, and once for each score of a checkpoint.
        on_step: called with (done, total) batches.

    Raises:
        RunError: the checkpoint can't be used, or the loss is not finite.

    """
    objective = DistillationObjective(recipe, data)
    settings = recipe.training
    epochs: list[Epoch] = []

    def progress(epoch: Epoch) -> None:
        epochs.append(epoch)
        if epoch.metrics and report is not None:
            report(_scores(epochs, objective.steps)[-1])

    def on_batch(done: int, _: int) -> None:
        if on_step is not None:
            on_step(objective.stages.ends[len(epochs)] + done, settings.steps)

    with deterministic():
        torch.manual_seed(recipe.seed)
        net = student_spec(recipe, data.train_logits.shape[1]).build()
        result = run_epochs(
            net,
            objective,
            Optimisation(
                optimizer=lambda net: torch.optim.Adam(
                    net.parameters(), lr=settings.learning_rate, betas=(settings.beta1, 0.999)
                ),
                learning_rate=settings.learning_rate,
                schedule=lambda step, steps: cooldown(step, steps, share=settings.cooldown),
                bfloat16=settings.precision == "bfloat16",
            ),
            seed=recipe.seed,
            signature=signature,
            checkpoint=checkpoint,
            progress=progress,
            on_batch=on_batch,
        )
    return with_exact_statistics(net, data, recipe), _scores(result.history, objective.steps)


class DistillationObjective:
    """The divergence of the student's probabilities from the teacher's.

    Args:
        recipe: settings.
        data: excerpts and the teacher's logits.

    """

    def __init__(self, recipe: SourceRecipe, data: DistillationData) -> None:
        self.recipe = recipe
        self.data = data
        settings = recipe.training
        self.stages = Stages.of(
            settings.steps, evaluate_every=settings.evaluate_every, checkpoint_every=settings.checkpoint_every
        )
        self.steps = self.stages.lengths

    def batches(self, epoch: int) -> Iterator[DistillationBatch]:
        """Yield the batches of an epoch."""
        for step in self.stages.steps_of(epoch):
            yield batch(self.data, self.recipe, step)

    def loss(self, output: Mapping[str, Tensor], batch: DistillationBatch) -> Loss:
        """Return the mean divergence of a batch."""
        target = posteriors(torch.from_numpy(batch.logits), temperature=self.recipe.training.temperature)
        return Loss(divergence(target, output[HEAD].float()).mean(), len(target))

    def evaluate(self, net: nn.Module, epoch: int) -> Evaluation:
        """Return divergence and agreement on held-out sound, after every `evaluate_every` steps and at the end."""
        if not self.stages.is_evaluated(epoch):
            return Evaluation()
        score = held_out_score(with_exact_statistics(net, self.data, self.recipe), self.data, self.recipe)
        metrics = {"divergence": score.divergence, "agreement": score.agreement}
        for name, (nats, agreement) in score.folders.items():
            metrics |= {f"divergence/{name}": nats, f"agreement/{name}": agreement}
        return Evaluation(metrics=metrics)


def cooldown(step: int, steps: int, *, share: float) -> float:
    """Return the share of the learning rate at a step: 1, then decreasing linearly to 0 over the last steps.

    Example:
        >>> [cooldown(step, 10, share=0.4) for step in (0, 6, 7, 9)]
        [1.0, 1.0, 0.75, 0.25]

    """
    return min(1.0, (steps - step) / (share * steps)) if share > 0 else 1.0


def batch(data: DistillationData, recipe: SourceRecipe, step: int) -> DistillationBatch:
    """Return the batch of a step.

    Every excerpt is used once before any is repeated. The student's input is inverted with a probability of one half
    and shifted by up to `excerpts.max_shift`; neither changes the teacher's target.
    """
    settings, count = recipe.training, len(data.train_logits)
    first = step * settings.batch_size
    chosen = [_excerpt_at(recipe.seed, count, first + index) for index in range(settings.batch_size)]
    rng = np.random.default_rng([recipe.seed, 2, step])
    limit = round(recipe.excerpts.max_shift * RATE)
    signals = np.zeros((settings.batch_size, data.train.samples), np.float32)
    for row, index in zip(signals, chosen, strict=True):
        signal = data.train.render(data.train.draw(index))
        shift, sign = int(rng.integers(-limit, limit + 1)), np.float32(rng.choice([-1.0, 1.0]))
        row[max(0, shift) : len(row) + min(0, shift)] = sign * signal[max(0, -shift) : len(row) - max(0, shift)]
    return DistillationBatch(signals[:, :, None], data.train_logits[chosen])


def with_exact_statistics(net: nn.Module, data: DistillationData, recipe: SourceRecipe) -> MultiHeadNetwork:
    """Return a copy in eval mode whose batch normalisations have the mean statistics of training batches.

    Running means lag behind weights that change: at a learning rate of 1e-3 they doubled the divergence on held-out
    sound. Training does not use them, so the network itself is not changed.
    """
    copy: MultiHeadNetwork = deepcopy(net)  # type: ignore[assignment] # the student
    copy.train()
    inputs = (torch.from_numpy(batch(data, recipe, step).inputs) for step in range(STATISTICS_BATCHES))
    update_bn(inputs, copy)
    return copy.eval()


def held_out_score(net: nn.Module, data: DistillationData, recipe: SourceRecipe) -> HeldOutScore:
    """Return the score of a student on held-out sound, as step 0 without a loss."""
    net.eval()
    count = len(data.held_out_logits)
    divergences, agreements = np.zeros(count), np.zeros(count)
    with torch.inference_mode():
        for start in range(0, count, EVALUATION_BATCH):
            rows = slice(start, min(start + EVALUATION_BATCH, count))
            signals = [data.held_out.render(data.held_out.draw(index)) for index in range(rows.start, rows.stop)]
            logits = net(torch.from_numpy(np.stack(signals))[:, :, None])[HEAD]
            teacher = torch.from_numpy(data.held_out_logits[rows])
            target = posteriors(teacher, temperature=recipe.training.temperature)
            divergences[rows] = divergence(target, logits).numpy()
            agreements[rows] = (logits.argmax(dim=1) == target.argmax(dim=1)).numpy()
    return _score(divergences, agreements, data)


def constant_baseline(data: DistillationData, recipe: SourceRecipe) -> HeldOutScore:
    """Return the score of the best constant prediction, the mean of the teacher's training posteriors."""
    temperature = recipe.training.temperature
    mean = posteriors(torch.from_numpy(data.train_logits), temperature=temperature).mean(dim=0)
    target = posteriors(torch.from_numpy(data.held_out_logits), temperature=temperature)
    logits = mean.log().expand(len(target), -1)
    agreements = (target.argmax(dim=1) == mean.argmax()).numpy().astype(np.float64)
    return _score(divergence(target, logits).numpy().astype(np.float64), agreements, data)


def _score(divergences: NDArray[np.float64], agreements: NDArray[np.float64], data: DistillationData) -> HeldOutScore:
    """Return the means of two values per held-out excerpt, over all and by folder."""
    folders = np.array([data.held_out.folder(index) for index in range(len(divergences))])
    by_folder = {
        str(name): (float(divergences[folders == name].mean()), float(agreements[folders == name].mean()))
        for name in np.unique(folders)
    }
    return HeldOutScore(0, None, float(divergences.mean()), float(agreements.mean()), by_folder, 0.0)


def _scores(epochs: Sequence[Epoch], steps: tuple[int, ...]) -> tuple[HeldOutScore, ...]:
    """Return a score for each epoch that was evaluated; loss and time are those since the previous one."""
    scores = []
    step, loss, seconds, previous = 0, 0.0, 0.0, 0
    for epoch, count in zip(epochs, steps, strict=False):
        step, loss, seconds = step + count, loss + epoch.loss * count, seconds + epoch.seconds
        if not epoch.metrics:
            continue
        names = [name.removeprefix("divergence/") for name in epoch.metrics if name.startswith("divergence/")]
        pairs = {name: (epoch.metrics[f"divergence/{name}"], epoch.metrics[f"agreement/{name}"]) for name in names}
        scores.append(
            HeldOutScore(
                step,
                loss / (step - previous),
                epoch.metrics["divergence"],
                epoch.metrics["agreement"],
                pairs,
                round(seconds, 1),
            )
        )
        loss, seconds, previous = 0.0, 0.0, step
    return tuple(scores)


def _excerpt_at(seed: int, count: int, position: int) -> int:
    """Return the excerpt at a position of the sequence of passes, each of which has its own random order."""
    number, place = divmod(position, count)
    return int(_order(seed, count, number)[place])


@lru_cache(maxsize=2)
def _order(seed: int, count: int, number: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 3, number]).permutation(count)
