"""Progress within one recording, for a callback."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.audio.samples import Track
    from emotone.types import Seconds

Progress: TypeAlias = "Callable[[Seconds, Seconds | None], None]"
"""Called with the seconds that are analysed, and with the duration or None where it is not known in advance."""

MILLISECONDS = 3  # digits of reported seconds


class ProgressReport:
    """Calls a callback while a recording is analysed, with a duration that never is below what is analysed.

    Args:
        progress: the callback, or None for no reports.
        recording: a path or the bytes of a file, whose header is read for the duration.
        duration: seconds, where it is known already.
        track: of the recording.
        name: how messages name the recording.

    """

    def __init__(
        self,
        progress: Progress | None,
        recording: Any = None,
        *,
        duration: Seconds | None = None,
        track: Track = "default",
        name: str | None = None,
    ) -> None:
        self._progress = progress
        self._total = duration
        # The header of an open file object can't be read without moving its position.
        if progress is not None and isinstance(recording, str | os.PathLike | bytes | bytearray | memoryview):
            from emotone.audio.read import probe

            self._total = probe(recording, track=track, name=name).duration

    def update(self, done: Seconds) -> None:
        """Report seconds that are analysed."""
        if self._progress is not None:
            total = None if self._total is None else round(max(self._total, done), MILLISECONDS)
            self._progress(round(done, MILLISECONDS), total)

    def finish(self, duration: Seconds) -> None:
        """Report the end, at which the duration is known."""
        if self._progress is not None:
            self._progress(round(duration, MILLISECONDS), round(duration, MILLISECONDS))
