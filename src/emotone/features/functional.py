"""What functionals are: a frozen spec, and one vector for a whole recording, however long it is.

There are two kinds. `Functionals` listen: they are computed from the signal, and the feature store keeps them. `Known`
values are had without listening, from the list of utterances: they show what a score could be had for without sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, runtime_checkable

from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.types import Array, Hertz, Utterance


@runtime_checkable
class Functionals(Protocol):
    """Statistics over a whole recording, which classifiers of `emotone.classical` learn from."""

    version: ClassVar[int]
    """Counts changes of the computation that change a value: what is stored is not used again."""

    @property
    def rate(self) -> Hertz:
        """Hertz that the signal must have."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """What each value is."""
        ...

    def compute(self, signal: Array) -> Array:
        """Return the vector [values] float32 of a signal [time] at `rate`; every value is finite.

        Raises:
            AudioError: the signal is too short for it.

        """
        ...


@runtime_checkable
class Known(Protocol):
    """Values that are known of utterances without listening to them; labels are never among them."""

    version: ClassVar[int]
    """Counts changes that change a value."""

    def of(self, utterances: Sequence[Utterance]) -> dict[str, Array]:
        """Return the vector [values] float32 of each utterance by `Utterance.key`, all of one length.

        Raises:
            RunError: the utterances do not tell.

        """
        ...


AnyFunctionals: TypeAlias = Functionals | Known

FUNCTIONALS: Registry[type[Functionals | Known]] = Registry(
    "functionals", "emotone.features.functionals", "FUNCTIONALS"
)
