"""The small encoder in training: its batches, its loss, and how well it predicts the teacher on held-out sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from emotone.augment.augmentations.log_mel import Equaliser, NoiseFloor
from emotone.augment.base import augment
from emotone.features.front_ends.log_mel import WhisperLogMel
from emotone.fitting.distillation.encoder_data import STEP
from emotone.fitting.distillation.student import Stages
from emotone.nets.architectures.speech_encoders import SpeechStudent
from emotone.nets.blocks.base import Network, valid_steps
from emotone.training.loop import Optimisation, deterministic, run_epochs
from emotone.training.objective import Evaluation, Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.augment.base import Augmentation
    from emotone.fitting.distillation.encoder_data import EncoderData, Piece, Statistics
    from emotone.recipes.encoder_recipe import EncoderRecipe
    from emotone.training.loop import Epoch
    from emotone.types import Array

NATURAL = math.log(10.0)  # rows are decimal logarithms; augmentations expect natural ones
STUDENT_STEP = 4  # rows of a step of the student
TALKERS = 3  # other inputs in the background, at most
EVALUATION_BATCH = 16  # pieces


class StudentNetwork(nn.Module):
    """The encoder and a linear function to the teacher's outputs: [batch, time, bands] -> [batch, time / 8, values].

    Args:
        recipe: names the layers that are read.
        values: of the teacher.

    """

    def __init__(self, recipe: EncoderRecipe, *, values: int) -> None:
        super().__init__()
        asked = recipe.student
        spec = SpeechStudent(
            layers=asked.read, width=asked.width, kernel=asked.kernel, expansion=asked.expansion, peak=asked.peak
        )
        found = spec.build(WhisperLogMel.dimension, 2).blocks.items()
        names = ("pool", "standardise", "classifier")  # these have no part in the training
        self.blocks = Network({name: block for name, block in found if name not in names}).blocks
        self.teacher = nn.Linear(asked.width * len(asked.read), values)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the standardised outputs of the teacher that the student predicts; numbers of rows divide by 8."""
        for block in self.blocks.values():
            x, lengths = block(x, lengths)
        x = x.transpose(1, 2).flatten(2)  # [batch, steps, layers * width]
        predicted: Tensor = self.teacher(x.reshape(len(x), -1, STEP // STUDENT_STEP, x.shape[2]).mean(dim=2))
        return predicted


@dataclass(frozen=True, eq=False)
class EncoderBatch:
    """Rows [batch, time, bands] with their numbers [batch], and the teacher's outputs [batch, time / 8, values]."""

    inputs: Array
    lengths: NDArray[np.int64]
    targets: NDArray[np.float16]


def train_encoder(
    recipe: EncoderRecipe,
    data: EncoderData,
    *,
    signature: str,
    checkpoint: Path,
    progress: Callable[[Epoch], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> tuple[StudentNetwork, tuple[Epoch, ...]]:
    """Return the student in eval mode, and its history; an epoch ends at each checkpoint or evaluation.

    Equal arguments give bit-identical weights; see `emotone.training.loop.run_epochs`.

    Args:
        recipe: settings.
        data: rows and targets.
        signature: identifies everything that affects the result; guards the checkpoint.
        checkpoint: file for the state; training resumes from an existing one.
        progress: called after each epoch.
        on_step: called with (done, total) batches.

    Raises:
        RunError: the checkpoint can't be used, or the loss is not finite.

    """
    objective = EncoderObjective(recipe, data)
    settings = recipe.training
    passed: list[Epoch] = []

    def after(epoch: Epoch) -> None:
        passed.append(epoch)
        if progress is not None:
            progress(epoch)

    def on_batch(done: int, _: int) -> None:
        if on_step is not None:
            on_step(objective.stages.ends[len(passed)] + done, settings.steps)

    with deterministic():
        torch.manual_seed(recipe.seed)
        net = StudentNetwork(recipe, values=len(data.statistics.mean))
        result = run_epochs(
            net,
            objective,
            Optimisation(
                optimizer=lambda net: torch.optim.AdamW(
                    net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
                ),
                learning_rate=settings.learning_rate,
                schedule=lambda step, steps: warmed_cosine(step, steps, warmup=settings.warmup),
                grad_clip_norm=1.0,
                ema_decay=settings.ema_decay,
                bfloat16=settings.precision == "bfloat16",
            ),
            seed=recipe.seed,
            signature=signature,
            checkpoint=checkpoint,
            progress=after,
            on_batch=on_batch,
        )
    return net.eval(), result.history


def warmed_cosine(step: int, steps: int, *, warmup: int) -> float:
    """Return the share of the learning rate at a step: a linear rise, then half a cosine to 0.

    Example:
        >>> [round(warmed_cosine(step, 10, warmup=2), 3) for step in (0, 1, 2, 6, 10)]
        [0.5, 1.0, 1.0, 0.5, 0.0]

    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def stages_of(recipe: EncoderRecipe) -> Stages:
    """Return the epochs of a recipe's training."""
    training = recipe.training
    return Stages.of(training.steps, evaluate_every=training.evaluate_every, checkpoint_every=training.checkpoint_every)


class EncoderObjective:
    """Squared differences from the teacher's standardised outputs, at each step and of their means.

    Args:
        recipe: settings.
        data: rows and targets.

    """

    def __init__(self, recipe: EncoderRecipe, data: EncoderData) -> None:
        self.recipe = recipe
        self.data = data
        self.stages = stages_of(recipe)
        self.steps = self.stages.lengths
        self._sampler = Sampler(recipe, data)

    def batches(self, epoch: int) -> Iterator[EncoderBatch]:
        """Yield the batches of an epoch."""
        for step in self.stages.steps_of(epoch):
            yield self._sampler.batch(step)

    def loss(self, output: Tensor, batch: EncoderBatch) -> Loss:
        """Return the mean squared difference of single steps plus the weighted one of means over excerpts."""
        steps, pooled = differences(output.float(), batch, self.data.statistics)
        mean = steps.square().sum() / (batch.lengths.sum() // STEP * output.shape[2])
        return Loss(mean + self.recipe.training.pooled * pooled.square().mean(), len(batch.lengths))

    def evaluate(self, net: nn.Module, epoch: int) -> Evaluation:
        """Return how much of the variance of the teacher's mean outputs is predicted, after `evaluate_every` steps."""
        if not self.stages.is_evaluated(epoch):
            return Evaluation()
        return Evaluation(metrics=held_out_scores(net, self.data, self.recipe))


def differences(predicted: Tensor, batch: EncoderBatch, statistics: Statistics) -> tuple[Tensor, Tensor]:
    """Return what the prediction differs by at each step [batch, steps, values], and in the mean [batch, values].

    Both in deviations of the teacher's outputs: those of single steps, and those of means over pieces. Steps after the
    end of an excerpt have the difference 0.
    """
    scale = torch.from_numpy(statistics.deviation)
    target = (torch.from_numpy(batch.targets).float() - torch.from_numpy(statistics.mean)) / scale
    counts = torch.from_numpy(batch.lengths) // STEP
    steps = (predicted - target) * valid_steps(counts, predicted.shape[1])[:, :, None]
    return steps, steps.sum(dim=1) / counts[:, None] * (scale / torch.from_numpy(statistics.pooled))


class Sampler:
    """Batches as functions of the seed and the step."""

    def __init__(self, recipe: EncoderRecipe, data: EncoderData) -> None:
        self.recipe = recipe
        self.data = data
        training = [piece for piece in data.pieces if not piece.is_held_out]
        self._noise = [piece for piece in training if piece.folder in recipe.noise]
        self._speech = [piece for piece in training if piece.folder not in recipe.noise]
        amounts: dict[str, int] = {}
        for piece in self._speech:
            amounts[piece.folder] = amounts.get(piece.folder, 0) + piece.rows
        weights = np.array(
            [recipe.sound[piece.folder].weight * piece.rows / amounts[piece.folder] for piece in self._speech]
        )
        self._probabilities = weights / weights.sum()
        inputs = recipe.inputs
        self._noise_floor = NoiseFloor(snr_low=inputs.snr_low, snr_high=inputs.snr_high, probability=inputs.noise)
        self._augmentations: tuple[Augmentation, ...] = (self._noise_floor, Equaliser(decibels=inputs.equaliser))

    def batch(self, step: int) -> EncoderBatch:
        """Return the batch of a step."""
        recipe, data = self.recipe, self.data
        rng = np.random.default_rng([recipe.seed, 2, step])
        longest = round(recipe.training.seconds * 100) // STEP * STEP
        drawn = rng.choice(len(self._speech), recipe.training.batch_size, p=self._probabilities)
        excerpts: list[Array] = []
        targets: list[NDArray[np.float16]] = []
        for place in drawn:
            piece = self._speech[place]
            count = min(longest, piece.rows)
            start = STEP * int(rng.integers((piece.rows - count) // STEP + 1))
            copies = len(recipe.inputs.copies)
            is_plain = not copies or rng.random() < recipe.inputs.plain
            copy = 0 if is_plain else 1 + int(rng.integers(copies))
            excerpts.append(data.rows_of(piece, start=start, count=count, copy=copy) * np.float32(NATURAL))
            targets.append(data.targets_of(piece, start=start, count=count))
        inputs = [
            augment(self._with_background(place, excerpts, rng), self._augmentations, rng)
            for place in range(len(excerpts))
        ]
        lengths = np.array([len(one) for one in inputs], np.int64)
        return EncoderBatch(padded(inputs) / np.float32(NATURAL), lengths, padded(targets))

    def _with_background(self, place: int, excerpts: Sequence[Array], rng: np.random.Generator) -> Array:
        """Return an excerpt, natural logarithms of power, with the power of other sounds added or unchanged."""
        own, asked = excerpts[place], self.recipe.inputs
        if rng.random() >= asked.background:
            return own
        if self._noise and rng.random() < 0.5:
            piece = self._noise[int(rng.integers(len(self._noise)))]
            others = [self.data.rows_of(piece, start=0, count=piece.rows, copy=0) * np.float32(NATURAL)]
        else:
            chosen = rng.choice(len(excerpts), int(rng.integers(1, TALKERS + 1)))
            others = [excerpts[other] for other in chosen if other != place]
        power = np.zeros_like(own)
        for other in others:
            shifted = np.roll(other, -int(rng.integers(len(other))), axis=0)
            loud = np.exp(np.resize(shifted, own.shape))
            power += loud / max(float(loud.mean()), 1e-12)
        if not others:
            return own
        level = float(np.exp(own).mean()) / len(others) * 10 ** (-rng.uniform(asked.snr_low, asked.snr_high) / 10)
        mixed: Array = np.logaddexp(own, np.log(power * np.float32(level) + np.float32(1e-12)))
        return mixed


def padded(items: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
    """Return items [time, values] of different lengths as [batch, time, values] with zeros at their ends."""
    result = np.zeros((len(items), max(map(len, items)), items[0].shape[1]), items[0].dtype)
    for row, item in zip(result, items, strict=True):
        row[: len(item)] = item
    return result


def held_out_scores(net: nn.Module, data: EncoderData, recipe: EncoderRecipe) -> dict[str, float]:
    """Return shares of the variance over held-out pieces that the student predicts, at most 1, by name.

    "mean" is of the teacher's means over pieces, "mean/NAME" those of a folder, "mean/NAME/SETTING" those where the
    student receives a changed copy, and "steps" of single steps.
    """
    net.eval()
    held = [piece for piece in data.pieces if piece.is_held_out and piece.folder not in recipe.noise]
    held.sort(key=lambda piece: piece.rows)
    folders = np.array([piece.folder for piece in held])
    scores: dict[str, float] = {}
    for copy, name in enumerate(("", *recipe.inputs.copies)):
        errors, powers, step_error, step_power = [], [], 0.0, 0.0
        for start in range(0, len(held), EVALUATION_BATCH):
            batch = _whole(data, held[start : start + EVALUATION_BATCH], copy=copy)
            with torch.inference_mode():
                predicted = net(torch.from_numpy(batch.inputs), torch.from_numpy(batch.lengths)).float()
                steps, means = differences(predicted, batch, data.statistics)
                all_steps, all_means = differences(torch.zeros_like(predicted), batch, data.statistics)
            errors.append(means.square().mean(dim=1).numpy())
            powers.append(all_means.square().mean(dim=1).numpy())
            step_error += float(steps.square().sum())
            step_power += float(all_steps.square().sum())
        error, power = np.concatenate(errors), np.concatenate(powers)
        scores[f"mean/{name}" if name else "mean"] = 1 - float(error.sum() / power.sum())
        if not name:
            scores["steps"] = 1 - step_error / step_power
            for folder in np.unique(folders):
                own = folders == folder
                scores[f"mean/{folder}"] = 1 - float(error[own].sum() / power[own].sum())
    return scores


def _whole(data: EncoderData, pieces: Sequence[Piece], *, copy: int) -> EncoderBatch:
    inputs = [data.rows_of(piece, start=0, count=piece.rows, copy=copy) for piece in pieces]
    targets = [data.targets_of(piece, start=0, count=piece.rows) for piece in pieces]
    lengths = np.array([piece.rows for piece in pieces], np.int64)
    return EncoderBatch(padded(inputs), lengths, padded(targets))
