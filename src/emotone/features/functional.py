"""The protocols of functionals: frozen settings, and one vector for a whole recording of any length.

`Functionals` are computed from the signal, and the feature store caches them. `MetadataFunctionals` come from the list
of utterances and ignore the audio: they are baselines, which show the score that is possible without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, runtime_checkable

from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.types import Array, Hertz, Utterance


@runtime_checkable
class Functionals(Protocol):
    """Statistics of a whole recording, the input of the classifiers in `emotone.classical`."""

    version: ClassVar[int]
    """Counts changes of the computation that change a value: cached values of other versions are not used."""

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value."""
        ...

    def compute(self, signal: Array) -> Array:
        """Return the vector [values] float32 of a signal [time] at `rate`; every value is finite.

        Raises:
            AudioError: the signal is too short.

        """
        ...


@runtime_checkable
class MetadataFunctionals(Protocol):
    """Values of utterances that come from their metadata, never from their labels or audio."""

    version: ClassVar[int]
    """Counts changes of the computation that change a value."""

    def of(self, utterances: Sequence[Utterance]) -> dict[str, Array]:
        """Return the vector [values] float32 of each utterance by `Utterance.key`, all of one length.

        Raises:
            RunError: the utterances lack the metadata.

        """
        ...


AnyFunctionals: TypeAlias = Functionals | MetadataFunctionals

FUNCTIONALS: Registry[type[Functionals | MetadataFunctionals]] = Registry(
    "functionals", "emotone.features.functionals", "FUNCTIONALS"
)
