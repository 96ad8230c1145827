"""How the probabilities of windows are combined: into one result, and with the windows before them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.features.window_spec import Combine
    from emotone.types import Seconds

SMALLEST = np.finfo(np.float64).tiny  # stands for a probability that is too small for a float


class WindowPooler:
    """Combines the probabilities of windows. Only sums are kept, so memory does not grow with the number of windows.

    - "mean-probability": the mean of the probabilities.
    - "mean-logit": the softmax of the mean of the logits. The logarithm of a softmax equals the logits up to a constant
      per window, and a softmax does not change when a constant is added to all logits, so the mean of the logarithms
      gives the same result. A window that excludes a label weighs more than in the mean of probabilities.
    - "vote": each window votes for its most probable label (the first of equals), and the mean of the probabilities
      casts one further vote, split by probability: the shares sum to 1, and the mean decides ties.
    - "max-probability": the highest probability of each label in any window, divided by their sum.

    Args:
        method: one of these.
        labels: number of labels.

    Reference for "mean-logit": average logits clip accuracy in Sahoo, Kumar, Raman, Roy, A segment level approach to
    speech emotion recognition using transfer learning, 2019.

    """

    def __init__(self, method: Combine, *, labels: int) -> None:
        self._method = method
        self.count = 0
        self._total: NDArray[np.float64] = np.zeros(labels)
        self._votes: NDArray[np.float64] = np.zeros(labels)

    def add(self, probabilities: NDArray[np.float64]) -> None:
        """Add windows [windows, labels], at least one."""
        self.count += len(probabilities)
        if self._method == "mean-logit":
            self._total += np.log(np.maximum(probabilities, SMALLEST)).sum(axis=0)
        elif self._method == "max-probability":
            self._total = np.maximum(self._total, probabilities.max(axis=0))
        else:
            self._total += probabilities.sum(axis=0)
            self._votes += np.bincount(probabilities.argmax(axis=1), minlength=len(self._votes))

    def merge(self, other: WindowPooler) -> None:
        """Add the windows of another pooler with the same method and labels, in place."""
        self.count += other.count
        self._votes += other._votes
        if self._method == "max-probability":
            self._total = np.maximum(self._total, other._total)
        else:
            self._total += other._total

    def probabilities(self) -> NDArray[np.float64]:
        """Return the combined probabilities [labels] of the windows so far, at least one."""
        shares: NDArray[np.float64] = self._total / self.count
        if self._method == "mean-logit":
            shares = np.exp(shares - shares.max())
            shares /= shares.sum()
        elif self._method == "max-probability":
            shares /= shares.sum()
        elif self._method == "vote":
            shares = (self._votes + shares) / (self.count + 1)
        return shares


def pool_windows(probabilities: NDArray[np.float64], method: Combine) -> NDArray[np.float64]:
    """Return the combined probabilities [labels] of windows [windows, labels], at least one."""
    pooler = WindowPooler(method, labels=probabilities.shape[1])
    pooler.add(probabilities)
    return pooler.probabilities()


class DurationPooler:
    """The mean of probabilities, weighted by duration: how utterances become a clip.

    The mean of a single item is exactly that item's probabilities.

    Args:
        labels: number of labels.

    """

    def __init__(self, *, labels: int) -> None:
        self.seconds: Seconds = 0.0
        self._mean: NDArray[np.float64] = np.zeros(labels)

    def add(self, probabilities: NDArray[np.float64], *, seconds: Seconds) -> None:
        """Add probabilities [labels] that hold for this many seconds, more than 0."""
        self.seconds += seconds
        self._mean = self._mean + (probabilities - self._mean) * (seconds / self.seconds)

    def probabilities(self) -> NDArray[np.float64]:
        """Return the weighted mean [labels]; equal probabilities where nothing was added."""
        return self._mean if self.seconds else np.full(len(self._mean), 1.0 / len(self._mean))


class ContextPooler:
    """Combines each window with the windows before it in the same utterance: the softmax of the mean of their logits.

    Only earlier windows are used, so live results equal offline results and no result is delayed.

    Args:
        windows: number of windows to combine, the current one included; 1 leaves the probabilities unchanged.

    Example:
        >>> pooler = ContextPooler(2)
        >>> one = pooler.push(np.array([[0.9, 0.1]]))
        >>> pooler.push(np.array([[0.5, 0.5]])).round(2)
        array([[0.75, 0.25]])

    """

    def __init__(self, windows: int) -> None:
        self._previous: deque[NDArray[np.float64]] = deque(maxlen=windows)

    def push(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the combined probabilities [windows, labels] of the next windows of an utterance."""
        if self._previous.maxlen == 1:
            return probabilities
        combined = probabilities.copy()
        for index, window in enumerate(probabilities):
            self._previous.append(window)
            combined[index] = pool_windows(np.stack(self._previous), "mean-logit")
        return combined
