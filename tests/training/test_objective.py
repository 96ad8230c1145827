"""Objectives: labels, heads of several label sets, and CTC on transcripts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET, separable
from torch import nn

from emotone.errors import RunError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes.training import TrainingSettings
from emotone.training.batches import Batch, BatchSampler, Examples, Task
from emotone.training.classification import ClassificationObjective, HeadCrossEntropy, cross_entropy, train
from emotone.training.ctc import CtcObjective, SpokenTexts, error_rates, steps_needed, steps_of
from emotone.training.development import BATCH, development_score, own_scores
from emotone.training.loop import Optimisation, TrainingResult, run_epochs
from emotone.training.objective import Evaluation, Loss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from emotone.training.loop import Epoch
    from emotone.types import Array

pytestmark = pytest.mark.usefixtures("one_thread")


# ----------------------------------------------------------------------------------------------------------------------
# The loop with an objective of another kind: regression of a sum, with batches of different sizes.

SIZES = (5, 2)  # of the batches of an epoch


@dataclass(frozen=True)
class SumBatch:
    """Sequences [batch, time, 1] and their sums."""

    inputs: Array
    lengths: NDArray[np.int64] | None
    sums: Array


class SumObjective:
    """Squared error of the predicted sum of a sequence; an epoch is evaluated if its number is even."""

    def __init__(self, *, epochs: int = 6) -> None:
        self.steps = (len(SIZES),) * epochs
        self.losses: list[tuple[float, int]] = []

    def batches(self, epoch: int) -> Iterator[SumBatch]:
        rng = np.random.default_rng([3, epoch])
        for size in SIZES:
            inputs = rng.normal(size=(size, 4, 1)).astype(np.float32)
            yield SumBatch(inputs, None, inputs.sum(axis=(1, 2)))

    def loss(self, output: dict[str, Tensor], batch: SumBatch) -> Loss:
        mean = (output["sum"] - torch.from_numpy(batch.sums)).square().mean()
        self.losses.append((float(mean.detach()), len(batch.sums)))
        return Loss(mean, len(batch.sums))

    def evaluate(self, net: nn.Module, epoch: int) -> Evaluation:
        weight = next(net.parameters())
        if epoch % 2:
            return Evaluation()
        return Evaluation(metrics={"distance": float((weight - 1).abs().max().detach())})


class SumNet(nn.Module):
    """A linear layer over time whose output is a table, as that of networks with several heads."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 1, bias=False)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor, lengths: Tensor | None) -> dict[str, Tensor]:
        assert lengths is None
        return {"sum": self.linear(self.dropout(x[:, :, 0]))[:, 0]}


OPTIMISATION = Optimisation(
    optimizer=lambda net: torch.optim.SGD(net.parameters(), lr=0.1),
    learning_rate=0.1,
    schedule=lambda step, steps: 1 - step / steps,
)


def run(
    objective: SumObjective, *, optimisation: Optimisation = OPTIMISATION, checkpoint: Path | None = None
) -> tuple[SumNet, TrainingResult]:
    torch.manual_seed(1)
    net = SumNet()
    return net, run_epochs(net, objective, optimisation, seed=1, signature="sum", checkpoint=checkpoint)


def test_the_objective_is_minimised() -> None:
    _, result = run(SumObjective(epochs=40))
    assert result.history[-1].loss < 0.5 * result.history[0].loss
    assert result.best == 40  # without a score the last epoch counts


def test_the_loss_of_an_epoch_is_the_mean_over_its_items() -> None:
    objective = SumObjective(epochs=1)
    _, result = run(objective)
    total = sum(mean * count for mean, count in objective.losses)
    assert result.history[0].loss == pytest.approx(total / sum(SIZES))


def test_metrics_are_in_the_history_and_in_the_checkpoint(tmp_path: Path) -> None:
    _, result = run(SumObjective(), checkpoint=tmp_path / "checkpoint")
    assert [bool(epoch.metrics) for epoch in result.history] == [False, True] * 3
    assert "metrics" not in result.history[0].to_dict()
    _, restored = run(SumObjective(), checkpoint=tmp_path / "checkpoint")
    assert restored == result


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_an_interrupted_run_resumes_exactly(tmp_path: Path, ema_decay: float) -> None:
    optimisation = replace(OPTIMISATION, ema_decay=ema_decay)
    expected, whole = run(SumObjective(), optimisation=optimisation)
    torch.manual_seed(1)
    net = SumNet()

    def interrupt(epoch: Epoch) -> None:
        if epoch.number == 3:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        run_epochs(
            net, SumObjective(), optimisation, seed=1, signature="sum", checkpoint=checkpoint, progress=interrupt
        )
    resumed, result = run(SumObjective(), optimisation=optimisation, checkpoint=checkpoint)
    assert torch.equal(resumed.linear.weight, expected.linear.weight)
    assert [replace(epoch, seconds=0.0) for epoch in result.history] == [
        replace(epoch, seconds=0.0) for epoch in whole.history
    ]


def test_the_schedule_scales_the_learning_rate() -> None:
    never = replace(OPTIMISATION, schedule=lambda *_: 0.0)
    torch.manual_seed(1)
    before = SumNet().linear.weight
    net, _ = run(SumObjective(), optimisation=never)
    assert torch.equal(net.linear.weight, before)


def test_bfloat16_keeps_the_weights_in_float32() -> None:
    net, result = run(SumObjective(), optimisation=replace(OPTIMISATION, bfloat16=True))
    assert net.linear.weight.dtype == torch.float32
    assert np.isfinite(result.history[-1].loss)


# ----------------------------------------------------------------------------------------------------------------------
# Networks with several heads: the loss against a slow reference, and scores of clips by their own head.

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
        from emotone.transfer.apply import Freezer

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


# ----------------------------------------------------------------------------------------------------------------------
# The CTC objective: its batches, its loss against summing all paths, and what can't be trained on.

NONE = SpokenTexts((), ())


def spoken(*lengths: int, text: str = "AB") -> SpokenTexts:
    return SpokenTexts(tuple(np.full((length, 3), length, np.float32) for length in lengths), (text,) * len(lengths))


def objective(train: SpokenTexts, development: SpokenTexts = NONE, *, batch_size: int = 2) -> CtcObjective:
    return CtcObjective(train, development, characters="AB", batch_size=batch_size, epochs=3, seed=1)


def slow_ctc_loss(log_probabilities: list[list[float]], codes: list[int]) -> float:
    """Return the negative logarithm of the summed probabilities of all paths of a text, per character."""
    total = 0.0
    for path in product(range(3), repeat=len(log_probabilities)):
        merged = [code for place, code in enumerate(path) if place == 0 or path[place - 1] != code]
        if [code for code in merged if code] == codes:
            total += float(np.exp(sum(row[code] for row, code in zip(log_probabilities, path, strict=True))))
    return -float(np.log(total)) / len(codes)


def test_the_first_epoch_begins_with_the_shortest_utterances() -> None:
    of = objective(spoken(30, 10, 40, 20, 50))
    assert of.steps == (3, 3, 3)
    lengths = [[batch.lengths.tolist() for batch in of.batches(epoch)] for epoch in (1, 2, 3)]
    assert lengths[0] == [[10, 20], [30, 40], [50]]
    assert sorted(lengths[1]) == sorted(lengths[2]) == lengths[0]
    assert [batch.lengths.tolist() for batch in of.batches(2)] == lengths[1]


def test_transcripts_are_codes_filled_with_blanks() -> None:
    features = (np.zeros((20, 3), np.float32), np.zeros((22, 3), np.float32))
    (batch,) = objective(SpokenTexts(features, ("BA", "ABB"))).batches(1)
    assert batch.codes.tolist() == [[2, 1, 0], [1, 2, 2]]
    assert batch.counts.tolist() == [2, 3]


def test_the_loss_agrees_with_summing_all_paths() -> None:
    features = (np.zeros((5, 3), np.float32), np.zeros((10, 3), np.float32))
    of = objective(SpokenTexts(features, ("A", "AA")))
    (batch,) = of.batches(1)
    output = torch.log_softmax(torch.from_numpy(np.random.default_rng(0).normal(size=(2, 5, 3))), dim=2)
    expected = [slow_ctc_loss(output[0, :3].tolist(), [1]), slow_ctc_loss(output[1].tolist(), [1, 1])]
    loss = of.loss(output, batch)
    assert float(loss.mean) == pytest.approx(np.mean(expected))
    assert loss.count == 2


def test_the_score_is_the_negative_character_error_rate() -> None:
    class Says(torch.nn.Module):
        """Predicts A, then B: one letter per half of the steps."""

        def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:  # noqa: ARG002
            steps = steps_of(x.shape[1])
            codes = torch.tensor([1] * (steps // 2) + [2] * (steps - steps // 2))
            return torch.nn.functional.one_hot(codes, 3).float()[None]

    development = SpokenTexts(spoken(10, 12).features, ("AB", "AA"))
    evaluation = objective(spoken(10, 20), development).evaluate(Says(), 1)
    assert evaluation.score == -0.25
    assert evaluation.metrics == {"cer": 0.25, "wer": 0.5}
    assert error_rates(Says(), spoken(10), characters="AB") == {"cer": 0.0, "wer": 0.0}
    assert objective(spoken(10)).evaluate(Says(), 1).score is None


def test_utterances_need_a_step_per_character_and_one_between_equal_ones() -> None:
    assert [steps_of(rows) for rows in (1, 2, 3)] == [1, 1, 2]
    assert [steps_needed(text) for text in ("", "A", "AB", "AAB", "AAA")] == [0, 1, 2, 4, 5]
    with pytest.raises(RunError, match=r"4 rows are too few for the transcript 'AA': exclude the utterance"):
        objective(spoken(4, text="AA"))
    with pytest.raises(RunError, match="no training data: there are no transcribed utterances"):
        objective(NONE)
