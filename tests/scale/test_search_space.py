"""Spaces of settings: read from TOML, applied to recipes, and refused where they do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emotone.errors import ConfigError, UsageError
from emotone.recipes.library import load_recipe, shipped_recipes
from emotone.recipes.recipe import Recipe
from emotone.scale.search_space import default_space, read_space

if TYPE_CHECKING:
    from pathlib import Path


def test_every_shipped_recipe_has_a_space_that_it_can_take() -> None:
    for recipe in shipped_recipes():
        space = read_space(default_space(recipe), recipe)
        for edge in (
            {one.name: one.among[0] if one.among else one.low for one in space.parameters},
            {one.name: one.among[-1] if one.among else one.high for one in space.parameters},
        ):
            if isinstance(recipe, Recipe) and recipe.training.optimizer == "adadelta":
                assert "training.weight_decay" not in space.own
            assert space.applied(recipe, edge).name == recipe.name


def test_the_own_settings_of_a_recipe_change_nothing() -> None:
    for name in ("small", "whisper-base", "default", "is10-linear-svm"):
        recipe = load_recipe(name)
        space = read_space(default_space(recipe), recipe)
        assert len(space.own) == len(space.parameters), name
        assert space.applied(recipe, space.own) == recipe


def test_kinds_of_ranges(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text(
        "[training.learning_rate]\ntimes = [0.5, 2.0]\nlog = true\n[training.epochs]\nbetween = [1, 20]\n"
        "[training.mixup]\ntimes = [1, 2]\n[net.hidden]\namong = [4, 8]\n"
    )
    rate, epochs, hidden = read_space(path, load_recipe("small")).parameters  # mixup is 0: nothing to multiply
    assert (rate.low, rate.high, rate.log, rate.own) == (0.001, 0.004, True, 0.002)
    assert (epochs.low, epochs.high, epochs.whole, epochs.own) == (1, 20, True, 10)
    assert (hidden.among, hidden.own, hidden.value("8")) == (("4", "8"), None, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "varies nothing in small"),
        ("[training.learning_rates]\namong = [1]", "unknown"),
        ("[trainin.epochs]\namong = [1]", "unknown table of this recipe 'trainin'; did you mean 'training'"),
        ("[training.epochs]\namong = [1]\nbetween = [1, 2]", "has between and among; give one of them"),
        ("[training.epochs]\nbetween = [1, 2]\nlogs = true", "unknown key 'logs'"),
        ("[training.epochs]\nbetween = [1]", r"must be \[lowest, highest\], two numbers"),
        ("[training.epochs]\nbetween = [3, 2]", "from 3 to 2 is no range"),
        ("[training.epochs]\nbetween = [0, 2]\nlog = true", "is no range of ratios"),
        ("[training.epochs]\namong = []", "must be a list with at least one value"),
        ("[training.monitor]\ntimes = [1, 2]", "times multiplies a number, and training.monitor is 'uar'"),
        ("epochs = 3", "epochs is 3; expected a table"),
    ],
)
def test_a_wrong_space_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "space.toml").write_text(text)
    with pytest.raises((ConfigError, UsageError), match=message):
        lowest_of(tmp_path / "space.toml")


def lowest_of(path: Path) -> None:
    """Give the recipe `small` the first value of every setting of a space."""
    recipe = load_recipe("small")
    space = read_space(path, recipe)
    space.applied(recipe, {one.name: one.among[0] for one in space.parameters})
