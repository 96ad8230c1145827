"""The protocols of front ends and functionals: frozen settings, and a computation in NumPy.

A front end gives rows over time, which training and prediction share. Functionals give one vector for a whole recording
of any length: `Functionals` are computed from the signal, and the feature store caches them; `MetadataFunctionals` come
from the list of utterances and ignore the audio: they are baselines, which show the score that is possible without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, runtime_checkable

from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from emotone.audio.source import Recording
    from emotone.types import Array, Hertz, Seconds, Utterance


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """The faces of a recording at equal distances in time.

    Attributes:
        faces: [images, size, size, channels] float32, above 0 and at most 1; all 0 where no face was found.
        every: seconds between images; image k is at (k + 0.5) x `every`.
        notes: what a user should know about the recording.
        offset: time in the recording that counts as 0, where a part of it is analysed.

    """

    faces: Array
    every: Seconds
    notes: tuple[str, ...] = ()
    offset: Seconds = 0.0

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether each image [images] has a face."""
        found: NDArray[np.bool_] = self.faces.max(axis=(1, 2, 3), initial=0.0) > 0
        return found


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


FEATURES: Registry[type[Feature]] = Registry("front end", "emotone.features.front_ends", "FEATURE")


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
