"""A front end fed block by block: its rows lie on the recording's grid, however the samples were cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.features.base import pads_end

if TYPE_CHECKING:
    from emotone.features.base import Feature
    from emotone.types import Array


class FrameStream:
    """Rows of features as soon as their samples are there.

    Key idea: row i sees the samples [i * hop, i * hop + window). So what must be kept between blocks are the samples
    from the start of the first row that is not complete yet: fewer than `window` of them. Where a front end pads the
    end, its rows behind the last complete one wait for `finish`: until then, more sound may come.

    Example:
        >>> import numpy as np
        >>> from emotone.features.front_ends.log_mel import LogMel
        >>> stream = FrameStream(LogMel())
        >>> len(stream.push(np.zeros(300, np.float32))), len(stream.push(np.zeros(300, np.float32)))
        (0, 2)

    """

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self._kept: Array = np.zeros(0, np.float32)
        self.samples = 0
        self.rows = 0

    def push(self, samples: Array) -> Array:
        """Return the rows [new, dimension] that the samples [time] complete."""
        feature = self._feature
        self.samples += len(samples)
        signal = np.concatenate([self._kept, samples]) if len(self._kept) else samples
        if len(signal) < feature.window:
            self._kept = signal
            return np.zeros((0, feature.dimension), np.float32)
        rows = 1 + (len(signal) - feature.window) // feature.hop
        self._kept = signal[rows * feature.hop :].copy()  # a view would keep the whole block alive
        self.rows += rows
        return feature.compute(signal[: (rows - 1) * feature.hop + feature.window])[:rows]

    def finish(self) -> Array:
        """Return the row of a recording shorter than a window, or the padded ones; else a part of a window is none."""
        feature = self._feature
        if self.rows and not (pads_end(feature) and len(self._kept)):
            return np.zeros((0, feature.dimension), np.float32)
        rows = feature.compute(self._kept)
        self.rows += len(rows)
        return rows
