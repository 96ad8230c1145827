"""How weights move: optimizers and schedules as their authors have them, and the average of weights."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET

from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes.training import TrainingSettings
from emotone.training.batches import BatchSampler
from emotone.training.classification import schedule, train

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network
from tests.training.looping import KERAS, NOTHING, SETTINGS, build, run, task, timeless


def test_the_average_is_the_moving_average_of_the_weights_after_each_step() -> None:
    built: list[Network] = []
    seen: list[torch.Tensor] = []

    def remembering() -> Network:
        built.append(build())
        return built[0]

    def remember(done: int, total: int) -> None:
        seen.append(torch.nn.utils.parameters_to_vector(built[0].parameters()).detach().clone())

    net, _ = train(remembering, task(development=NOTHING), replace(SETTINGS, epochs=2), on_batch=remember)
    average = seen[0]
    for weights in seen[1:]:
        average = 0.8 * average + 0.2 * weights
    torch.testing.assert_close(torch.nn.utils.parameters_to_vector(net.parameters()).detach(), average)


def test_a_constant_rate_neither_falls_nor_depends_on_how_long_it_goes_on() -> None:
    assert [schedule(step, 100, warmup=0.0, decays=False) for step in (0, 50, 100)] == [1.0, 1.0, 1.0]
    assert schedule(4, 100, warmup=0.1, decays=False) == 0.5
    settings = replace(SETTINGS, schedule="constant", ema_decay=0.0)
    of = task(development=NOTHING)
    long = run(replace(settings, epochs=3), of=of)[1]
    assert timeless(run(replace(settings, epochs=2), of=of)[1].history) == timeless(long.history[:2])


def test_adam_is_adamw_without_decay_and_gradients_are_taken_unchanged() -> None:
    """Two steps of the loop are two steps of torch's Adam with its default parameters.

    In float64: the true gradient of a bias in front of a batch norm is 0, and Adam divides a gradient by its size, so
    the first step follows the sign of rounding errors unless they are far below Adam's epsilon of 1e-8. Errors of
    1e-14, as on some processors, become 1e-6 of a step: the tolerance is 1e-5 of the two steps of 5e-3.
    """

    def build_float64() -> Network:
        built = LogMelCnn(**{**TINY_NET, "dropout": 0.0}).build(64, 2).double()
        built.register_forward_pre_hook(lambda _, args: (args[0].double(), *args[1:]))
        return built

    settings = TrainingSettings(
        epochs=1,
        batch_size=10,
        learning_rate=5e-3,
        weight_decay=0.0,
        warmup=0.0,
        label_smoothing=0.0,
        balance=1.0,
        crop_seconds=0.4,
        ema_decay=0.0,
        schedule="constant",
        grad_clip_norm=0.0,
        sampling="balanced",
        steps_per_epoch=2,
    )
    of = task(development=NOTHING)
    net, _ = train(build_float64, of, settings)
    torch.manual_seed(of.seed)
    twin = build_float64()
    adam = torch.optim.Adam(twin.parameters(), lr=5e-3)
    sampler = BatchSampler(batch_size=10, crop_frames=40, balance=1.0, sampling="balanced", steps_per_epoch=2)
    batches = list(sampler.batches(of.train, rng=np.random.default_rng([of.seed, 1])))
    for batch in batches:
        assert np.bincount(batch.labels).tolist() == [5, 5]
        logits = twin(torch.from_numpy(batch.inputs), torch.from_numpy(batch.lengths))
        adam.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels)).backward()  # type: ignore[no-untyped-call]
        adam.step()
    torch.testing.assert_close(net.state_dict(), twin.state_dict(), atol=1e-7, rtol=1e-9)


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


def test_adadelta_is_that_of_keras() -> None:
    """An epoch of the loop moves weights as the algorithm does that is written out above."""
    spec = LogMelCnn(**{**TINY_NET, "dropout": 0.0})
    of = task(development=NOTHING)
    net, _ = train(lambda: spec.build(64, 2), of, replace(KERAS, epochs=1))
    torch.manual_seed(of.seed)
    twin = spec.build(64, 2)
    rules = {name: KerasAdadelta() for name, _ in twin.named_parameters()}
    sampler = BatchSampler(batch_size=7, crop_frames=40, balance=0.5, sampling="shuffled", crop_mode="start")
    for batch in sampler.batches(of.train, rng=np.random.default_rng([of.seed, 1])):
        logits = twin(torch.from_numpy(batch.inputs), torch.from_numpy(batch.lengths))
        twin.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels)).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for name, parameter in twin.named_parameters():
                assert parameter.grad is not None
                parameter.add_(torch.from_numpy(rules[name](parameter.grad.numpy())))
    torch.testing.assert_close(net.state_dict(), twin.state_dict(), atol=1e-5, rtol=1e-5)


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
