"""Registries: the members of a package are its modules; a new file is registered without a list to edit.

A member is a module or subpackage whose name does not start with an underscore and that defines the
attribute of the registry (`CORPUS`, `NET`, `FEATURE` ...). Listing names imports no member; `get` imports one module.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar, cast

from emotone.errors import unknown_name

Member = TypeVar("Member")


@dataclass(frozen=True)
class Registry(Generic[Member]):
    """The members of `package`, each the attribute `attribute` of a module named after it.

    Attributes:
        kind: name of a member in messages, e.g. "corpus".
        package: dotted name of the package with one file per member.
        attribute: the module attribute that is the member.

    """

    kind: str
    package: str
    attribute: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every member's name, sorted; underscores of file names become hyphens."""
        package = importlib.import_module(self.package)
        found = (module.name for module in pkgutil.iter_modules(package.__path__))
        members = (name for name in found if not name.startswith("_"))
        return tuple(sorted(name.replace("_", "-") for name in members))

    def get(self, name: str) -> Member:
        """Return the member called `name`; raise `UnknownNameError` with the nearest one otherwise."""
        if name not in self.names:
            raise unknown_name(self.kind, name, self.names)
        module = importlib.import_module(f"{self.package}.{name.replace('-', '_')}")
        return cast("Member", getattr(module, self.attribute))

    def all(self) -> dict[str, Member]:
        """Return every member by name."""
        return {name: self.get(name) for name in self.names}
