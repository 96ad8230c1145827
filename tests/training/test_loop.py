"""Classification trainings: deterministic, resumable after interruptions, stopped early, with clear errors."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET, one_thread, separable
from tests.training.looping import KERAS, NOTHING, SETTINGS, build, run, same_weights, task, timeless

from emotone.errors import RunError
from emotone.features.windows import window_starts
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes.training import Annealing, TrainingSettings
from emotone.training.batches import Batch, BatchSampler, mix
from emotone.training.classification import MIXUP_STREAM, train
from emotone.training.development import development_score
from emotone.training.loop import Checkpoint, Epoch, Optimisation, TrainingResult, run_epochs
from emotone.training.objective import Evaluation, Loss

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def straight() -> tuple[Network, TrainingResult]:
    """Four epochs without interruption."""
    torch.set_num_threads(1)
    return run()


def test_a_separable_problem_is_solved() -> None:
    settings = replace(SETTINGS, epochs=6)
    unseen = separable(40, seed=11)
    net, trained = run(settings, of=task(train=separable(64), development=unseen))
    assert trained.history[-1].loss < trained.history[0].loss
    score = trained.history[trained.best - 1].score
    assert score is not None
    assert score > 0.9
    assert development_score(net, task(development=unseen)) == score
    assert not net.training


def test_equal_arguments_give_equal_weights(straight: tuple[Network, TrainingResult]) -> None:
    torch.manual_seed(999)  # what was drawn before does not matter
    net, trained = run()
    assert same_weights(net, straight[0])
    assert timeless(trained.history) == timeless(straight[1].history)
    assert trained.best == straight[1].best


def test_another_seed_gives_other_weights_and_another_name_does_not(
    straight: tuple[Network, TrainingResult],
) -> None:
    assert not same_weights(run(of=task(seed=4))[0], straight[0])
    assert same_weights(run(of=task(signature="beef"))[0], straight[0])


class Stop(Exception):  # noqa: N818 - it is no error
    """Interrupts a training."""


def test_a_training_that_was_interrupted_resumes_exactly(
    straight: tuple[Network, TrainingResult], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"

    def stop_after_two(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise Stop

    with pytest.raises(Stop):
        run(checkpoint=checkpoint, progress=stop_after_two)
    heard: list[int] = []
    net, trained = run(checkpoint=checkpoint, progress=lambda epoch: heard.append(epoch.number))
    assert heard == [1, 2, 3, 4]
    assert same_weights(net, straight[0])
    assert timeless(trained.history) == timeless(straight[1].history)


def test_a_finished_training_is_not_run_again(straight: tuple[Network, TrainingResult], tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    run(checkpoint=checkpoint)
    batches: list[tuple[int, int]] = []
    net, trained = run(checkpoint=checkpoint, on_batch=lambda done, total: batches.append((done, total)))
    assert batches == []
    assert same_weights(net, straight[0])
    assert len(trained.history) == 4


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.training.test_loop import run

epochs = []

def kill_in_the_third_epoch(done, total):
    if len(epochs) == 2 and done == 2:
        os.kill(os.getpid(), signal.SIGKILL)

run(checkpoint=Path(sys.argv[1]), progress=epochs.append, on_batch=kill_in_the_third_epoch)
"""


def test_kill_minus_nine_in_the_middle_of_an_epoch_changes_nothing(
    straight: tuple[Network, TrainingResult], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(checkpoint)], cwd=ROOT, capture_output=True, check=False, timeout=280
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    assert len(Checkpoint.load(checkpoint, signature="f00d").history) == 2
    net, trained = run(checkpoint=checkpoint)
    assert same_weights(net, straight[0])
    assert timeless(trained.history) == timeless(straight[1].history)


def test_a_checkpoint_of_another_training_is_rejected(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    run(replace(SETTINGS, epochs=1), checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(RunError, match="belongs to the training f00d, this one is beef"):
        run(of=task(signature="beef"), checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before


def test_a_checkpoint_whose_tensors_do_not_fit_is_rejected(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    run(replace(SETTINGS, epochs=1), checkpoint=checkpoint)
    wider = LogMelCnn(**{**TINY_NET, "hidden": 9})
    with pytest.raises(RunError, match=r"does not fit this network \((.|\n)*; delete it to start from scratch"):
        train(lambda: wider.build(64, 2), task(), SETTINGS, checkpoint=checkpoint)


def test_it_stops_when_the_development_score_no_longer_rises() -> None:
    settings = replace(SETTINGS, epochs=60, patience=2)
    net, trained = run(settings)
    scores = [epoch.score for epoch in trained.history]
    assert len(scores) == trained.best + 2 < 60
    assert scores[trained.best - 1] == max(score for score in scores if score is not None)
    assert development_score(net, task()) == scores[trained.best - 1]


class Scripted:
    """An objective of one batch per epoch, whose scores are given."""

    scores = (0.1, 0.3, 0.2, 0.1, 0.3, 0.2, 0.2, 0.2)

    def __init__(self, epochs: int = len(scores)) -> None:
        self.steps = (1,) * epochs

    def batches(self, epoch: int) -> list[Batch]:
        inputs = np.full((2, 3, 1), epoch, np.float32)
        return [Batch(inputs, None, np.zeros(2, np.int64))]

    def loss(self, output: torch.Tensor, batch: Batch) -> Loss:
        return Loss(output.mean(), len(batch.labels))

    def evaluate(self, net: torch.nn.Module, epoch: int) -> Evaluation:  # noqa: ARG002 - the protocol's
        return Evaluation(self.scores[epoch - 1])


class Linear(torch.nn.Linear):
    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:  # noqa: ARG002
        return super().forward(x)


def scripted(objective: Scripted, **options: Any) -> tuple[list[float], TrainingResult]:
    """Return the change of the bias in each epoch, which is the learning rate, and the result."""
    torch.manual_seed(0)
    net = Linear(1, 1)
    seen = [float(net.bias.detach())]
    settings = Optimisation(
        optimizer=lambda net: torch.optim.SGD(net.parameters()),
        learning_rate=1.0,
        schedule=lambda step, steps: 1.0,  # noqa: ARG005
        annealing=Annealing(patience=2, factor=0.5, minimum=0.25),
    )

    def remember(epoch: Epoch) -> None:
        seen.append(float(net.bias.detach()))

    result = run_epochs(net, objective, settings, seed=1, signature="f00d", progress=remember, **options)
    return [before - after for before, after in pairwise(seen)], result


def test_annealing_lowers_the_rate_and_ends_the_training_also_after_an_interruption(tmp_path: Path) -> None:
    rates, result = scripted(Scripted())
    assert rates == pytest.approx([1.0, 1.0, 1.0, 1.0, 0.5, 0.5], abs=1e-5)
    assert result.best == 2
    checkpoint = tmp_path / "checkpoint.safetensors"
    scripted(Scripted(epochs=5), checkpoint=checkpoint)
    resumed, again = scripted(Scripted(), checkpoint=checkpoint)
    assert resumed[-1] == pytest.approx(0.5, abs=1e-5)
    assert timeless(again.history) == timeless(result.history)


def test_without_a_development_part_the_last_weights_are_kept() -> None:
    built: list[Network] = []
    seen: list[dict[str, torch.Tensor]] = []

    def remembering() -> Network:
        built.append(build())
        return built[0]

    def remember(done: int, total: int) -> None:
        seen.append({name: value.clone() for name, value in built[0].state_dict().items()})

    of = task(development=NOTHING)
    net, trained = train(remembering, of, replace(SETTINGS, ema_decay=0.0), on_batch=remember)
    assert trained.best == 4
    assert [epoch.score for epoch in trained.history] == [None] * 4
    assert all(torch.equal(value, seen[-1][name]) for name, value in net.state_dict().items())


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    broken = separable(8)
    for rows in broken.features:
        rows[:] = np.nan
    with pytest.raises(RunError, match=r"the loss is not finite in epoch 1, batch 1: lower learning_rate"):
        run(of=task(train=broken))
    assert not torch.are_deterministic_algorithms_enabled()


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(RunError, match="no training data: the training part is empty"):
        run(of=task(train=NOTHING))


def test_every_batch_is_reported() -> None:
    heard: list[tuple[int, int]] = []
    run(replace(SETTINGS, epochs=2), on_batch=lambda done, total: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)] * 2


def _least_subnormal_counts_as_zero() -> bool:
    return float(torch.tensor([1e-40]) + torch.zeros(1)) == 0.0


@pytest.mark.parametrize("before", [False, True])
def test_numbers_too_small_for_fast_sums_are_zero_while_it_learns_and_what_was_set_is_set_again(before: bool) -> None:
    heard: list[bool] = []
    torch.set_flush_denormal(before)
    try:
        run(replace(SETTINGS, epochs=1), on_batch=lambda *_: heard.append(_least_subnormal_counts_as_zero()))
        after = _least_subnormal_counts_as_zero()
    finally:
        torch.set_flush_denormal(False)
    assert heard == [True] * 3
    assert after is before


@pytest.mark.parametrize(
    "settings",
    [
        replace(KERAS, epochs=4, crop_mode="grid"),
        replace(SETTINGS, crop_mode="start"),
        replace(SETTINGS, crop_mode="grid"),
        replace(KERAS, epochs=4, ema_decay=0.8),
        replace(SETTINGS, mixup=0.5),
    ],
    ids=["keras on windows", "starts", "windows", "keras on starts", "mixed"],
)
def test_every_kind_of_training_resumes_exactly(settings: TrainingSettings, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"

    def stop_after_two(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise Stop

    with pytest.raises(Stop):
        run(settings, checkpoint=checkpoint, progress=stop_after_two)
    net, trained = run(settings, checkpoint=checkpoint)
    whole, expected = run(settings)
    assert same_weights(net, whole)
    assert timeless(trained.history) == timeless(expected.history)


def test_a_mixture_is_reported_both_labels_by_their_shares() -> None:
    settings = TrainingSettings(epochs=1, batch_size=8, steps_per_epoch=1, crop_seconds=0.4, mixup=0.7)
    plain: dict[str, Any] = {**TINY_NET, "dropout": 0.0}
    of = task(development=NOTHING)
    _, trained = train(lambda: LogMelCnn(**plain).build(64, 2), of, settings)
    torch.manual_seed(of.seed)
    twin = LogMelCnn(**plain).build(64, 2)
    sampler = BatchSampler(batch_size=8, crop_frames=40, balance=settings.balance, steps_per_epoch=1)
    (batch,) = sampler.batches(of.train, rng=np.random.default_rng([of.seed, 1]))
    mixture = mix(batch, 0.7, np.random.default_rng([of.seed, 1, MIXUP_STREAM]))
    lengths = mixture.lengths
    assert lengths is not None
    assert mixture.mixed_labels is not None
    logits = twin(torch.from_numpy(mixture.inputs), torch.from_numpy(lengths))
    spread = torch.zeros(8, 2)
    for row, (first, second) in enumerate(zip(batch.labels.tolist(), mixture.mixed_labels.tolist(), strict=True)):
        spread[row, first] += mixture.weight
        spread[row, second] += 1 - mixture.weight
    spread = 0.9 * spread + 0.1 / 2  # label smoothing
    loss = -(spread * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
    assert trained.history[0].loss == pytest.approx(float(loss.detach()))


def test_an_epoch_on_the_grid_has_every_window_of_every_recording_once() -> None:
    recordings = separable(24)
    of = task(train=recordings, window=30, hop=10)
    windows = sum(len(window_starts(len(rows), window=30, hop=10)) for rows in recordings.features)
    heard: list[tuple[int, int]] = []
    run(replace(KERAS, epochs=1, crop_mode="grid"), of=of, on_batch=lambda *batch: heard.append(batch))
    full, left = divmod(windows, 7)
    assert left != 1
    assert heard[-1] == (full + 1, full + 1)


def test_on_the_grid_windows_say_how_much_is_seen() -> None:
    settings = replace(SETTINGS, epochs=1, crop_mode="grid")
    assert same_weights(run(settings)[0], run(replace(settings, crop_seconds=9.0))[0])
    assert not same_weights(run(settings)[0], run(settings, of=task(window=50))[0])


def test_a_network_in_which_nothing_learns_comes_back_as_it_was_built(tmp_path: Path) -> None:
    def frozen() -> Network:
        return build().requires_grad_(requires_grad=False)

    checkpoint = tmp_path / "checkpoint.safetensors"
    heard: list[Epoch] = []
    net, trained = train(frozen, task(), SETTINGS, checkpoint=checkpoint, progress=heard.append)
    assert heard == []
    torch.manual_seed(task().seed)
    assert same_weights(net, frozen())
    assert not net.training
    assert trained == TrainingResult((), 0)
    assert not checkpoint.exists()
