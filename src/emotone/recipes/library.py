"""Recipes of all kinds, from files and by name; the shipped ones are in the package."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from emotone.config import from_mapping
from emotone.errors import ConfigError, unknown_name
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.inheritance import SUFFIX, Place, RecipeFile, parse_place, read_file, read_tables
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

AnyRecipe: TypeAlias = Recipe | ClassicalRecipe | EmbeddingRecipe
_FOLDER = Path(__file__).resolve().parent / "shipped"


def shipped_names() -> tuple[str, ...]:
    """Return the names of the shipped recipes, sorted."""
    return tuple(sorted(_shipped_places()))


def source_recipes() -> dict[str, Path]:
    """Return the files of the shipped recipes of sources, which `emotone sources train` takes, by name."""
    return {path.stem: path for path in sorted((_FOLDER / "sources").glob(f"*{SUFFIX}"))}


def shipped_place(name: str) -> Place:
    """Return the file that a shipped recipe is in, or raise `UnknownNameError` with the nearest name."""
    if name not in _shipped_places():
        raise unknown_name("recipe", name, shipped_names())
    return _shipped_places()[name]


def shipped_recipes() -> Iterator[AnyRecipe]:
    """Yield the shipped recipes, by name."""
    for name in shipped_names():
        yield load_recipe(name)


def load_recipe(name: str) -> AnyRecipe:
    """Return the recipe in a file (`FILE.toml`, or `FILE.toml:NAME`), or the shipped recipe of this name.

    Raises:
        ConfigError: no such file, or a wrong key or value, with its place and the nearest valid name.
        UnknownNameError: no such name.

    """
    place = parse_place(name)
    return _shipped_recipe(name) if place is None else read_recipe(place)


def load_net_recipe(name: str) -> Recipe:
    """Return the recipe of a network, from a file or by name; raise `ConfigError` for a recipe of another kind."""
    return net_recipe(load_recipe(name), name)


@functools.cache
def _shipped_places() -> dict[str, Place]:
    return {name: Place(path, name) for path in _FOLDER.glob(f"*{SUFFIX}") for name in _shipped_file(path).recipes}


def _read_file(path: Path) -> RecipeFile:
    return _shipped_file(path) if path.parent == _FOLDER else read_file(path)


@functools.cache
def _shipped_file(path: Path) -> RecipeFile:
    return read_file(path)


@functools.cache
def _shipped_recipe(name: str) -> AnyRecipe:
    """Return a shipped recipe, whose file does not change: tables of a reproduction load one for every cell."""
    return read_recipe(shipped_place(name))


def read_recipe(place: Path | Place) -> AnyRecipe:
    """Return the recipe in a TOML file, with the settings of its base (see `emotone.recipes.inheritance`).

    A relative `transfer.source` that exists next to the file is made absolute.

    Raises:
        ConfigError: a wrong key or value, with its place and the nearest valid name.

    """
    place = Place(place) if isinstance(place, Path) else place
    folder, where = place.path.parent, str(place)
    tables = read_tables(place, shipped=shipped_place, read=_read_file)
    if "classifier" in tables or "functionals" in tables:
        return from_mapping(ClassicalRecipe, tables, where=where)
    if "encoder" in tables or "head" in tables:
        return from_mapping(EmbeddingRecipe, tables, where=where)
    recipe = from_mapping(Recipe, tables, where=where)
    if recipe.transfer is None or not recipe.transfer.source or not (folder / recipe.transfer.source).exists():
        return recipe
    return replace(recipe, transfer=replace(recipe.transfer, source=str(folder / recipe.transfer.source)))


def read_net_recipe(path: Path) -> Recipe:
    """Return the recipe of a network in a TOML file; raise `ConfigError` for a recipe of another kind."""
    return net_recipe(read_recipe(path), path)


def net_recipe(recipe: AnyRecipe, where: str | Path) -> Recipe:
    """Return a recipe that was read from `where` if it is that of a network, or raise `ConfigError`."""
    if isinstance(recipe, EmbeddingRecipe):
        raise ConfigError(f"{where} fits a head on a frozen encoder and trains no network")
    if isinstance(recipe, ClassicalRecipe):
        raise ConfigError(
            f"{where} is a baseline: it has a classifier and no net. Use emotone evaluate; only networks become models"
        )
    return recipe


def relabelled(recipe: AnyRecipe, labels: str) -> AnyRecipe:
    """Return the recipe for another label set."""
    return replace(recipe, labels=labels)
