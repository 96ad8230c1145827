"""Recipes that differ from another one in a few settings: `base = "NAME"` in a recipe's file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.config import read_toml
from emotone.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BASE = "base"
SUFFIX = ".toml"


def read_tables(path: Path, *, shipped: Callable[[str], Path]) -> dict[str, Any]:
    """Return the tables of a recipe's file, added to those of its base.

    A base is the name of a shipped recipe, or a file (`.toml`) relative to the recipe's; it can have a base itself. A
    setting of the recipe replaces that of the base; settings that it does not mention are the base's.

    Args:
        path: the recipe's file.
        shipped: returns the file of a shipped recipe.

    Raises:
        ConfigError: a file can't be read, a base is no text, or a recipe is its own base.
        UnknownNameError: no such shipped recipe.

    Example:
        >>> from emotone.recipes.library import shipped_path
        >>> tables = read_tables(shipped_path("anger-soundnet-average-wide"), shipped=shipped_path)
        >>> tables["net"], tables["training"]["ema_decay"]
        ({'name': 'soundnet5', 'filters': 256}, 0.99)

    """
    layers: list[dict[str, Any]] = []
    files: list[Path] = []
    waiting: Path | None = path
    while waiting is not None:
        if waiting.resolve() in files:
            chain = " -> ".join(file.name for file in (*files, waiting))
            raise ConfigError(f"{path}: a recipe can't be its own base: {chain}; remove one of these keys `base`")
        files.append(waiting.resolve())
        tables = read_toml(waiting)
        base = tables.pop(BASE, None)
        layers.append(tables)
        waiting = None if base is None else _base_file(base, waiting, shipped=shipped)
    merged: dict[str, Any] = {}
    for tables in reversed(layers):
        merged = _merged(merged, tables)
    return merged


def _base_file(base: object, path: Path, *, shipped: Callable[[str], Path]) -> Path:
    if not isinstance(base, str):
        raise ConfigError(
            f"{path}: base must be the name of a shipped recipe, or a file such as mine{SUFFIX}; given {base!r}"
        )
    return path.parent / Path(base) if base.endswith(SUFFIX) else shipped(base)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables with the changes; tables inside them are merged too, and other values replaced."""
    both = dict(base)
    for key, value in changes.items():
        old = both.get(key)
        both[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both
