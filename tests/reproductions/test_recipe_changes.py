"""Recipes with other settings: validated like files, with other signatures."""

from __future__ import annotations

import pytest
from tests.toy import signature_of

from emotone.errors import ConfigError
from emotone.recipes.library import load_recipe
from emotone.recipes.recipe import Recipe
from emotone.reproductions.recipe_changes import changed


def test_settings_in_tables_are_replaced_and_nothing_else() -> None:
    recipe = load_recipe("anger-soundnet")
    assert isinstance(recipe, Recipe)
    found = changed(recipe, (("windows.hop", 0.3), ("training.epochs", 7), ("seed", 5)))
    assert isinstance(found, Recipe)
    assert (found.windows.hop, found.training.epochs, found.seed) == (0.3, 7, 5)
    back = changed(found, (("windows.hop", 0.6), ("training.epochs", recipe.training.epochs), ("seed", recipe.seed)))
    assert back == recipe
    assert recipe.windows.hop == 0.6
    assert changed(recipe, ()) is recipe


def test_baselines_can_be_changed() -> None:
    found = changed(load_recipe("is09-mlp"), (("functionals.feature_set", "IS10"),))
    assert signature_of(found) != signature_of(load_recipe("is09-mlp"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((("windows.hopp", 0.3),), r"anger-soundnet with windows.hopp = 0.3: windows: .*did you mean 'hop'"),
        ((("net.filters", 0),), "at least 1 filter"),
        ((("windows.hop", "often"),), "a value of type float was expected"),
        ((("colour", 1),), "unknown key 'colour'"),
    ],
)
def test_an_invalid_change_is_reported_as_in_a_file(changes: tuple[tuple[str, object], ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        changed(load_recipe("anger-soundnet"), changes)
