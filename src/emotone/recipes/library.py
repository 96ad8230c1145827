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
from emotone.recipes.inheritance import SUFFIX, read_tables
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

AnyRecipe: TypeAlias = Recipe | ClassicalRecipe | EmbeddingRecipe
_FOLDER = Path(__file__).resolve().parent / "shipped"


def shipped_names() -> tuple[str, ...]:
    """Return the names of the shipped recipes, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob(f"*{SUFFIX}")))


def shipped_path(name: str) -> Path:
    """Return the file of a shipped recipe, or raise `UnknownNameError` with the nearest name."""
    if name not in shipped_names():
        raise unknown_name("recipe", name, shipped_names())
    return _FOLDER / f"{name}{SUFFIX}"


def shipped_recipes() -> Iterator[AnyRecipe]:
    """Yield the shipped recipes, by name."""
    for name in shipped_names():
        yield load_recipe(name)


def load_recipe(name: str) -> AnyRecipe:
    """Return the recipe in a file (`.toml`), or the shipped recipe of this name.

    Raises:
        ConfigError: no such file, or a wrong key or value, with its place and the nearest valid name.
        UnknownNameError: no such name.

    """
    return read_recipe(Path(name)) if name.endswith(SUFFIX) else _shipped_recipe(name)


@functools.cache
def _shipped_recipe(name: str) -> AnyRecipe:
    """Return a shipped recipe, whose file does not change: tables of a reproduction load one for every cell."""
    return read_recipe(shipped_path(name))


def load_net_recipe(name: str) -> Recipe:
    """Return the recipe of a network, from a file or by name; raise `ConfigError` for a baseline."""
    return read_net_recipe(Path(name) if name.endswith(SUFFIX) else shipped_path(name))


def read_recipe(path: Path) -> AnyRecipe:
    """Return the recipe in a TOML file, with the settings of its base (see `emotone.recipes.inheritance`).

    A relative `transfer.source` that exists next to the file is made absolute.

    Raises:
        ConfigError: a wrong key or value, with its place and the nearest valid name.

    """
    tables = read_tables(path, shipped=shipped_path)
    if "classifier" in tables or "functionals" in tables:
        return from_mapping(ClassicalRecipe, tables, where=str(path))
    if "encoder" in tables or "head" in tables:
        return from_mapping(EmbeddingRecipe, tables, where=str(path))
    recipe = from_mapping(Recipe, tables, where=str(path))
    if recipe.transfer is None or not recipe.transfer.source or not (path.parent / recipe.transfer.source).exists():
        return recipe
    return replace(recipe, transfer=replace(recipe.transfer, source=str(path.parent / recipe.transfer.source)))


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
