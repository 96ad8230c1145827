"""The space of a search: which settings of a recipe are varied, and between which values; written as TOML.

A table per setting, named after its place in the recipe:

    [training.learning_rate]
    between = [1e-4, 1e-2]      # whole numbers if both limits are whole numbers
    log = true                  # equal chances for equal ratios

    [training.weight_decay]
    times = [0.1, 10.0]         # of the recipe's own value; left out if that is 0
    log = true

    [head.standardisations]
    among = [["stored"], ["stored", "corpus"]]

`emotone/scale/spaces` contains a space for each kind of recipe.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.config import from_mapping, read_toml, to_mapping
from emotone.errors import ConfigError, unknown_name
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.embedding_recipe import EmbeddingRecipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emotone.recipes.library import AnyRecipe

BETWEEN, TIMES, AMONG, LOG = "between", "times", "among", "log"
KINDS = (BETWEEN, TIMES, AMONG)
FOLDER = Path(__file__).resolve().parent / "spaces"


@dataclass(frozen=True)
class Parameter:
    """A setting that is varied.

    Attributes:
        name: its place in the recipe, e.g. "training.learning_rate".
        low: lowest value, of a number.
        high: highest value.
        log: whether ratios count instead of differences.
        whole: whether values are whole numbers.
        among: the values, as JSON, of a setting that is no number; () for a number.
        own: the recipe's value: a number, or JSON; None if it lies outside the space.

    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    among: tuple[str, ...] = ()
    own: float | str | None = None

    def value(self, suggested: float | str) -> Any:
        """Return the value for the recipe, of a suggested number or JSON."""
        return json.loads(suggested) if isinstance(suggested, str) else suggested


@dataclass(frozen=True)
class SearchSpace:
    """The settings that a search varies.

    Attributes:
        parameters: at least one.

    """

    parameters: tuple[Parameter, ...]

    @property
    def own(self) -> dict[str, float | str]:
        """The recipe's own values, by name; those outside the space are left out."""
        return {one.name: one.own for one in self.parameters if one.own is not None}

    def applied(self, recipe: AnyRecipe, suggested: Mapping[str, float | str]) -> AnyRecipe:
        """Return the recipe with suggested values.

        Raises:
            ConfigError: the recipe can't have these values.

        """
        tables = to_mapping(recipe)
        for parameter in self.parameters:
            _put(tables, parameter.name.split("."), parameter.value(suggested[parameter.name]))
        given = ", ".join(f"{name} = {value}" for name, value in suggested.items())
        return from_mapping(type(recipe), tables, where=f"a trial with {given}")


def default_space(recipe: AnyRecipe) -> Path:
    """Return the file of the space for a recipe's kind."""
    if isinstance(recipe, EmbeddingRecipe):
        name = "linear-head" if recipe.head.hidden is None else "hidden-head"
    elif isinstance(recipe, ClassicalRecipe):
        name = "baseline"
    else:
        name = "network" if recipe.training.loss is None else "hinge-network"
    return FOLDER / f"{name}.toml"


def read_space(path: Path, recipe: AnyRecipe) -> SearchSpace:
    """Return the space in a file, for a recipe.

    Raises:
        ConfigError: the file can't be read, a table is no parameter, or a setting is not one of the recipe.

    """
    tables, full = to_mapping(recipe), to_mapping(recipe.written_out())
    found: list[Parameter] = []
    for name, given in _parameters(read_toml(path), "", where=str(path)):
        where = f"{path}: {name}"
        own = _own(full, name, where=where)  # a network's default, for example, which the recipe does not mention
        written = _own(tables, name, where=where)
        found += _parameter(name, given, own if written is None else written, where=where)
    if not found:
        raise ConfigError(
            f"{path}: varies nothing in {recipe.name}; a space has a table per setting, with {_allowed()}"
        )
    return SearchSpace(tuple(found))


def _parameters(tables: Mapping[str, Any], prefix: str, *, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tables of parameters with their names: those that have `between`, `times` or `among`."""
    for key, value in tables.items():
        name = f"{prefix}{key}"
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: {name} is {value!r}; expected a table with {_allowed()}")
        if any(kind in value for kind in KINDS):
            yield name, value
        else:
            yield from _parameters(value, f"{name}.", where=where)


def _parameter(name: str, given: dict[str, Any], own: Any, *, where: str) -> Iterator[Parameter]:
    """Yield the parameter of a table; nothing where 0 would be multiplied."""
    for key in given:
        if key not in {*KINDS, LOG}:
            raise ConfigError(f"{where}: {unknown_name('key', key, (*KINDS, LOG))}")
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) > 1:
        raise ConfigError(f"{where}: has {' and '.join(kinds)}; give one of them")
    values, log = given[kinds[0]], given.get(LOG, False)
    if not isinstance(values, list) or not values:
        raise ConfigError(f"{where}: {kinds[0]} must be a list with at least one value; given {values!r}")
    if kinds[0] == AMONG:
        among = tuple(json.dumps(value, sort_keys=True) for value in values)
        mine = json.dumps(own, sort_keys=True)
        yield Parameter(name, among=among, own=mine if mine in among else None)
        return
    if len(values) != 2 or any(isinstance(one, bool) or not isinstance(one, int | float) for one in values):
        raise ConfigError(f"{where}: {kinds[0]} must be [lowest, highest], two numbers; given {values!r}")
    low, high = values
    if kinds[0] == TIMES:
        if isinstance(own, bool) or not isinstance(own, int | float):
            raise ConfigError(f"{where}: times multiplies a number, and {name} is {own!r} in this recipe")
        if own == 0:
            return
        low, high = low * own, high * own
    whole = isinstance(own, int) or (own is None and all(isinstance(one, int) for one in values))
    low, high = (round(low), round(high)) if whole else (float(low), float(high))
    if low > high or (log and low <= 0):
        raise ConfigError(f"{where}: from {low:g} to {high:g} is no range{' of ratios' if log else ''}")
    inside = isinstance(own, int | float) and low <= own <= high
    yield Parameter(name, low, high, log=bool(log), whole=whole, own=own if inside else None)


def _own(tables: Mapping[str, Any], name: str, *, where: str) -> Any:
    """Return a setting of a recipe; None if it is not set, which only the last part of a name may be."""
    found: Any = tables
    *parents, last = name.split(".")
    for part in parents:
        if not isinstance(found, dict) or part not in found:
            raise ConfigError(f"{where}: {unknown_name('table of this recipe', part, tuple(found or ()))}")
        found = found[part]
    return found.get(last)


def _put(tables: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for part in parents:
        tables = tables.setdefault(part, {})
    tables[last] = value


def _allowed() -> str:
    return "between = [lowest, highest], times = [lowest, highest] or among = [values]"
