"""Training settings: every number has a range, and says it."""

from __future__ import annotations

import math

import pytest

from emotone.errors import ConfigError
from emotone.recipes.training import Annealing, TrainingSettings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, r"training: epochs must be between 1 and 100000; given 0"),
        ("batch_size", 1, r"training: batch_size must be between 2 and 65536; given 1"),
        ("learning_rate", 0.0, r"learning_rate must be between 1e-09 and 10; given 0"),
        ("learning_rate", math.nan, r"learning_rate must be between 1e-09 and 10; given nan"),
        ("weight_decay", -1.0, r"weight_decay must be between 0 and 10; given -1"),
        ("warmup", 1.0, r"warmup must be between 0 and 0.9; given 1"),
        ("label_smoothing", 0.95, r"label_smoothing must be between 0 and 0.9; given 0.95"),
        ("balance", 1.5, r"balance must be between 0 and 1; given 1.5"),
        ("crop_seconds", 0.05, r"crop_seconds must be between 0.1 and 600; given 0.05"),
        ("ema_decay", 1.0, r"ema_decay must be between 0 and 0.99999; given 1"),
        ("patience", -1, r"patience must be between 0 and 100000; given -1"),
        ("grad_clip_norm", -1.0, r"grad_clip_norm must be between 0 and 1e\+06; given -1"),
        ("steps_per_epoch", -1, r"steps_per_epoch must be between 0 and 1e\+06; given -1"),
    ],
)
def test_a_number_out_of_range_is_refused(name: str, value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingSettings(**{name: value})  # type: ignore[arg-type]


def test_adadelta_has_no_weight_decay() -> None:
    assert TrainingSettings(optimizer="adadelta", weight_decay=0.0, learning_rate=1.0).optimizer == "adadelta"
    with pytest.raises(ConfigError, match=r"training: adadelta has no weight decay; set weight_decay = 0, given 0.02"):
        TrainingSettings(optimizer="adadelta")


def test_shuffled_examples_make_as_many_batches_as_they_fill() -> None:
    with pytest.raises(
        ConfigError,
        match=r"number of batches follows from the number of examples; set steps_per_epoch = 0, given 9",
    ):
        TrainingSettings(sampling="shuffled", steps_per_epoch=9)


def test_the_defaults_are_in_range() -> None:
    assert TrainingSettings() == TrainingSettings()


def test_windows_without_speech_are_left_out_where_windows_are_learned() -> None:
    assert TrainingSettings(speech_only=True, crop_mode="grid").speech_only
    with pytest.raises(ConfigError, match=r'speech_only excludes windows and needs crop_mode = "grid".*given "random"'):
        TrainingSettings(speech_only=True)


@pytest.mark.parametrize(
    ("scores", "share"),
    [
        ([], 1.0),
        ([None, None, None], 1.0),
        ([0.1, 0.2, 0.3], 1.0),
        ([0.3, 0.2], 1.0),
        ([0.3, 0.2, 0.3], 0.1),  # an equal score is no improvement
        ([0.3, 0.2, 0.1, 0.2, 0.1], 0.01),
        ([0.3, 0.2, 0.1, 0.2, 0.4, 0.1], 0.1),  # the count starts again with an improvement
    ],
)
def test_the_learning_rate_is_annealed_after_epochs_without_improvement(
    scores: list[float | None], share: float
) -> None:
    assert Annealing(patience=2, factor=0.1).share(scores) == pytest.approx(share)


def test_training_stops_at_the_minimum_in_spite_of_rounding() -> None:
    annealing = Annealing(patience=1, factor=0.1, minimum=1e-6)
    assert annealing.stops(1e-4 * annealing.share([1.0, 0.0, 0.0]))
    assert not annealing.stops(1e-4 * annealing.share([1.0, 0.0]))


def test_annealing_is_within_its_ranges() -> None:
    with pytest.raises(ConfigError, match=r"training.annealing: factor must be between 0.001 and 0.999; given 1"):
        Annealing(factor=1.0)


def test_sorted_examples_have_as_many_batches_as_there_are_examples_for() -> None:
    with pytest.raises(ConfigError, match=r"set steps_per_epoch = 0, given 5"):
        TrainingSettings(sampling="sorted-first", steps_per_epoch=5)


def test_the_hinge_loss_has_no_smoothed_labels() -> None:
    with pytest.raises(ConfigError, match=r"set label_smoothing = 0, given 0.1"):
        TrainingSettings(loss="hinge")
    assert TrainingSettings(loss="hinge", label_smoothing=0.0).loss == "hinge"
