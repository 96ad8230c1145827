"""What a window sounds like with those before it: longer context at the same delay."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from emotone.inference.pooling import combined

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Context:
    """Tells each window together with those before it: the softmax of the mean of their logits.

    It looks back only, so live sound and whole recordings have the same numbers, and none comes later. A window
    without speech ends what is looked back on: what another person said before a pause does not count.

    Args:
        windows: told together, the window itself among them; 1 tells each alone.

    Example:
        >>> context = Context(2)
        >>> one = context.push(np.array([[0.9, 0.1]]), np.array([True]))
        >>> context.push(np.array([[0.5, 0.5]]), np.array([True])).round(2)
        array([[0.75, 0.25]])

    """

    def __init__(self, windows: int) -> None:
        self._before: deque[NDArray[np.float64]] = deque(maxlen=windows)

    def push(self, probabilities: NDArray[np.float64], speech: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the probabilities [windows, labels] of the next windows with what was before each of them.

        Args:
            probabilities: [windows, labels] of each alone.
            speech: [windows]; those without it stay as they are.

        """
        if self._before.maxlen == 1:
            return probabilities
        told = probabilities.copy()
        for number, (alone, spoken) in enumerate(zip(probabilities, speech, strict=True)):
            if not spoken:
                self._before.clear()
                continue
            self._before.append(alone)
            told[number] = combined(np.stack(self._before), "mean-logit")
        return told
