"""Registries: the members of a package are its modules; a new file is registered without a list to edit.

A member is a module or subpackage whose name does not start with an underscore and that defines the
attribute of the registry (`CORPUS`, `NET`, `FEATURE` ...). Small members that belong together may share a module: the
package's own file then names them in `MEMBERS`, e.g. `{"srt": "captions.SRT"}`, and the module is no member itself.
Listing names imports no member; `get` imports one module.
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
    """The members of `package`: each the attribute `attribute` of a module named after it, or named in `MEMBERS`.

    Attributes:
        kind: name of a member in messages, e.g. "corpus".
        package: dotted name of the package of the members.
        attribute: the module attribute that is the member, where a module has one.

    """

    kind: str
    package: str
    attribute: str

    @cached_property
    def _places(self) -> dict[str, str]:
        """Module and attribute of each member, with a dot between them."""
        package = importlib.import_module(self.package)
        shared: dict[str, str] = getattr(package, "MEMBERS", {})
        several = {place.partition(".")[0] for place in shared.values()}
        modules = (module.name for module in pkgutil.iter_modules(package.__path__))
        alone = (name for name in modules if not name.startswith("_") and name not in several)
        return {name.replace("_", "-"): f"{name}.{self.attribute}" for name in alone} | shared

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every member's name, sorted; underscores of file names become hyphens."""
        return tuple(sorted(self._places))

    def get(self, name: str) -> Member:
        """Return the member called `name`; raise `UnknownNameError` with the nearest one otherwise."""
        if name not in self._places:
            raise unknown_name(self.kind, name, self.names)
        module, attribute = self._places[name].split(".")
        return cast("Member", getattr(importlib.import_module(f"{self.package}.{module}"), attribute))

    def all(self) -> dict[str, Member]:
        """Return every member by name."""
        return {name: self.get(name) for name in self.names}
