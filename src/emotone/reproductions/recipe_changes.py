"""Recipes with other settings: what the cells of a table differ in, without a recipe's file for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotone.config import from_mapping, to_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emotone.recipes.library import AnyRecipe
    from emotone.reproductions.base import Changes


def changed(recipe: AnyRecipe, changes: Changes) -> AnyRecipe:
    """Return a recipe with some settings replaced; every one is checked as in a recipe's file.

    Args:
        recipe: of either kind.
        changes: pairs of a setting and its value; dots lead into tables, as in `net.hidden`.

    Raises:
        ConfigError: no such setting, or a value that can't be.

    Example:
        >>> from emotone.recipes.library import load_recipe
        >>> recipe = changed(load_recipe("anger-soundnet"), (("windows.hop", 0.3), ("net.filters", 256)))
        >>> recipe.windows.hop, recipe.net["filters"], recipe.transfer.plan
        (0.3, 256, 'anger-2')

    """
    if not changes:
        return recipe
    tables = to_mapping(recipe)
    for setting, value in changes:
        _set(tables, setting.split("."), value)
    return from_mapping(type(recipe), tables, where=f"{recipe.name} with {_said(changes)}")


def _set(tables: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        tables = tables.setdefault(name, {})
    tables[path[-1]] = value


def _said(changes: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{setting} = {value!r}" for setting, value in changes)
