"""Recipes with a base: settings are merged, the base's are kept, and wrong bases are errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emotone.config import to_mapping
from emotone.errors import ConfigError, UnknownNameError
from emotone.recipes.inheritance import read_tables
from emotone.recipes.library import load_recipe, shipped_path
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

MINE = """
base = "segment-yamnet"
name = "mine"

[windows]
hop = 0.25
"""


def test_settings_that_a_recipe_does_not_mention_are_those_of_its_base(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    mine, base = load_recipe(str(path)), load_recipe("segment-yamnet")
    assert isinstance(mine, Recipe)
    assert isinstance(base, Recipe)
    expected = to_mapping(base)
    expected["name"] = "mine"
    expected["windows"] = {**expected["windows"], "hop": 0.25}
    assert to_mapping(mine) == expected


def test_a_base_can_be_a_file_and_have_a_base(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text(MINE)
    path = tmp_path / "second.toml"
    path.write_text('base = "first.toml"\nname = "second"\n[net]\nhidden = 10\n')
    second = load_recipe(str(path))
    assert isinstance(second, Recipe)
    assert (second.windows.hop, second.net) == (0.25, {"name": "yamnet", "hidden": 10, "offset": 0.001})


def test_a_value_replaces_a_table_and_lists_are_not_merged(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text("a = [1, 2]\n[b]\nc = 1\n[d]\ne = 1\n")
    path = tmp_path / "second.toml"
    path.write_text('base = "first.toml"\na = [3]\nb = 2\n[d]\nf = 2\n')
    assert read_tables(path, shipped=shipped_path) == {"a": [3], "b": 2, "d": {"e": 1, "f": 2}}


def test_a_recipe_is_not_its_own_base(tmp_path: Path) -> None:
    path = tmp_path / "first.toml"
    path.write_text('base = "second.toml"\n')
    (tmp_path / "second.toml").write_text('base = "first.toml"\n')
    with pytest.raises(ConfigError, match=r"own base: first\.toml -> second\.toml -> first\.toml; remove one"):
        load_recipe(str(path))


def test_a_base_is_a_name_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("base = 1\n")
    with pytest.raises(ConfigError, match=r"base must be the name of a shipped recipe, or a file .*; given 1"):
        load_recipe(str(path))
    path.write_text('base = "segment-yament"\n')
    with pytest.raises(UnknownNameError, match=r"unknown recipe 'segment-yament'; did you mean 'segment-yamnet'\?"):
        load_recipe(str(path))
    path.write_text('base = "none.toml"\n')
    with pytest.raises(ConfigError, match=r"can't read .*none\.toml"):
        load_recipe(str(path))
