"""How long a training on few clips is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.toy import LABELS, tiny_recipe

from emotone.fitting.few_clips import MIN_BATCHES, Length, length_of, with_enough_batches
from emotone.fitting.resolve import resolve
from emotone.fitting.train import TrainingJob
from emotone.types import Fold

if TYPE_CHECKING:
    from typing import Any


def job(clips: int, **training: Any) -> TrainingJob:
    """Return a training on clips that are never read, in batches of 4."""
    keys = tuple(f"emodb/{number}" for number in range(clips))
    return TrainingJob(resolve(tiny_recipe(training=training)), (), LABELS, {}, Fold("all", keys, (), ()), ())


def test_epochs_are_the_fewest_with_enough_batches() -> None:
    longer = with_enough_batches(job(40, epochs=8, ema_decay=0.99)).resolved.recipe.training
    assert longer.epochs == 20  # of 10 batches
    assert 1 / (1 - longer.ema_decay) == pytest.approx(MIN_BATCHES / 6)
    assert length_of(job(1, epochs=8)).batches_per_epoch == 1


def test_longer_trainings_and_shorter_averages_are_kept() -> None:
    enough = job(40, epochs=20, ema_decay=0.99)
    assert with_enough_batches(enough) is enough
    short = with_enough_batches(job(40, epochs=1, ema_decay=0.5)).resolved.recipe.training
    assert (short.epochs, short.ema_decay) == (20, 0.5)
    assert with_enough_batches(job(40, epochs=1, ema_decay=0.0)).resolved.recipe.training.ema_decay == 0.0


def test_epochs_of_the_user_are_kept_and_the_average_fits_them() -> None:
    named = with_enough_batches(job(40, epochs=3, ema_decay=0.99), keep_epochs=True).resolved.recipe.training
    assert named.epochs == 3
    assert named.ema_decay == pytest.approx(1 - 6 / 30)
    one = with_enough_batches(job(4, epochs=1, ema_decay=0.99), keep_epochs=True).resolved.recipe.training
    assert one.ema_decay == 0.0


def test_an_average_must_leave_the_initial_weights() -> None:
    assert Length(1, 2, 2.0).enough_epochs == 6
    assert not Length(1, 2, 2.0).is_enough
    assert Length(1, 6, 2.0).is_enough
    assert Length(1, 1, 1.0).is_enough
    assert length_of(job(40, epochs=2, steps_per_epoch=7)).batches == 14


def test_the_length_changes_the_signature() -> None:
    short = job(40, epochs=8)
    assert with_enough_batches(short).resolved.signature != short.resolved.signature
    assert with_enough_batches(replace(short, labels=())).labels == ()
