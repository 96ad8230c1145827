"""The library of recipes, and inheritance between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import tomli_w
from tests.toy import RECIPE_TOML

from emotone.config import to_mapping
from emotone.errors import ConfigError, EmotoneError, UnknownNameError
from emotone.features.base import MetadataFunctionals
from emotone.fitting.classical import resolve_baseline
from emotone.fitting.embedding import ResolvedEmbedding
from emotone.fitting.encoder import Encoder
from emotone.fitting.resolve import recipe_signature
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.library import (
    AnyRecipe,
    Place,
    load_recipe,
    read_tables,
    shipped_names,
    shipped_place,
    shipped_recipes,
)
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# Recipes of both kinds from files and by name; every shipped recipe is valid.

FEATURES = {"is09": "IS09", "is10": "IS10", "egemaps": "eGeMAPSv02", "compare": "ComParE_2016"}
CLASSIFIERS = ("linear-svm", "rbf-svm", "logistic-regression", "mlp")


def test_every_feature_set_comes_with_every_classifier() -> None:
    assert set(shipped_names()) >= {f"{short}-{name}" for short in FEATURES for name in CLASSIFIERS}
    assert set(shipped_names()) >= {"majority", "chance", "default", "default-open", "anger"}


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_recipe_has_the_name_it_is_listed_by_and_a_description(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert not recipe.description.endswith(".")
    short, _, classifier = name.partition("-")
    if isinstance(recipe, ClassicalRecipe) and short in FEATURES:
        assert recipe.functionals == {"name": "opensmile", "feature_set": FEATURES[short]}
        assert recipe.classifier == {"name": classifier}


def signature_of(recipe: AnyRecipe) -> str:
    """Return the signature of a recipe, with a hash instead of the weights that it loads."""
    if isinstance(recipe, ClassicalRecipe):
        return resolve_baseline(recipe).signature
    if isinstance(recipe, EmbeddingRecipe):  # without the encoder, whose weights are no part of the package
        return ResolvedEmbedding(recipe, Encoder("encoder", "0" * 64, 1536)).signature
    if recipe.transfer is None or recipe.pretraining is not None:
        return recipe_signature(recipe)
    return recipe_signature(replace(recipe, transfer=replace(recipe.transfer, sha256="0" * 64)))


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_recipe_written_out_reads_back_to_the_same_signature(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    path = tmp_path / "mine.toml"
    path.write_text(tomli_w.dumps(to_mapping(recipe.written_out())), encoding="utf-8")
    assert load_recipe(str(path)) == recipe.written_out()
    assert signature_of(load_recipe(str(path))) == signature_of(recipe)


def test_no_two_shipped_recipes_are_the_same() -> None:
    """The licence counts: `default-open` is `default` on other corpora."""
    recipes = [(signature_of(recipe), getattr(recipe, "licence", "")) for recipe in shipped_recipes()]
    assert len(set(recipes)) == len(recipes)


def test_the_number_of_values_in_a_description_is_right() -> None:
    pytest.importorskip("opensmile", reason="the extra 'baselines' is not installed")
    for short in FEATURES:
        recipe = load_recipe(f"{short}-linear-svm")
        assert isinstance(recipe, ClassicalRecipe)
        spec = recipe.functionals_spec
        assert not isinstance(spec, MetadataFunctionals)
        assert f"({len(spec.names):,} values)" in recipe.description


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("is10-linear-svn", "is10-linear-svm"), ("majorty", "majority"), ("egemaps-rbf", "egemaps-rbf-svm")],
)
def test_an_unknown_name_suggests_the_nearest(given: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown recipe '{given}'; did you mean '{nearest}'"):
        load_recipe(given)
    with pytest.raises(UnknownNameError, match="unknown recipe"):
        shipped_place(given)


def test_a_file_is_a_net_or_a_baseline_by_its_tables(tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text(RECIPE_TOML, encoding="utf-8")
    assert isinstance(load_recipe(str(tmp_path / "net.toml")), Recipe)
    (tmp_path / "one.toml").write_text('name = "a"\nlabels = "every"\n[classifier]\nname = "mlp"\n', encoding="utf-8")
    one = load_recipe(str(tmp_path / "one.toml"))
    assert isinstance(one, ClassicalRecipe)
    assert one.functionals == {"name": "opensmile"}
    (tmp_path / "two.toml").write_text('name = "a"\nlabels = "every"\n[functionals]\nname = "loudness"\n')
    two = load_recipe(str(tmp_path / "two.toml"))
    assert isinstance(two, ClassicalRecipe)
    assert two.classifier == {"name": "linear-svm"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('labels = "every"\n[classifier]\nname = "mlp"', r"mine\.toml: missing name"),
        (
            'name = "a"\nlabels = "every"\nseeds = 3\n[classifier]\nname = "mlp"',
            "unknown key 'seeds'; did you mean 'seed'",
        ),
        ('name = "a"\nlabels = "every"\n[classifier]\nname = "mlp"\nhiden = 3', "unknown key 'hiden'; .*'hidden'"),
        ('name = "a"\nlabels = "every"\nclassifier = "mlp"', "classifier: a table was expected, 'mlp' was given"),
        ('name = "a"\nlabels = ', r"mine\.toml is not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_recipe(str(tmp_path / "mine.toml"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read .*nowhere\.toml"):
        load_recipe(str(tmp_path / "nowhere.toml"))


# ----------------------------------------------------------------------------------------------------------------------
# Recipes with a base, and files of several recipes: what is merged, what is kept, and which errors there are.

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
