"""The protocol of front ends: frozen settings, and a computation in NumPy that training and prediction share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from emotone.registry import Registry

if TYPE_CHECKING:
    from emotone.audio.source import Recording
    from emotone.features.face_track import FaceTrack
    from emotone.types import Array, Hertz, Seconds


@runtime_checkable
class Feature(Protocol):
    """A front end that computes one row per hop, each from its own window of samples only.

    Rows do not depend on other rows: computing a signal in pieces that overlap by `window - hop` samples gives the rows
    of the whole signal, within the rounding of float32. Streaming, batches and caches rely on that.

    The last row of a recording is the last one with a complete window of samples. A front end with `pads_end = True` (a
    class variable or a setting; False if absent) has a row wherever a hop starts instead, `max(1, ceil(samples / hop))`
    rows: zeros follow the end of the signal, in `compute` as well as in streams.
    """

    version: ClassVar[int]
    """Counts changes that change a value, even by rounding: cached rows of other versions are not used."""

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        ...

    @property
    def window(self) -> int:
        """Samples that one row depends on."""
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


@runtime_checkable
class VisualFeature(Protocol):
    """What a front end has in addition if its rows contain faces; `compute` gives rows without faces."""

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        ...

    def faces(self, recording: Recording) -> FaceTrack:
        """Return the faces of a recording; one without images has none."""
        ...

    def with_faces(self, rows: Array, track: FaceTrack, *, start: Seconds, first: int = 0) -> Array:
        """Return rows with their faces; `start` is the time of row 0, and `first` the number of the first given row."""
        ...


def pads_end(feature: Feature) -> bool:
    """Return whether the last rows of a front end include zeros after the signal's end."""
    return bool(getattr(feature, "pads_end", False))


FEATURES: Registry[type[Feature]] = Registry("front end", "emotone.features.front_ends", "FEATURE")
