"""Recipes of all kinds, from files and by name, and how one differs from another: `base`, and files with several.

A file has the settings of one recipe, or of several that belong together:

    labels = "four"                   # settings of every recipe in this file
    [windows]
    seconds = 1.0

    [recipes.small-steps]             # a recipe by its name: only what differs
    description = "A small learning rate"
    training.learning_rate = 0.0001

    [recipes.many-epochs]
    base = "small-steps"              # what differs from another recipe
    training.epochs = 100

A recipe is named by its file (`mine.toml`), and in a file of several by file and name (`mine.toml:many-epochs`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from emotone.config import from_mapping, read_toml
from emotone.errors import ConfigError, unknown_name
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BASE = "base"
RECIPES = "recipes"
SUFFIX = ".toml"


@dataclass(frozen=True)
class Place:
    """Where a recipe is written.

    Attributes:
        path: of the file.
        name: of the recipe, in a file of several; "" is the whole file.

    """

    path: Path
    name: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.name}" if self.name else str(self.path)


def parse_place(text: str, *, folder: Path | None = None) -> Place | None:
    """Return the place `FILE.toml` or `FILE.toml:NAME`, or None if the text does not name a file.

    Args:
        text: as given on the command line, or as a base.
        folder: where relative paths start; the current one by default.

    Example:
        >>> str(parse_place("mine.toml:many-epochs")), parse_place("default")
        ('mine.toml:many-epochs', None)

    """
    file, separator, name = text.rpartition(f"{SUFFIX}:")
    if not separator:
        file, name = text.removesuffix(SUFFIX), ""
        if file == text:
            return None
    path = Path(file + SUFFIX)
    return Place(path if folder is None else folder / path, name)


@dataclass(frozen=True)
class RecipeFile:
    """What a file contains.

    Attributes:
        path: of the file.
        shared: the settings of its one recipe, or those that its recipes share.
        recipes: what each of several recipes sets itself, by name; empty for a file of one.

    """

    path: Path
    shared: Mapping[str, Any]
    recipes: Mapping[str, Mapping[str, Any]]


def read_file(path: Path) -> RecipeFile:
    """Return what a file contains; raise `ConfigError` for a file that can't be read, or recipes that are no tables."""
    shared = read_toml(path)
    if RECIPES not in shared:
        return RecipeFile(path, shared, {})
    recipes = shared.pop(RECIPES)
    if not isinstance(recipes, dict) or not recipes or not all(isinstance(one, dict) for one in recipes.values()):
        raise ConfigError(f"{path}: recipes must be tables such as [recipes.mine]")
    for tables in (shared, *recipes.values()):
        if "name" in tables:
            raise ConfigError(
                f"{path}: a recipe among several has the name of its table, [recipes.NAME]; remove the key name, "
                f"given {tables['name']!r}"
            )
    return RecipeFile(path, shared, recipes)


def read_tables(
    place: Place, *, shipped: Callable[[str], Place], read: Callable[[Path], RecipeFile] = read_file
) -> dict[str, Any]:
    """Return the tables of a recipe, added to those of its base.

    A base is another recipe in the same file, the name of a shipped recipe, or `FILE.toml` or `FILE.toml:NAME` relative
    to the recipe's file; it can have a base itself. In a file of several recipes, those without a base start from the
    settings outside the table `recipes`. A setting of the recipe replaces that of the base; settings that it does not
    mention are the base's.

    Args:
        place: of the recipe.
        shipped: returns the place of a shipped recipe.
        read: returns what a file contains; `read_file`, or one that remembers files.

    Raises:
        ConfigError: a file can't be read, has several recipes of which none is named, a base is no text, or a recipe is
            its own base.
        UnknownNameError: no such recipe in the file, or no such shipped recipe.

    Example:
        >>> from emotone.recipes.library import shipped_place
        >>> tables = read_tables(shipped_place("anger-soundnet-average-wide"), shipped=shipped_place)
        >>> tables["net"], tables["training"]["ema_decay"]
        ({'name': 'soundnet5', 'filters': 256}, 0.99)

    """
    layers: list[dict[str, Any]] = []
    places: list[Place] = []
    waiting: Place | None = place
    while waiting is not None:
        if Place(waiting.path.resolve(), waiting.name) in places:
            chain = " -> ".join(one.name or one.path.name for one in (*places, waiting))
            raise ConfigError(f"{place}: a recipe can't be its own base: {chain}; remove one of these keys `base`")
        places.append(Place(waiting.path.resolve(), waiting.name))
        file = read(waiting.path)
        if file.recipes and not place.name and waiting is place:
            raise ConfigError(f"{place} has several recipes; name one, e.g. {place}:{next(iter(file.recipes))}")
        tables = _own_tables(file, waiting.name)
        base = tables.pop(BASE, None)
        layers.append(tables)
        if base is not None:
            waiting = _base_place(base, waiting, siblings=file.recipes, shipped=shipped)
        else:
            waiting = Place(waiting.path) if waiting.name else None
    merged: dict[str, Any] = {"name": place.name} if place.name else {}
    for tables in reversed(layers):
        merged = _merged(merged, tables)
    return merged


def _own_tables(file: RecipeFile, name: str) -> dict[str, Any]:
    if not name:
        return dict(file.shared)
    if not file.recipes:
        raise ConfigError(f"{file.path} has one recipe; name it without :{name}")
    if name not in file.recipes:
        raise unknown_name(f"recipe in {file.path}", name, file.recipes)
    return dict(file.recipes[name])


def _base_place(base: object, place: Place, *, siblings: Mapping[str, Any], shipped: Callable[[str], Place]) -> Place:
    if not isinstance(base, str):
        raise ConfigError(
            f"{place}: base must be the name of a shipped recipe, or a file such as mine{SUFFIX}; given {base!r}"
        )
    if base in siblings:
        return Place(place.path, base)
    return parse_place(base, folder=place.path.parent) or shipped(base)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return tables with the changes; tables inside them are merged too, and other values replaced."""
    both = dict(base)
    for key, value in changes.items():
        old = both.get(key)
        both[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


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
    """Return the recipe in a TOML file, with the settings of its base (see `emotone.recipes.library`).

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
