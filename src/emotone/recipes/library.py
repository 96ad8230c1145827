"""Recipes of both kinds, from files and by name: those that come with emotone are baselines for everybody's corpora."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from emotone.config import from_mapping, read_toml
from emotone.errors import unknown_name
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

AnyRecipe: TypeAlias = Recipe | ClassicalRecipe
SUFFIX = ".toml"
_FOLDER = Path(__file__).resolve().parent / "shipped"


def shipped_names() -> tuple[str, ...]:
    """Return the names of the recipes that come with emotone, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob(f"*{SUFFIX}")))


def shipped_path(name: str) -> Path:
    """Return the file of a recipe that comes with emotone, or raise `UnknownNameError` with the nearest name."""
    if name not in shipped_names():
        raise unknown_name("recipe", name, shipped_names())
    return _FOLDER / f"{name}{SUFFIX}"


def shipped_recipes() -> Iterator[AnyRecipe]:
    """Yield the recipes that come with emotone, by name."""
    for name in shipped_names():
        yield load_recipe(name)


def load_recipe(what: str) -> AnyRecipe:
    """Return the recipe of a file (`.toml`), or one that comes with emotone, by name.

    Raises:
        ConfigError: no such file, or a wrong key or value, with its place and the nearest valid name.
        UnknownNameError: no such name.

    """
    path = _path(what)
    tables = read_toml(path)
    if "classifier" not in tables and "functionals" not in tables:
        return read_recipe(path)
    return from_mapping(ClassicalRecipe, tables, where=str(path))


def load_net_recipe(what: str) -> Recipe:
    """Return the recipe of a net, in a file or by name; raise `ConfigError` for a baseline, which makes no model."""
    return read_recipe(_path(what))


def _path(what: str) -> Path:
    return Path(what) if what.endswith(SUFFIX) else shipped_path(what)


def relabelled(recipe: AnyRecipe, labels: str) -> AnyRecipe:
    """Return the recipe for another label set."""
    return replace(recipe, labels=labels)
