"""Patterns of layers, and the tensors that they match."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from emotone.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCKS = "blocks."  # prefix of layers in emotone's networks; patterns omit it


def select(patterns: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of tensors that match any of the patterns, in the order of `names`.

    A pattern is a layer (`conv1`) or a part of one (`conv1.norm`, `pool.weigh.bias`). The wildcards `*`, `?` and
    `[1-3]` match characters other than dots. A pattern matches every tensor of the layers or parts that it names.

    Args:
        patterns: each must match something.
        names: of tensors, as in a network's `state_dict`.

    Raises:
        UnknownNameError: a pattern matches nothing; the message has the closest name.

    Example:
        >>> names = ["blocks.conv1.norm.bias", "blocks.conv2.norm.bias", "blocks.pool.bias"]
        >>> select(["conv[12]"], names)
        ('blocks.conv1.norm.bias', 'blocks.conv2.norm.bias')

    """
    known = tuple(names)
    chosen: set[str] = set()
    for pattern in patterns:
        found = [name for name in known if _matches(pattern, name)]
        if not found:
            raise _no_match(pattern, known)
        chosen.update(found)
    return tuple(name for name in known if name in chosen)


def layer_of(name: str) -> str:
    """Return the layer that a tensor belongs to.

    Example:
        >>> layer_of("blocks.conv1.norm.bias")
        'conv1'

    """
    return name.removeprefix(BLOCKS).split(".", maxsplit=1)[0]


def _matches(pattern: str, name: str) -> bool:
    wanted, parts = _parts(pattern), _parts(name)
    return len(wanted) <= len(parts) and all(map(fnmatchcase, parts, wanted))


def _parts(name: str) -> list[str]:
    return name.removeprefix(BLOCKS).split(".")


def _no_match(pattern: str, names: tuple[str, ...]) -> UnknownNameError:
    """Return the error of a pattern without a match; it lists layers, and suggests parts of layers too."""
    layers = list(dict.fromkeys(layer_of(name) for name in names))
    prefixes = {".".join(_parts(name)[:depth]) for name in names for depth in range(1, len(_parts(name)) + 1)}
    close = difflib.get_close_matches(pattern.removeprefix(BLOCKS), sorted(prefixes), n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    return UnknownNameError(f"no layer matches '{pattern}'{hint} Layers with weights: {', '.join(layers) or 'none'}")
