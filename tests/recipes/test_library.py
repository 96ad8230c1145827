"""Recipes of both kinds from files and by name; every shipped recipe is valid."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import tomli_w
from tests.toy import RECIPE_TOML

from emotone.config import to_mapping
from emotone.errors import ConfigError, UnknownNameError
from emotone.features.base import MetadataFunctionals
from emotone.fitting.classical import resolve_baseline
from emotone.fitting.embedding import ResolvedEmbedding
from emotone.fitting.encoder import Encoder
from emotone.fitting.resolve import recipe_signature
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.library import AnyRecipe, load_recipe, shipped_names, shipped_place, shipped_recipes
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

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
