"""Several functionals, concatenated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError
from emotone.features.base import FUNCTIONALS as MEMBERS
from emotone.features.base import MetadataFunctionals

if TYPE_CHECKING:
    from emotone.features.base import Functionals
    from emotone.types import Array, Hertz


@dataclass(frozen=True)
class ConcatenatedFunctionals:
    """The vectors of other functionals with their default settings, concatenated.

    Attributes:
        members: names of at least two different functionals with the same sampling rate.
        versions: of the members, filled in automatically, so that cached values of other versions are not used.

    """

    version: ClassVar[int] = 1

    members: tuple[str, ...] = ("duration", "loudness", "spectral-tilt")
    versions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.members) < 2 or len(set(self.members)) < len(self.members) or "joined" in self.members:
            raise ConfigError(f"members must be at least two different functionals; given {list(self.members)}")
        parts = self._parts
        rates = {name: part.rate for name, part in zip(self.members, parts, strict=True)}
        if len(set(rates.values())) > 1:
            raise ConfigError(f"members must have the same sampling rate; given {rates}")
        now = tuple(part.version for part in parts)
        if self.versions not in {(), now}:
            raise ConfigError(
                f"versions {list(self.versions)} of {list(self.members)} are not available; "
                f"the present ones are {list(now)}"
            )
        object.__setattr__(self, "versions", now)

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        return self._parts[0].rate

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value, prefixed by its member."""
        pairs = zip(self.members, self._parts, strict=True)
        return tuple(f"{member}: {name}" for member, part in pairs for name in part.names)

    def compute(self, signal: Array) -> Array:
        """Return the members' vectors [values] float32 of a signal [time], concatenated.

        Raises:
            AudioError: the signal is too short for a member.

        """
        return np.concatenate([part.compute(signal) for part in self._parts])

    @property
    def _parts(self) -> tuple[Functionals, ...]:
        built = [MEMBERS.get(name)() for name in self.members]
        parts = tuple(part for part in built if not isinstance(part, MetadataFunctionals))
        if len(parts) < len(built):
            raise ConfigError(f"members must be computed from the signal; given {list(self.members)}")
        return parts


FUNCTIONALS = ConcatenatedFunctionals
