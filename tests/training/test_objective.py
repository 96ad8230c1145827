"""The loop with an objective of another kind: regression of a sum, with batches of different sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.toy import one_thread
from torch import nn

from emotone.training.loop import Optimisation, TrainingResult, run_epochs
from emotone.training.objective import Evaluation, Loss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from emotone.training.checkpoint import Epoch
    from emotone.types import Array

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

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
