"""Classification: the training of a network on labelled examples, with one head or several.

Conventions: `heads` gives the head of each score, in the order of the logits; () is a single head. An example belongs
to the head of its label, and only the scores of that head enter its loss and its probabilities.

Reference: Caruana, Multitask learning, Machine Learning 28, 1997 (several heads).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from emotone.errors import RunError
from emotone.recipes.training import EPSILON, RHO
from emotone.training.batches import Batch, BatchSampler, Examples, Task, mix, split_windows
from emotone.training.development import development_score
from emotone.training.loop import Optimisation, TrainingResult, deterministic, run_epochs
from emotone.training.objective import Evaluation, Loss
from emotone.training.prefix_outputs import precompute_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from emotone.augment.base import Augmentation
    from emotone.nets.blocks.base import Network
    from emotone.recipes.training import TrainingSettings
    from emotone.training.loop import Epoch

MIXUP_STREAM = 1  # separates the random draws of mixup from those of the batches


def train(
    build: Callable[[], Network],
    task: Task,
    settings: TrainingSettings,
    *,
    augmentations: tuple[Augmentation, ...] = (),
    checkpoint: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
    cache: Path | None = None,
) -> tuple[Network, TrainingResult]:
    """Return a trained network in eval mode, and the history.

    Equal arguments give bit-identical weights; see `emotone.training.loop.run_epochs`. A network without trainable
    parameters is returned as it was built, after no epoch.

    If crops are the same in every epoch, the outputs of frozen first blocks are computed once (see
    `emotone.training.prefix_outputs`), which is faster and changes weights by rounding errors only.

    Args:
        build: builds the network with initial weights from torch's generator.
        task: data and seed.
        settings: see `TrainingSettings`.
        augmentations: applied to each crop.
        checkpoint: file for the state after each epoch; training resumes from an existing one.
        progress: called after each epoch, and once for each epoch of a checkpoint.
        on_batch: called with (done, total) batches of the current epoch.
        cache: folder for outputs of frozen blocks, shared between trainings; None caches nothing.

    Raises:
        RunError: there are no examples, the checkpoint can't be used, or the loss is not finite.

    """
    if len(task.train) == 0:
        raise RunError("no training data: the training part is empty")
    with deterministic():
        torch.manual_seed(task.seed)
        net = build()
        if not any(parameter.requires_grad for parameter in net.parameters()):
            return net.eval(), TrainingResult((), 0)
        sampler = _sampler(task, settings, augmentations)
        trainable = net
        if settings.crop_mode != "random" and not augmentations:
            crop = sampler.crop_frames if settings.crop_mode == "start" else None
            computed = precompute_prefix(net.train(), task, crop=crop, folder=cache)
            trainable, task = computed or (net, task)
        result = run_epochs(
            trainable,
            ClassificationObjective(task, settings, sampler),
            optimisation(settings),
            seed=task.seed,
            signature=task.signature,
            checkpoint=checkpoint,
            progress=progress,
            on_batch=on_batch,
        )
    return net.eval(), result


class ClassificationObjective:
    """Cross-entropy or hinge loss on batches of crops; the score is recall or AU-ROC on the development part.

    Args:
        task: the data.
        settings: see `TrainingSettings`.
        sampler: of the batches.

    """

    def __init__(self, task: Task, settings: TrainingSettings, sampler: BatchSampler) -> None:
        self.task = task
        self.settings = settings
        self.sampler = sampler
        self.examples = task.train
        if settings.crop_mode == "grid" and isinstance(task.train, Examples):
            self.examples = split_windows(
                task.train,
                window=task.window,
                hop=task.hop,
                min_frames=task.min_frames,
                source_frames=sampler.source_frames,
            )
        self.steps = (sampler.steps(len(self.examples)),) * settings.epochs
        self._loss = _loss(task, settings)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch."""
        rng = np.random.default_rng([self.task.seed, epoch])
        mixup_rng = np.random.default_rng([self.task.seed, epoch, MIXUP_STREAM])
        for batch in self.sampler.batches(self.examples, rng=rng, is_first=epoch == 1):
            yield mix(batch, self.settings.mixup, mixup_rng) if self.settings.mixup > 0 else batch

    def loss(self, output: Tensor, batch: Batch) -> Loss:
        """Return the loss of logits [batch, scores]; of a mixup batch, the weighted mean of two."""
        output = output.float()  # computed in bfloat16 if the settings say so
        mean: Tensor = self._loss(output, torch.from_numpy(batch.labels))
        if batch.mixed_labels is not None:
            second: Tensor = self._loss(output, torch.from_numpy(batch.mixed_labels))
            mean = batch.weight * mean + (1 - batch.weight) * second
        return Loss(mean, len(batch.labels))

    def evaluate(self, net: nn.Module, epoch: int) -> Evaluation:  # noqa: ARG002 - every epoch is evaluated
        """Return the score on the development part."""
        return Evaluation(development_score(net, self.task, monitor=self.settings.monitor))


def _loss(task: Task, settings: TrainingSettings) -> nn.Module:
    """Return the loss of the settings; raise `RunError` for the hinge loss of a network with several heads."""
    if settings.loss is None:
        return cross_entropy(task.heads, smoothing=settings.label_smoothing)
    if task.heads:
        raise RunError('training.loss = "hinge" supports networks with one head; leave it out')
    return nn.MultiMarginLoss()


def cross_entropy(heads: Sequence[int], *, smoothing: float) -> nn.Module:
    """Return the loss of logits [batch, scores] and labels [batch], mean over the batch."""
    return HeadCrossEntropy(heads, smoothing=smoothing) if heads else nn.CrossEntropyLoss(label_smoothing=smoothing)


class HeadCrossEntropy(nn.Module):
    """The cross-entropy of each example over the scores of its own head, mean over the batch.

    With p the softmax over the K scores of the example's head, and y its label:
    -(1 - smoothing) ln p_y - smoothing / K * sum_k ln p_k. The scores of other heads have no gradient.

    Args:
        heads: head of each score.
        smoothing: share of the label that is spread over all scores of the head.

    """

    def __init__(self, heads: Sequence[int], *, smoothing: float) -> None:
        super().__init__()
        self.heads = torch.tensor(list(heads))
        self.smoothing = smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        others = self.heads[labels][:, None] != self.heads
        logs = torch.log_softmax(logits.masked_fill(others, float("-inf")), dim=1)
        of_label = logs.gather(1, labels[:, None])[:, 0]
        spread = logs.masked_fill(others, 0.0).sum(dim=1) / (~others).sum(dim=1)
        return -((1 - self.smoothing) * of_label + self.smoothing * spread).mean()


def optimisation(settings: TrainingSettings) -> Optimisation:
    """Return the optimisation that training settings describe."""

    def share(step: int, steps: int) -> float:
        return schedule(step, steps, warmup=settings.warmup, decays=settings.schedule == "cosine")

    return Optimisation(
        optimizer=lambda net: _optimizer(net, settings),
        learning_rate=settings.learning_rate,
        schedule=share,
        grad_clip_norm=settings.grad_clip_norm,
        ema_decay=settings.ema_decay,
        patience=settings.patience,
        annealing=settings.annealing,
        bfloat16=settings.precision == "bfloat16",
    )


def schedule(step: int, steps: int, *, warmup: float, decays: bool = True) -> float:
    """Return the share of the peak learning rate at a step: linear warm-up, then a half cosine to 0, or constant.

    Example:
        >>> [round(schedule(step, 10, warmup=0.2), 2) for step in (0, 1, 2, 6, 10)]
        [0.5, 1.0, 1.0, 0.5, 0.0]

    """
    rising = warmup * steps
    if step < rising:
        return min(1.0, (step + 1) / rising)
    if not decays:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


def _sampler(task: Task, settings: TrainingSettings, augmentations: tuple[Augmentation, ...]) -> BatchSampler:
    return BatchSampler(
        batch_size=settings.batch_size,
        crop_frames=task.window if settings.crop_mode == "grid" else round(settings.crop_seconds / task.hop_seconds),
        balance=settings.balance,
        augmentations=augmentations,
        sampling=settings.sampling,
        steps_per_epoch=settings.steps_per_epoch,
        min_frames=task.min_frames,
        crop_mode=settings.crop_mode,
    )


def _optimizer(net: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    if settings.optimizer == "adadelta":
        return torch.optim.Adadelta(net.parameters(), lr=settings.learning_rate, rho=RHO, eps=EPSILON)
    # Fused: one pass over each tensor instead of ten, the same steps up to rounding.
    return torch.optim.AdamW(_groups(net, settings.weight_decay), lr=settings.learning_rate, fused=True)


def _groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups: weight decay on matrices and kernels, none on biases and normalisations."""
    matrices = [parameter for parameter in net.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in net.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
