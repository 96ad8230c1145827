"""Networks with several heads: the loss against a slow reference, and scores of clips by their own head."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET, one_thread, separable

from emotone.errors import RunError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes.training import TrainingSettings
from emotone.training.batches import Batch, BatchSampler, Examples, Task
from emotone.training.classification import ClassificationObjective, HeadCrossEntropy, cross_entropy, train
from emotone.training.development import BATCH, development_score, own_scores

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

HEADS = (0, 0, 1, 1, 1, 2)
NOTHING = Examples((), np.zeros(0, np.int64), np.zeros(0, np.int64))


def slow_loss(logits: torch.Tensor, labels: list[int], smoothing: float) -> torch.Tensor:
    """Return the mean over examples of torch's own loss on the scores of the example's head alone."""
    losses = []
    for row, label in zip(logits, labels, strict=True):
        own = [number for number, head in enumerate(HEADS) if head == HEADS[label]]
        loss = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
        losses.append(loss(row[own][None], torch.tensor([own.index(label)])))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_and_its_gradient_are_those_of_each_head_alone(smoothing: float) -> None:
    torch.manual_seed(1)
    labels = [0, 1, 2, 4, 5, 3, 0]
    logits = (5 * torch.randn(len(labels), len(HEADS))).requires_grad_()
    found = HeadCrossEntropy(HEADS, smoothing=smoothing)(logits, torch.tensor(labels))
    (gradient,) = torch.autograd.grad(found, logits)
    expected = slow_loss(logits, labels, smoothing)
    (by_hand,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, by_hand)
    others = torch.from_numpy(~np.array(own_scores(np.array(labels), HEADS)))
    assert torch.equal(gradient[others], torch.zeros(int(others.sum())))


def test_a_single_head_has_torchs_own_loss() -> None:
    assert own_scores(np.array([0, 1]), ()) is None
    assert isinstance(cross_entropy((), smoothing=0.1), torch.nn.CrossEntropyLoss)
    logits, labels = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    one_head = cross_entropy((0, 0, 0), smoothing=0.1)(logits, labels)
    torch.testing.assert_close(one_head, cross_entropy((), smoothing=0.1)(logits, labels))


def task(development: Examples, **changes: Any) -> Task:
    return replace(Task(NOTHING, development, hop_seconds=0.01, window=30, hop=15, signature="f00d", seed=3), **changes)


class Biased(torch.nn.Module):
    """Scores by a fixed net, plus a number for each head."""

    def __init__(self, heads: tuple[int, ...], bias: tuple[float, ...]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = LogMelCnn(**TINY_NET).build(64, len(heads)).eval()
        self.bias = torch.tensor([bias[head] for head in heads])

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        logits: torch.Tensor = self.net(x, lengths)
        return logits + self.bias


@pytest.mark.parametrize("monitor", ["uar", "auroc"])
@pytest.mark.parametrize("count", [16, BATCH])
def test_how_high_a_heads_scores_lie_changes_no_development_score(monitor: Any, count: int) -> None:
    examples = separable(count, seed=5, corpora=2)
    of_pairs = replace(examples, labels=examples.labels + 2 * examples.corpora)
    heads = (0, 0, 1, 1)
    plain = development_score(Biased(heads, (0.0, 0.0)), task(of_pairs, heads=heads), monitor=monitor)
    moved = development_score(Biased(heads, (-60.0, 60.0)), task(of_pairs, heads=heads), monitor=monitor)
    assert plain is not None
    assert moved == pytest.approx(plain, abs=0.01)  # rounding ties some
    lost = development_score(Biased(heads, (-60.0, 60.0)), task(of_pairs), monitor=monitor)
    assert lost is not None
    assert lost < plain


def test_each_head_learns_its_own_corpus_where_corpora_contradict_each_other() -> None:
    examples = separable(48, corpora=2)
    # What is the first label in one corpus is the second in the other.
    labels = np.where(examples.corpora == 0, examples.labels, 3 - examples.labels)
    examples = replace(examples, labels=labels)
    settings = TrainingSettings(epochs=8, batch_size=8, learning_rate=0.01, crop_seconds=0.4, ema_decay=0.5, patience=9)
    of = Task(examples, examples, hop_seconds=0.01, window=60, hop=20, signature="f00d", seed=3, heads=(0, 0, 1, 1))
    _, trained = train(lambda: LogMelCnn(**TINY_NET).build(64, 4), of, settings)
    assert trained.history[trained.best - 1].score == pytest.approx(1.0, abs=0.1)


def test_frozen_blocks_computed_ahead_are_judged_by_their_own_head_too() -> None:
    examples = separable(24, corpora=2)
    examples = replace(examples, labels=examples.labels + 2 * examples.corpora)
    settings = TrainingSettings(epochs=2, batch_size=8, crop_seconds=0.3, ema_decay=0.0, patience=3, crop_mode="grid")
    of = Task(examples, examples, hop_seconds=0.01, window=30, hop=15, signature="f00d", seed=3, heads=(0, 0, 1, 1))

    def build() -> Any:
        from emotone.transfer.freeze import Freezer

        net = LogMelCnn(**TINY_NET).build(64, 4)
        Freezer(net, [name for name in net.state_dict() if not name.startswith("blocks.classifier")])
        return net

    net, trained = train(build, of, settings)
    score = trained.history[trained.best - 1].score
    assert score == pytest.approx(development_score(net, of))


def slow_hinge(logits: torch.Tensor, labels: list[int]) -> float:
    """Return the mean over examples of the sum over wrong labels, divided by the number of labels."""
    total = 0.0
    for row, label in zip(logits.tolist(), labels, strict=True):
        total += sum(max(0.0, 1 + score - row[label]) for other, score in enumerate(row) if other != label) / len(row)
    return total / len(labels)


def test_the_hinge_loss_is_that_of_its_formula_and_supports_one_head() -> None:
    settings = TrainingSettings(loss="hinge", label_smoothing=0.0)
    sampler = BatchSampler(4, crop_frames=30, balance=1.0)
    objective = ClassificationObjective(task(NOTHING), settings, sampler)
    torch.manual_seed(2)
    logits, labels = torch.randn(4, 3), [0, 2, 1, 1]
    batch = Batch(np.zeros((4, 30, 1), np.float32), None, np.array(labels))
    assert float(objective.loss(logits, batch).mean) == pytest.approx(slow_hinge(logits, labels), rel=1e-6)
    with pytest.raises(RunError, match=r'training.loss = "hinge" supports networks with one head'):
        ClassificationObjective(task(NOTHING, heads=HEADS), settings, sampler)


def test_products_in_bfloat16_are_rounded_and_the_weights_are_not() -> None:
    examples = separable(count=6)
    plain, rounded = (
        train(
            lambda: LogMelCnn(**TINY_NET).build(64, 2),
            task(NOTHING, train=examples),
            TrainingSettings(epochs=1, batch_size=4, crop_seconds=0.3, precision=precision),
        )[0].state_dict()
        for precision in (None, "bfloat16")
    )
    assert all(value.dtype == rounded[name].dtype for name, value in plain.items())
    assert any(not torch.equal(value, rounded[name]) for name, value in plain.items())
