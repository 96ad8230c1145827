"""Recipes with a base, and files of several recipes: what is merged, what is kept, and which errors there are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emotone.config import to_mapping
from emotone.errors import ConfigError, EmotoneError, UnknownNameError
from emotone.recipes.inheritance import Place, read_tables
from emotone.recipes.library import load_recipe, shipped_names, shipped_place
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

MINE = """
base = "segment-yamnet"
name = "mine"

[windows]
hop = 0.25
"""
SEVERAL = """
labels = "four"
net.name = "log-mel-cnn"
windows = { seconds = 3.0, hop = 1.0 }

[recipes.first]
training.epochs = 3

[recipes.second]
base = "first"
labels = "seven"
windows.hop = 0.5

[recipes.third]
base = "small"
training.epochs = 4
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
    assert read_tables(Place(path), shipped=shipped_place) == {"a": [3], "b": 2, "d": {"e": 1, "f": 2}}


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


def test_recipes_of_one_file_share_its_settings_and_can_be_each_others_base(tmp_path: Path) -> None:
    path = tmp_path / "several.toml"
    path.write_text(SEVERAL)
    first, second, third = (load_recipe(f"{path}:{name}") for name in ("first", "second", "third"))
    assert isinstance(first, Recipe)
    assert isinstance(second, Recipe)
    assert isinstance(third, Recipe)
    assert (first.name, first.labels, first.windows.seconds, first.windows.hop) == ("first", "four", 3.0, 1.0)
    assert (second.name, second.labels, second.windows.seconds, second.windows.hop) == ("second", "seven", 3.0, 0.5)
    assert first.training == second.training
    assert first.training.epochs == 3
    small = load_recipe("small")
    assert isinstance(small, Recipe)  # a recipe with a base does not start from the file's own settings
    assert third == replace(small, name="third", training=replace(small.training, epochs=4))


def test_a_base_can_be_one_of_several_recipes_in_another_file(tmp_path: Path) -> None:
    (tmp_path / "several.toml").write_text(SEVERAL)
    (tmp_path / "mine.toml").write_text('base = "several.toml:second"\nname = "mine"\n')
    assert load_recipe(str(tmp_path / "mine.toml")) == replace(
        load_recipe(f"{tmp_path / 'several.toml'}:second"), name="mine"
    )


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (SEVERAL, "", r"several\.toml has several recipes; name one, e\.g\. .*several\.toml:first"),
        (SEVERAL, ":frist", r"unknown recipe in .*several\.toml 'frist'; did you mean 'first'\?"),
        (MINE, ":mine", r"several\.toml has one recipe; name it without :mine"),
        ('[recipes.a]\nname = "b"\n', ":a", r"has the name of its table, \[recipes\.NAME\]; remove .* given 'b'"),
        ("[recipes]\na = 1\n", ":a", r"recipes must be tables such as \[recipes\.mine\]"),
        ('[recipes.a]\nbase = "b"\n[recipes.b]\nbase = "a"\n', ":a", "own base: a -> b -> a; remove one"),
        ('labels = "four"\n[recipes.a]\nseeds = 1\n', ":a", r"several\.toml:a: unknown key 'seeds'; .* 'seed'"),
    ],
)
def test_a_wrong_file_of_several_recipes_is_refused(tmp_path: Path, text: str, name: str, message: str) -> None:
    path = tmp_path / "several.toml"
    path.write_text(text)
    with pytest.raises(EmotoneError, match=message):
        load_recipe(f"{path}{name}")


def test_a_shipped_recipe_is_in_the_file_of_its_family() -> None:
    assert str(shipped_place("spectrogram-er1")).endswith("spectrogram-cnn-lstm.toml:spectrogram-er1")
    assert len({shipped_place(name).path for name in shipped_names()}) < len(shipped_names()) / 5
