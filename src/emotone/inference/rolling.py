"""What a stream still needs of the past: values come in at the end and are dropped from the start, at little cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)


class Rolling(Generic[Value]):
    """An array [time, ...] that grows at its end and shrinks at its start.

    Key idea: there is room for as many values again as are held, so that a piece is mostly written where there is
    room, and not everything is copied with every piece: of live sound there are fifty a second.

    Args:
        empty: an array [0, ...] of the type and the shape of the values.

    Example:
        >>> held = Rolling(np.zeros(0, np.float32))
        >>> held.push(np.arange(5, dtype=np.float32))
        >>> held.drop(3)
        >>> len(held), held[0:2].tolist()
        (2, [3.0, 4.0])

    """

    def __init__(self, empty: NDArray[Value]) -> None:
        self._held = empty
        self._first = 0
        self._end = 0

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, part: slice) -> NDArray[Value]:
        """Return a view, good until the next `push`."""
        return self._held[self._first : self._end][part]

    def push(self, values: NDArray[Value]) -> None:
        """Take values [new, ...] behind those that are held."""
        if not len(values):
            return
        end = self._end + len(values)
        if end > len(self._held):
            kept = self[:]
            room: tuple[Any, ...] = (2 * (len(kept) + len(values)), *self._held.shape[1:])
            self._held = np.empty(room, self._held.dtype)
            self._held[: len(kept)] = kept
            self._first, self._end, end = 0, len(kept), len(kept) + len(values)
        self._held[self._end : end] = values
        self._end = end

    def drop(self, count: int) -> None:
        """Forget the first `count` values."""
        self._first += count
