"""Recipes of recognisers: defaults of the paper, ranges, and what tells them from recipes of students."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emotone.errors import ConfigError, UnknownNameError
from emotone.recipes.recogniser_recipe import (
    CtcSettings,
    RecogniserRecipe,
    is_recogniser_recipe,
    read_recogniser_recipe,
)

if TYPE_CHECKING:
    from pathlib import Path

TOML = 'name = "mine"\ncorpora = ["librispeech"]\nunits = 8\n[training]\nepochs = 2\n'


def test_defaults_are_those_of_the_paper(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    recipe = read_recogniser_recipe(tmp_path / "mine.toml")
    assert (recipe.units, recipe.layers, recipe.max_seconds) == (8, 5, 15.0)
    assert (recipe.training.epochs, recipe.training.learning_rate, recipe.training.division) == (2, 3e-4, 1.1)
    assert recipe.recogniser.units == 8


def test_the_key_corpora_tells_a_recogniser_from_a_student(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    (tmp_path / "student.toml").write_text('name = "mine"\n')
    assert is_recogniser_recipe(tmp_path / "mine.toml")
    assert not is_recogniser_recipe(tmp_path / "student.toml")


def test_the_signature_depends_on_what_affects_the_weights() -> None:
    recipe = RecogniserRecipe("mine", ("librispeech",))
    assert recipe.signature == RecogniserRecipe("other", ("librispeech",), description="x").signature
    assert recipe.signature != RecogniserRecipe("mine", ("librispeech",), layers=4).signature
    assert recipe.signature != RecogniserRecipe("mine", ("librispeech",), training=CtcSettings(momentum=0.9)).signature


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"corpora": ()}, ConfigError, r"needs corpora to train on; there are librispeech, manifest, ted-lium"),
        ({"corpora": ("librispech",)}, UnknownNameError, r"unknown transcribed corpus 'librispech'; did you mean"),
        ({"held_out_share": 0.0}, ConfigError, r"held_out_share must be between 0.001 and 0.9; given 0"),
        ({"characters": "AA"}, ConfigError, r"each once; given 'AA'"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        RecogniserRecipe(**{"name": "mine", "corpora": ("librispeech",), **changes})


def test_numbers_of_the_training_are_in_their_ranges() -> None:
    with pytest.raises(ConfigError, match=r"training: division must be between 1 and 10; given 0.9"):
        CtcSettings(division=0.9)
