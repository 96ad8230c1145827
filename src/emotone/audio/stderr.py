"""Silence for C libraries that print to standard error: libmpg123 prints warnings, and has no option against it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = threading.Lock()
_depth = 0
_saved = -1


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2 inside the block.

    The descriptor belongs to the whole process: blocks of several threads are counted, and the last one restores it.
    """
    global _depth, _saved  # noqa: PLW0603
    with _lock:
        if _depth == 0:
            _saved = _redirect()
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and _saved >= 0:
                os.dup2(_saved, 2)
                os.close(_saved)


def _redirect() -> int:
    """Redirect descriptor 2 to nowhere and return a copy of it, or -1 where it is not standard error."""
    if sys.__stderr__ is None:  # closed from the start: 2 may be any file, even the recording itself
        return -1
    try:
        saved = os.dup(2)
    except OSError:
        return -1
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return saved
