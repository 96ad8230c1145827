"""Recipes with other settings: the cells of a table need no recipe file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotone.config import from_mapping, to_mapping

if TYPE_CHECKING:
    from emotone.recipes.library import AnyRecipe
    from emotone.reproductions.base import Changes


def changed(recipe: AnyRecipe, changes: Changes) -> AnyRecipe:
    """Return a recipe with some settings replaced; all settings are validated as those of a file.

    Args:
        recipe: of either kind.
        changes: settings with their values; dots separate tables and keys, as in `net.hidden`.

    Raises:
        ConfigError: an unknown setting, or an invalid value.

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
    shown = ", ".join(f"{setting} = {value!r}" for setting, value in changes)
    return from_mapping(type(recipe), tables, where=f"{recipe.name} with {shown}")


def _set(tables: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        tables = tables.setdefault(name, {})
    tables[path[-1]] = value
