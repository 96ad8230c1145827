"""The loop: it learns, the same every time, also when it is cut off; it stops early; it says what is wrong."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET, one_thread, placing, separable

from emotone.augment.spec_mask import SpecMask
from emotone.errors import RunError
from emotone.features.windows import window_starts
from emotone.nets.log_mel_cnn import LogMelCnn
from emotone.training.batches import Drawing, Examples, epoch_batches, mix
from emotone.training.checkpoint import Checkpoint, Epoch
from emotone.training.development import development_score, window_probabilities
from emotone.training.loop import MIXING, Task, Trained, schedule, train
from emotone.training.settings import TrainingSettings

if TYPE_CHECKING:
    from emotone.nets.modules import LengthAware

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).resolve().parent.parent.parent
NOTHING = Examples((), np.zeros(0, np.int64), np.zeros(0, np.int64))
SETTINGS = TrainingSettings(epochs=4, batch=8, learning_rate=0.01, crop=0.4, average=0.8, patience=10)


def build() -> LengthAware:
    return LogMelCnn(**TINY_NET).build(64, 2)


def task(**changes: Any) -> Task:
    fields: dict[str, Any] = {
        "train": separable(24),
        "development": separable(10, seed=7, corpora=2),
        "hop_seconds": 0.01,
        "window": 60,
        "hop": 20,
        "signature": "f00d",
        "seed": 3,
    }
    return Task(**{**fields, **changes})


def run(
    settings: TrainingSettings = SETTINGS, *, of: Task | None = None, **options: Any
) -> tuple[LengthAware, Trained]:
    return train(build, of or task(), settings, augmentations=(SpecMask(),), **options)


@pytest.fixture(scope="module")
def straight() -> tuple[LengthAware, Trained]:
    """Four epochs without interruption."""
    torch.set_num_threads(1)
    return run()


def same_weights(first: LengthAware, second: LengthAware) -> bool:
    one, two = first.state_dict(), second.state_dict()
    return set(one) == set(two) and all(torch.equal(one[name], two[name]) for name in one)


def timeless(history: tuple[Epoch, ...]) -> list[Epoch]:
    return [replace(epoch, seconds=0.0) for epoch in history]


def test_a_separable_problem_is_learned() -> None:
    settings = replace(SETTINGS, epochs=6)
    unseen = separable(40, seed=11)
    net, trained = run(settings, of=task(train=separable(64), development=unseen))
    assert trained.history[-1].loss < trained.history[0].loss
    score = trained.history[trained.best - 1].score
    assert score is not None
    assert score > 0.9
    assert development_score(net, task(development=unseen)) == score
    assert not net.training


def test_equal_arguments_give_equal_weights(straight: tuple[LengthAware, Trained]) -> None:
    torch.manual_seed(999)  # what was drawn before does not matter
    net, trained = run()
    assert same_weights(net, straight[0])
    assert timeless(trained.history) == timeless(straight[1].history)
    assert trained.best == straight[1].best


def test_another_seed_gives_other_weights_and_another_name_does_not(straight: tuple[LengthAware, Trained]) -> None:
    assert not same_weights(run(of=task(seed=4))[0], straight[0])
    assert same_weights(run(of=task(signature="beef"))[0], straight[0])


class Stop(Exception):  # noqa: N818 - it is no error
    """What interrupts a training in these tests."""


def test_a_training_that_was_cut_off_goes_on_exactly(straight: tuple[LengthAware, Trained], tmp_path: Path) -> None:
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


def test_a_finished_training_is_not_run_again(straight: tuple[LengthAware, Trained], tmp_path: Path) -> None:
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
    straight: tuple[LengthAware, Trained], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(checkpoint)], cwd=ROOT, capture_output=True, check=False, timeout=120
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    assert len(Checkpoint.load(checkpoint, signature="f00d").history) == 2
    net, trained = run(checkpoint=checkpoint)
    assert same_weights(net, straight[0])
    assert timeless(trained.history) == timeless(straight[1].history)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    run(replace(SETTINGS, epochs=1), checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    with pytest.raises(RunError, match="belongs to the training f00d, this one is beef"):
        run(of=task(signature="beef"), checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before


def test_a_checkpoint_whose_tensors_do_not_fit_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    run(replace(SETTINGS, epochs=1), checkpoint=checkpoint)
    wider = LogMelCnn(**{**TINY_NET, "hidden": 9})
    with pytest.raises(RunError, match=r"does not fit this net \((.|\n)*; delete it to start anew"):
        train(lambda: wider.build(64, 2), task(), SETTINGS, checkpoint=checkpoint)


def test_it_stops_when_the_development_score_no_longer_rises() -> None:
    settings = replace(SETTINGS, epochs=60, patience=2)
    net, trained = run(settings)
    scores = [epoch.score for epoch in trained.history]
    assert len(scores) == trained.best + 2 < 60
    assert scores[trained.best - 1] == max(score for score in scores if score is not None)
    assert development_score(net, task()) == scores[trained.best - 1]


def test_without_a_development_part_the_last_weights_are_kept() -> None:
    built: list[LengthAware] = []
    seen: list[dict[str, torch.Tensor]] = []

    def remembering() -> LengthAware:
        built.append(build())
        return built[0]

    def remember(done: int, total: int) -> None:
        seen.append({name: value.clone() for name, value in built[0].state_dict().items()})

    of = task(development=NOTHING)
    net, trained = train(remembering, of, replace(SETTINGS, average=0.0), on_batch=remember)
    assert trained.best == 4
    assert [epoch.score for epoch in trained.history] == [None] * 4
    assert all(torch.equal(value, seen[-1][name]) for name, value in net.state_dict().items())


def test_the_average_is_the_moving_average_of_the_weights_after_each_step() -> None:
    built: list[LengthAware] = []
    seen: list[torch.Tensor] = []

    def remembering() -> LengthAware:
        built.append(build())
        return built[0]

    def remember(done: int, total: int) -> None:
        seen.append(torch.nn.utils.parameters_to_vector(built[0].parameters()).detach().clone())

    net, _ = train(remembering, task(development=NOTHING), replace(SETTINGS, epochs=2), on_batch=remember)
    average = seen[0]
    for weights in seen[1:]:
        average = 0.8 * average + 0.2 * weights
    torch.testing.assert_close(torch.nn.utils.parameters_to_vector(net.parameters()).detach(), average)


def test_a_loss_that_is_not_finite_is_said() -> None:
    broken = separable(8)
    for rows in broken.features:
        rows[:] = np.nan
    with pytest.raises(RunError, match=r"the loss is not finite in epoch 1: lower training.learning_rate"):
        run(of=task(train=broken))
    assert not torch.are_deterministic_algorithms_enabled()


def test_nothing_to_train_on_is_said() -> None:
    with pytest.raises(RunError, match="there is nothing to train on: the training part is empty"):
        run(of=task(train=NOTHING))


def test_every_batch_is_reported() -> None:
    heard: list[tuple[int, int]] = []
    run(replace(SETTINGS, epochs=2), on_batch=lambda done, total: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)] * 2


def test_a_constant_rate_neither_falls_nor_depends_on_how_long_it_goes_on() -> None:
    assert [schedule(step, 100, warmup=0.0, falls=False) for step in (0, 50, 100)] == [1.0, 1.0, 1.0]
    assert schedule(4, 100, warmup=0.1, falls=False) == 0.5
    settings = replace(SETTINGS, schedule="constant", average=0.0)
    of = task(development=NOTHING)
    long = run(replace(settings, epochs=3), of=of)[1]
    assert timeless(run(replace(settings, epochs=2), of=of)[1].history) == timeless(long.history[:2])


def test_adam_is_adamw_without_decay_and_gradients_are_taken_as_they_are() -> None:
    """Two steps of the loop are two steps of torch's Adam with its default parameters."""
    spec = LogMelCnn(**{**TINY_NET, "dropout": 0.0})

    settings = TrainingSettings(
        epochs=1,
        batch=10,
        learning_rate=5e-3,
        weight_decay=0.0,
        warmup=0.0,
        label_smoothing=0.0,
        balance=1.0,
        crop=0.4,
        average=0.0,
        schedule="constant",
        clip=0.0,
        sampling="equal",
        steps=2,
    )
    of = task(development=NOTHING)
    net, _ = train(lambda: spec.build(64, 2), of, settings)
    torch.manual_seed(of.seed)
    twin = spec.build(64, 2)
    adam = torch.optim.Adam(twin.parameters(), lr=5e-3)
    drawing = Drawing(batch=10, crop=40, balance=1.0, sampling="equal", steps=2)
    batches = list(epoch_batches(of.train, drawing, rng=np.random.default_rng([of.seed, 1])))
    for batch in batches:
        assert np.bincount(batch.labels).tolist() == [5, 5]
        logits = twin(torch.from_numpy(batch.inputs), torch.from_numpy(batch.lengths))
        adam.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels)).backward()  # type: ignore[no-untyped-call]
        adam.step()
    torch.testing.assert_close(net.state_dict(), twin.state_dict(), atol=1e-6, rtol=1e-6)


class KerasAdadelta:
    """Zeiler's algorithm in NumPy, with the default values that Keras gives it."""

    def __init__(self) -> None:
        self.gradients: Any = 0.0
        self.changes: Any = 0.0

    def __call__(self, gradient: Any) -> Any:
        """Return what is added to the parameter."""
        self.gradients = 0.95 * self.gradients + 0.05 * gradient**2
        change = -np.sqrt(self.changes + 1e-7) / np.sqrt(self.gradients + 1e-7) * gradient
        self.changes = 0.95 * self.changes + 0.05 * change**2
        return change


KERAS = TrainingSettings(
    epochs=2,
    batch=7,
    learning_rate=1.0,
    weight_decay=0.0,
    warmup=0.0,
    label_smoothing=0.0,
    average=0.0,
    crop=0.4,
    schedule="constant",
    clip=0.0,
    sampling="shuffled",
    optimizer="adadelta",
    crops="start",
)


def test_adadelta_is_that_of_keras() -> None:
    """An epoch of the loop moves weights as the algorithm does that is written out above."""
    spec = LogMelCnn(**{**TINY_NET, "dropout": 0.0})
    of = task(development=NOTHING)
    net, _ = train(lambda: spec.build(64, 2), of, replace(KERAS, epochs=1))
    torch.manual_seed(of.seed)
    twin = spec.build(64, 2)
    rules = {name: KerasAdadelta() for name, _ in twin.named_parameters()}
    drawing = Drawing(batch=7, crop=40, balance=0.5, sampling="shuffled", crops="start")
    for batch in epoch_batches(of.train, drawing, rng=np.random.default_rng([of.seed, 1])):
        logits = twin(torch.from_numpy(batch.inputs), torch.from_numpy(batch.lengths))
        twin.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels)).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for name, parameter in twin.named_parameters():
                assert parameter.grad is not None
                parameter.add_(torch.from_numpy(rules[name](parameter.grad.numpy())))
    torch.testing.assert_close(net.state_dict(), twin.state_dict(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        replace(KERAS, epochs=4, crops="grid"),
        replace(SETTINGS, crops="start"),
        replace(SETTINGS, crops="grid"),
        replace(KERAS, epochs=4, average=0.8),
        replace(SETTINGS, mixup=0.5),
    ],
    ids=["keras on windows", "starts", "windows", "keras on starts", "mixed"],
)
def test_every_kind_of_training_goes_on_exactly_where_it_was_cut_off(
    settings: TrainingSettings, tmp_path: Path
) -> None:
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


def test_a_mixture_is_told_both_labels_by_their_shares() -> None:
    settings = TrainingSettings(epochs=1, batch=8, steps=1, crop=0.4, mixup=0.7)
    plain: dict[str, Any] = {**TINY_NET, "dropout": 0.0}
    of = task(development=NOTHING)
    _, trained = train(lambda: LogMelCnn(**plain).build(64, 2), of, settings)
    torch.manual_seed(of.seed)
    twin = LogMelCnn(**plain).build(64, 2)
    drawing = Drawing(batch=8, crop=40, balance=settings.balance, steps=1)
    (batch,) = epoch_batches(of.train, drawing, rng=np.random.default_rng([of.seed, 1]))
    mixture = mix(batch, 0.7, np.random.default_rng([of.seed, 1, MIXING]))
    lengths = mixture.batch.lengths
    assert lengths is not None
    logits = twin(torch.from_numpy(mixture.batch.inputs), torch.from_numpy(lengths))
    spread = torch.zeros(8, 2)
    for row, (first, second) in enumerate(zip(batch.labels.tolist(), mixture.others.tolist(), strict=True)):
        spread[row, first] += mixture.share
        spread[row, second] += 1 - mixture.share
    spread = 0.9 * spread + 0.1 / 2  # label smoothing
    loss = -(spread * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
    assert trained.history[0].loss == pytest.approx(float(loss.detach()))


def test_an_epoch_on_the_grid_has_every_window_of_every_recording_once() -> None:
    recordings = separable(24)
    of = task(train=recordings, window=30, hop=10)
    windows = sum(len(window_starts(len(rows), window=30, hop=10)) for rows in recordings.features)
    heard: list[tuple[int, int]] = []
    run(replace(KERAS, epochs=1, crops="grid"), of=of, on_batch=lambda *batch: heard.append(batch))
    full, left = divmod(windows, 7)
    assert left != 1
    assert heard[-1] == (full + 1, full + 1)


def test_on_the_grid_windows_say_how_much_is_seen() -> None:
    settings = replace(SETTINGS, epochs=1, crops="grid")
    assert same_weights(run(settings)[0], run(replace(settings, crop=9.0))[0])
    assert not same_weights(run(settings)[0], run(settings, of=task(window=50))[0])


def test_a_net_in_which_nothing_learns_comes_back_as_it_was_built(tmp_path: Path) -> None:
    def frozen() -> LengthAware:
        return build().requires_grad_(requires_grad=False)

    checkpoint = tmp_path / "checkpoint.safetensors"
    heard: list[Epoch] = []
    net, trained = train(frozen, task(), SETTINGS, checkpoint=checkpoint, progress=heard.append)
    assert heard == []
    torch.manual_seed(task().seed)
    assert same_weights(net, frozen())
    assert not net.training
    assert trained == Trained((), 0)
    assert not checkpoint.exists()


@pytest.mark.parametrize(("step", "expected"), [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (55, 0.5), (100, 0.0)])
def test_the_learning_rate_rises_straight_and_falls_as_a_cosine(step: int, expected: float) -> None:
    assert schedule(step, 100, warmup=0.1) == pytest.approx(expected)


def test_the_schedule_without_warm_up_starts_at_its_peak_and_never_rises() -> None:
    shares = [schedule(step, 50, warmup=0.0) for step in range(51)]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert math.isclose(shares[-1], 0.0, abs_tol=1e-12)


def test_a_warm_up_shorter_than_a_step_does_not_overshoot() -> None:
    assert schedule(0, 5, warmup=0.1) == 1.0


def test_the_development_score_agrees_with_counting() -> None:
    torch.manual_seed(0)
    net = build().eval()
    examples = separable(30, seed=5, corpora=3)
    of = task(development=examples)
    recalls: dict[int, list[float]] = {}
    for corpus in range(3):
        for label in range(2):
            chosen = [
                item
                for item, where, truth in zip(examples.features, examples.corpora, examples.labels, strict=True)
                if (where, truth) == (corpus, label)
            ]
            hits = [
                int(window_probabilities(net, item, **placing(of)).mean(axis=0).argmax()) == label for item in chosen
            ]
            recalls.setdefault(corpus, []).append(sum(hits) / len(hits))
    expected = np.mean([np.mean(values) for values in recalls.values()])
    assert development_score(net, of) == pytest.approx(float(expected))


def test_windows_are_judged_as_if_each_were_alone() -> None:
    torch.manual_seed(0)
    net = build().eval()
    rows = separable(1).features[0][:29].repeat(5, axis=0)  # 145 frames: windows at 0, 20, 40, 60, 80, 85
    probabilities = window_probabilities(net, rows, **placing(task()))
    assert probabilities.shape == (6, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    with torch.inference_mode():
        last = torch.softmax(net(torch.from_numpy(rows[None, 85:]), None), dim=1).numpy()
    np.testing.assert_allclose(probabilities[5:], last, atol=1e-6)
