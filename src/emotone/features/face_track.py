"""The faces of a recording, at equal distances in time; `emotone.features.faces` finds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotone.types import Array, Seconds


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
