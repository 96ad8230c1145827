"""Frozen dataclasses to and from TOML, and the hash that names a result: unknown keys are errors."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import re
import sys
import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from emotone.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import DataclassInstance

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Spec = TypeVar("Spec", bound="DataclassInstance")
SIGNATURE_LENGTH = 12  # hex digits: 48 bits, ample for the runs of one project
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")  # also names folders and files


def check_name(name: str) -> None:
    """Raise `ConfigError` for a name of a recipe or bundle that is not a valid folder name on every system."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"name '{name}' must be lower-case letters, digits, '.', '-' or '_'")


def check_ranges(spec: DataclassInstance, *, where: str, **ranges: tuple[float, float]) -> None:
    """Raise `ConfigError` for the first setting outside its range (lowest, highest), limits included."""
    for name, (low, high) in ranges.items():
        value = getattr(spec, name)
        if not low <= value <= high:
            raise ConfigError(f"{where}: {name} must be between {low:g} and {high:g}; given {value:g}")


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; a missing file or a syntax error raises `ConfigError`."""
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: it is not UTF-8 text") from error
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror or error}") from error


def from_mapping(cls: type[Spec], values: Mapping[str, Any], *, where: str) -> Spec:
    """Build the dataclass `cls` from nested tables, checking every key and type.

    Args:
        cls: a dataclass whose fields are scalars, tuples, mappings of scalars, or further dataclasses.
        values: parsed TOML.
        where: name of the place in messages, e.g. "recipe.toml".

    Raises:
        ConfigError: an unknown key, a value of another type, or a missing key.

    """
    hints = _type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in values:
        if key not in fields:
            raise ConfigError(f"{where}: {unknown_name('key', key, fields)}")
    given = {key: _convert(hints[key], value, where=f"{where}: {key}") for key, value in values.items()}
    missing = [
        name
        for name, field in fields.items()
        if name not in given and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: missing {', '.join(missing)}")
    return cls(**given)


@functools.cache
def _type_hints(cls: type) -> dict[str, Any]:
    """Return the evaluated annotations of a class: half the time of reading a recipe, so evaluated once."""
    return typing.get_type_hints(cls)


def to_mapping(spec: DataclassInstance) -> dict[str, Any]:
    """Return nested plain tables with every setting. TOML has no null: a field that is None is left out."""
    values = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return {name: _plain(value) for name, value in values.items() if value is not None}


def signature(*parts: object) -> str:
    """Return a stable hash of dataclasses, mappings and scalars: equal content, equal hash, on any machine."""
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:SIGNATURE_LENGTH]


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _convert(hint: Any, value: object, *, where: str) -> Any:
    """Return `value` converted to the type `hint`, or raise `ConfigError`."""
    origin = typing.get_origin(hint)
    if origin in {typing.Union, types.UnionType}:
        return _convert_union(hint, value, where=where)
    if origin is typing.Literal:
        if value not in typing.get_args(hint):
            raise ConfigError(f"{where}: {unknown_name('value', str(value), map(str, typing.get_args(hint)))}")
        return value
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: a table was expected, {value!r} was given")
        return from_mapping(typing.cast("type[DataclassInstance]", hint), value, where=where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: a list was expected, {value!r} was given")
        return tuple(_convert(typing.get_args(hint)[0], item, where=where) for item in value)
    if origin in {dict, Mapping}:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: a table was expected, {value!r} was given")
        item_hint = typing.get_args(hint)[1]
        return {str(key): _convert(item_hint, item, where=f"{where}.{key}") for key, item in value.items()}
    return _convert_scalar(hint, value, where=where)


def _convert_union(hint: Any, value: object, *, where: str) -> Any:
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    if value is None:
        return None
    errors = []
    for option in options:
        try:
            return _convert(option, value, where=where)
        except ConfigError as error:
            errors.append(error)
    raise errors[0]


def _convert_scalar(hint: Any, value: object, *, where: str) -> Any:
    if hint is typing.Any:
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value, where=where)
    if not isinstance(value, hint) or (hint in {int, float} and isinstance(value, bool)):
        raise ConfigError(f"{where}: a value of type {hint.__name__} was expected, {value!r} was given")
    return value


def _finite(value: float, *, where: str) -> float:
    """Return `value`; TOML has nan, inf and integers of any length, which are not valid settings."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(f"{where}: a finite number was expected, {value!r} was given")
    return number
