"""How windows become one answer: for a recording, for an utterance, offline and live, here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.features.window_spec import Combine

LEAST = np.finfo(np.float64).tiny  # stands for a probability that is too small for a float


class Together:
    """What windows sound like together; only sums are kept, so that hours of them need no memory.

    - "mean-probability": the mean of the probabilities.
    - "mean-logit": the softmax of the mean of the net's scores. A window's scores are the logarithms of its
      probabilities up to a constant, and a softmax does not change where a constant is added to all scores; so the
      mean of the logarithms gives the same. One window that excludes a label counts more than in the mean.
    - "vote": each window has a vote for its most probable label, the first of equals, and the mean has one more,
      which it splits by its probabilities: the shares add up to 1, and where votes tie, the mean decides.
    - "max-probability": the highest probability of each label in any window, divided by the sum of them: what is
      heard clearly once counts, however short it is.

    Args:
        way: one of these.
        labels: how many there are.

    Reference for "mean-logit": average logits clip accuracy in Sahoo, Kumar, Raman, Roy, A segment level approach to
    speech emotion recognition using transfer learning, 2019.

    """

    def __init__(self, way: Combine, *, labels: int) -> None:
        self._way = way
        self.count = 0
        self._total: NDArray[np.float64] = np.zeros(labels)
        self._votes: NDArray[np.float64] = np.zeros(labels)

    def add(self, probabilities: NDArray[np.float64]) -> None:
        """Take windows [windows, labels], at least one."""
        self.count += len(probabilities)
        if self._way == "mean-logit":
            self._total += np.log(np.maximum(probabilities, LEAST)).sum(axis=0)
        elif self._way == "max-probability":
            self._total = np.maximum(self._total, probabilities.max(axis=0))
        else:
            self._total += probabilities.sum(axis=0)
            self._votes += np.bincount(probabilities.argmax(axis=1), minlength=len(self._votes))

    def join(self, other: Together) -> None:
        """Take the windows of another, of the same way and labels, in place."""
        self.count += other.count
        self._votes += other._votes
        if self._way == "max-probability":
            self._total = np.maximum(self._total, other._total)
        else:
            self._total += other._total

    def probabilities(self) -> NDArray[np.float64]:
        """Return the probabilities [labels] of the windows so far, at least one."""
        shares: NDArray[np.float64] = self._total / self.count
        if self._way == "mean-logit":
            shares = np.exp(shares - shares.max())
            shares /= shares.sum()
        elif self._way == "max-probability":
            shares /= shares.sum()
        elif self._way == "vote":
            shares = (self._votes + shares) / (self.count + 1)
        return shares


def combined(probabilities: NDArray[np.float64], way: Combine) -> NDArray[np.float64]:
    """Return the probabilities [labels] of what the windows [windows, labels], at least one, sound like together."""
    together = Together(way, labels=probabilities.shape[1])
    together.add(probabilities)
    return together.probabilities()
