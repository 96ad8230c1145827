"""What every front end is: a frozen spec, and a computation in NumPy that training and prediction share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from emotone.registry import Registry

if TYPE_CHECKING:
    from emotone.types import Array, Hertz, Seconds


@runtime_checkable
class Feature(Protocol):
    """A front end that gives one row per hop, each from its own stretch of samples only.

    Rows depend on no other row: computing a signal in pieces that overlap by `window - hop` samples gives the
    rows of the whole, within the rounding of float32. Streaming, batches and caches rest on that.

    A recording ends with the last row whose window of samples is whole. A front end with `pads_end = True` (a class
    variable or a setting; absent, it is False) has a row wherever a hop begins instead, `max(1, ceil(samples / hop))`
    of them: what its last rows see behind the signal's end are zeros, in `compute` and when the sound comes in pieces.
    """

    version: ClassVar[int]
    """Counts changes of the computation that change a value, be it by rounding: what is stored is not used again."""

    @property
    def rate(self) -> Hertz:
        """Hertz that the signal must have."""
        ...

    @property
    def window(self) -> int:
        """Samples that one row sees."""
        ...

    @property
    def hop(self) -> int:
        """Samples between rows."""
        ...

    @property
    def dimension(self) -> int:
        """Values per row."""
        ...

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        ...

    def frames(self, samples: int) -> int:
        """Return the number of rows for a signal of `samples` samples."""
        ...

    def compute(self, signal: Array) -> Array:
        """Return rows [time, dimension] float32 of a signal [time] at `rate`."""
        ...


def pads_end(feature: Feature) -> bool:
    """Return whether the last rows of a front end hear zeros behind the signal's end."""
    return bool(getattr(feature, "pads_end", False))


FEATURES: Registry[type[Feature]] = Registry("feature", "emotone.features.front_ends", "FEATURE")
