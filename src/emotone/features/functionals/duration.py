"""The length of a recording, and nothing else: a baseline that ignores the voice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from emotone.types import Array, Hertz


@dataclass(frozen=True)
class Duration:
    """The length of a recording in seconds, and its natural logarithm.

    An empty recording counts as one sample, so that the logarithm is finite.

    Example:
        >>> import numpy as np
        >>> Duration().compute(np.zeros(16000, np.float32))
        array([1., 0.], dtype=float32)

    """

    version: ClassVar[int] = 1

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        return 16000

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value."""
        return ("seconds", "log seconds")

    def compute(self, signal: Array) -> Array:
        """Return the vector [2] float32 of a signal [time]."""
        seconds = max(len(signal), 1) / self.rate
        return np.array([seconds, np.log(seconds)], np.float32)


FUNCTIONALS = Duration
