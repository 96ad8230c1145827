"""Admission: a bounded number of holders at a time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from emotone.serve.problems import busy

if TYPE_CHECKING:
    from collections.abc import Iterator


class Gate:
    """Admits at most `capacity` holders at a time and refuses the others at once. Used from one event loop only.

    Args:
        capacity: maximum number of holders.
        refusal: the message for those who are refused.

    """

    def __init__(self, capacity: int, *, refusal: str) -> None:
        self._capacity = capacity
        self._refusal = refusal
        self.holders = 0

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Hold one place during the block.

        Raises:
            Problem: 503, all places are taken.

        """
        if self.holders >= self._capacity:
            raise busy(self._refusal)
        self.holders += 1
        try:
            yield
        finally:
            self.holders -= 1
