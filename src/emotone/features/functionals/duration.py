"""How long a recording is, and nothing else: what a score could be had for without hearing how anything was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from emotone.types import Array, Hertz


@dataclass(frozen=True)
class Duration:
    """The seconds of a recording, and their natural logarithm.

    A recording without a sample counts as one sample long, so that the logarithm is finite.

    Example:
        >>> import numpy as np
        >>> Duration().compute(np.zeros(16000, np.float32))
        array([1., 0.], dtype=float32)

    """

    version: ClassVar[int] = 1

    @property
    def rate(self) -> Hertz:
        """Hertz that the signal must have."""
        return 16000

    @property
    def names(self) -> tuple[str, ...]:
        """What each value is."""
        return ("seconds", "log seconds")

    def compute(self, signal: Array) -> Array:
        """Return the vector [2] float32 of a signal [time]."""
        seconds = max(len(signal), 1) / self.rate
        return np.array([seconds, np.log(seconds)], np.float32)


FUNCTIONALS = Duration
