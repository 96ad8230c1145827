"""Where the emotion changes within one utterance.

Key idea: each way to divide n windows into parts, and to name the parts, has a price: what the windows say against
their part's label, plus a cost for each change. With p(t, l) the probability of label l in window t, the division into
parts that begin at 0 = b(1) < b(2) < ... and have the labels l(1), l(2) ... with the least

    sum over parts k, windows t of k:  -w log p(t, l(k))   +   cost * (parts - 1)

is found exactly (dynamic programming over ends of parts), among those whose parts have at least so many windows. A
single odd window is not worth a change; a label that stays another one for long enough is. As windows overlap, each
counts by what it adds: w = hop / length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from emotone.inference.pooling import LEAST, Together

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.features.window_spec import Windows
    from emotone.types import Seconds

COST = 1.0  # of a change, in nats: the windows are e = 2.7 times more probable with it than without
LEAST_SECONDS: Seconds = 1.5  # between two changes
MOST_HELD = 64  # windows; of longer utterances the first half of them is decided


@dataclass
class Part:
    """Windows that follow each other and sound alike.

    Attributes:
        first: seconds, the centre of its first window.
        last: seconds, the centre of its last one.
        together: what they sound like.

    """

    first: Seconds
    last: Seconds
    together: Together


class Division:
    """Divides one utterance as its windows come, and keeps those of the last minute or so; of earlier ones, sums.

    Up to `held` windows are divided as a whole. Of a longer utterance the first half of what is held is decided then:
    parts in it are finished, and what has begun there goes on as one part, whose label may still become another.

    Args:
        windows: length and hop of them, and how they are combined.
        labels: how many there are.

    """

    def __init__(self, windows: Windows, *, labels: int) -> None:
        self._windows = windows
        self._labels = labels
        self._least = max(1, math.ceil(LEAST_SECONDS / windows.hop))
        self._most = max(MOST_HELD, 4 * self._least)
        self._weight = windows.hop / windows.seconds
        self._begun: Part | None = None  # of windows that are held no more, at least `_least` of them
        self._begun_prices = np.zeros(labels)
        self._held: list[tuple[Seconds, NDArray[np.float64]]] = []  # centre and probabilities
        self._done: list[Part] = []

    def add(self, centre: Seconds, probabilities: NDArray[np.float64]) -> None:
        """Take the next window: where its centre is, in seconds, and its probabilities [labels]."""
        self._held.append((centre, probabilities))
        if len(self._held) >= self._most:
            half = self._most // 2
            firsts = self._firsts()
            cuts = [first for first in firsts if first <= half - self._least]
            self._finish(cuts)
            self._begin(min([half, *firsts[len(cuts) :]]) - max(cuts, default=0))

    def finish(self) -> list[Part]:
        """Return the parts, at least one where there was a window."""
        self._finish([*self._firsts(), len(self._held)])
        done, self._done = self._done, []
        return done

    def _firsts(self) -> list[int]:
        """Return which held windows begin a part, unless it has begun before."""
        prices = self._prices(self._held)
        if self._begun is None:
            return cheapest(prices, cost=COST, least=self._least)[1:]
        # As many rows as a part needs at least stand for what has begun, so that no change can lie within them.
        before = np.zeros((self._least, self._labels))
        before[0] = self._begun_prices
        found = cheapest(np.concatenate([before, prices]), cost=COST, least=self._least)
        return [first - self._least for first in found[1:]]

    def _finish(self, cuts: list[int]) -> None:
        """Finish the parts that end before these held windows, and forget theirs."""
        for first, last in pairwise([0, *cuts]):
            part = self._part(self._held[first:last])
            self._begun = None
            if part is not None:
                self._done.append(part)
        if cuts:
            self._held = self._held[cuts[-1] :]

    def _begin(self, count: int) -> None:
        """Let so many held windows be the beginning of a part, or of more of what has begun."""
        earlier = np.zeros(self._labels) if self._begun is None else self._begun_prices
        self._begun_prices = earlier + self._prices(self._held[:count]).sum(axis=0)
        self._begun = self._part(self._held[:count])
        self._held = self._held[count:]

    def _part(self, held: list[tuple[Seconds, NDArray[np.float64]]]) -> Part | None:
        """Return the part of what has begun and of these windows."""
        if not held:
            return self._begun
        together = Together(self._windows.combine, labels=self._labels)
        together.add(np.stack([probabilities for _, probabilities in held]))
        if self._begun is None:
            return Part(held[0][0], held[-1][0], together)
        self._begun.together.join(together)
        return Part(self._begun.first, held[-1][0], self._begun.together)

    def _prices(self, held: list[tuple[Seconds, NDArray[np.float64]]]) -> NDArray[np.float64]:
        if not held:
            return np.zeros((0, self._labels))
        probabilities = np.stack([probabilities for _, probabilities in held])
        return -self._weight * np.log(np.maximum(probabilities, LEAST))


def cheapest(prices: NDArray[np.float64], *, cost: float, least: int) -> list[int]:
    """Return where the parts begin whose total price is least.

    Args:
        prices: of each label for each window [windows, labels].
        cost: of a change.
        least: windows of a part.

    Example:
        >>> cheapest(np.array([[0, 9], [0, 9], [9, 0], [9, 0]]), cost=1.0, least=2)
        [0, 2]

    """
    count, labels = prices.shape
    if count < 2 * least:
        return [0]  # too few for two parts
    before = np.concatenate([np.zeros((1, labels)), np.cumsum(prices, axis=0)])  # of all windows before the n-th
    total = np.full(count + 1, np.inf)  # the least price of the first n windows
    total[0] = -cost  # the first part is no change
    begin = np.zeros(count + 1, np.int64)  # of the last part in it
    open_price = np.full(labels, np.inf)  # per label, of all before a part that has it, less `before` where it begins
    open_begin = np.zeros(labels, np.int64)
    for end in range(min(least, count), count + 1):
        first = max(0, end - least)
        price = total[first] + cost - before[first]
        better = price < open_price
        open_price[better], open_begin[better] = price[better], first
        best = int(np.argmin(open_price + before[end]))
        total[end] = (open_price + before[end])[best]
        begin[end] = open_begin[best]
    found = [int(begin[count])]
    while found[-1] > 0:
        found.append(int(begin[found[-1]]))
    return found[::-1]
