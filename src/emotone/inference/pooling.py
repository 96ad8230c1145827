"""How the windows of an utterance become results: their probabilities combined, and where the emotion changes.

Each way to divide n windows into consecutive sections, and to assign a label to each section, has a cost: the negative
log-likelihood of the section labels plus a penalty for each change. With p(t, l) the probability of label l in window
t, the sections that begin at 0 = b(1) < b(2) < ... with labels l(1), l(2), ... that minimise

    sum over sections k, windows t of k:  -w log p(t, l(k))   +   penalty * (sections - 1)

are found exactly by dynamic programming over section ends, subject to a minimum number of windows per section. A single
deviating window does not cause a change; a label that persists does. Because windows overlap, each is weighted by the
new audio that it adds: w = hop / length.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.features.windows import Combine, Windows
    from emotone.types import Seconds

SMALLEST = np.finfo(np.float64).tiny  # stands for a probability that is too small for a float

PENALTY = 1.0  # of a change, in nats: the windows must be e = 2.7 times more likely with the change than without
MIN_SECONDS: Seconds = 1.5  # between two changes
MAX_WINDOWS = 64  # kept; the first half of a longer utterance is decided early


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
    """The mean of probabilities, weighted by duration: how many utterances become a clip.

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


@dataclass
class Section:
    """Consecutive windows with the same label.

    Attributes:
        first: seconds, the centre of the first window.
        last: seconds, the centre of the last window.
        pooler: combines the windows.

    """

    first: Seconds
    last: Seconds
    pooler: WindowPooler


class ChangePointSegmenter:
    """Divides one utterance into sections as its windows arrive.

    Up to `MAX_WINDOWS` windows are divided at once. For a longer utterance, the first half of the kept windows is
    decided early: sections that end in it are final, and the section that is still open there continues, with a label
    that may still change. Memory is therefore bounded: about a minute of windows, and sums.

    Args:
        windows: their length and hop, and how they are combined.
        labels: number of labels.

    """

    def __init__(self, windows: Windows, *, labels: int) -> None:
        self._windows = windows
        self._labels = labels
        self._min_windows = max(1, math.ceil(MIN_SECONDS / windows.hop))
        self._max_windows = max(MAX_WINDOWS, 4 * self._min_windows)
        self._weight = windows.hop / windows.seconds
        self._open: Section | None = None  # of windows that are no longer kept, at least `_min_windows` of them
        self._open_costs = np.zeros(labels)
        self._kept: list[tuple[Seconds, NDArray[np.float64]]] = []  # centre and probabilities
        self._final: list[Section] = []

    def add(self, centre: Seconds, probabilities: NDArray[np.float64]) -> None:
        """Add the next window: its centre in seconds, and its probabilities [labels]."""
        self._kept.append((centre, probabilities))
        if len(self._kept) >= self._max_windows:
            half = self._max_windows // 2
            firsts = self._firsts()
            cuts = [first for first in firsts if first <= half - self._min_windows]
            self._finish(cuts)
            self._carry_over(min([half, *firsts[len(cuts) :]]) - max(cuts, default=0))

    def finish(self) -> list[Section]:
        """Return the sections; at least one if any window was added."""
        self._finish([*self._firsts(), len(self._kept)])
        final, self._final = self._final, []
        return final

    def _firsts(self) -> list[int]:
        """Return the kept windows at which a section begins, other than the open one."""
        costs = self._costs(self._kept)
        if self._open is None:
            return minimal_cost_sections(costs, penalty=PENALTY, min_windows=self._min_windows)[1:]
        # `_min_windows` rows represent the open section, so that no change can fall inside it.
        before = np.zeros((self._min_windows, self._labels))
        before[0] = self._open_costs
        found = minimal_cost_sections(np.concatenate([before, costs]), penalty=PENALTY, min_windows=self._min_windows)
        return [first - self._min_windows for first in found[1:]]

    def _finish(self, cuts: list[int]) -> None:
        """Finalise the sections that end before these kept windows, and drop their windows."""
        for first, last in pairwise([0, *cuts]):
            section = self._section(self._kept[first:last])
            self._open = None
            if section is not None:
                self._final.append(section)
        if cuts:
            self._kept = self._kept[cuts[-1] :]

    def _carry_over(self, count: int) -> None:
        """Move the first `count` kept windows into the open section."""
        earlier = np.zeros(self._labels) if self._open is None else self._open_costs
        self._open_costs = earlier + self._costs(self._kept[:count]).sum(axis=0)
        self._open = self._section(self._kept[:count])
        self._kept = self._kept[count:]

    def _section(self, kept: list[tuple[Seconds, NDArray[np.float64]]]) -> Section | None:
        """Return the section made of the open one and these windows."""
        if not kept:
            return self._open
        pooler = WindowPooler(self._windows.combine, labels=self._labels)
        pooler.add(np.stack([probabilities for _, probabilities in kept]))
        if self._open is None:
            return Section(kept[0][0], kept[-1][0], pooler)
        self._open.pooler.merge(pooler)
        return Section(self._open.first, kept[-1][0], self._open.pooler)

    def _costs(self, kept: list[tuple[Seconds, NDArray[np.float64]]]) -> NDArray[np.float64]:
        if not kept:
            return np.zeros((0, self._labels))
        probabilities = np.stack([probabilities for _, probabilities in kept])
        return -self._weight * np.log(np.maximum(probabilities, SMALLEST))


def minimal_cost_sections(costs: NDArray[np.float64], *, penalty: float, min_windows: int) -> list[int]:
    """Return the first window of each section of the division with the lowest total cost.

    Args:
        costs: of each label for each window [windows, labels].
        penalty: of a change.
        min_windows: per section.

    Example:
        >>> minimal_cost_sections(np.array([[0, 9], [0, 9], [9, 0], [9, 0]]), penalty=1.0, min_windows=2)
        [0, 2]

    """
    count, labels = costs.shape
    if count < 2 * min_windows:
        return [0]  # too few windows for two sections
    before = np.concatenate([np.zeros((1, labels)), np.cumsum(costs, axis=0)])  # cost of all windows before the n-th
    total = np.full(count + 1, np.inf)  # the lowest cost of the first n windows
    total[0] = -penalty  # the first section is no change
    begin = np.zeros(count + 1, np.int64)  # of the last section in that solution
    # Per label: the lowest cost of everything before a section with this label, minus `before` at its beginning.
    open_cost = np.full(labels, np.inf)
    open_begin = np.zeros(labels, np.int64)
    for end in range(min_windows, count + 1):
        first = end - min_windows
        candidate = total[first] + penalty - before[first]
        better = candidate < open_cost
        open_cost[better], open_begin[better] = candidate[better], first
        best = int(np.argmin(open_cost + before[end]))
        total[end] = (open_cost + before[end])[best]
        begin[end] = open_begin[best]
    starts = [int(begin[count])]
    while starts[-1] > 0:
        starts.append(int(begin[starts[-1]]))
    return starts[::-1]
