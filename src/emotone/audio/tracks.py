"""The choice of an audio track."""

from __future__ import annotations

import operator
from typing import Literal, TypeAlias

from emotone.errors import ChannelError, UsageError

Track: TypeAlias = int | Literal["default", "all"]
"""An audio track, counted from 0; the default one; or all of them, their channels next to each other."""


def check_track(track: Track, *, tracks: int, name: str) -> int | None:
    """Return the index of a track, or None for "default" and "all".

    Raises:
        UsageError: neither "default", "all" nor a whole number.
        ChannelError: the recording has no such track.

    """
    if track in {"default", "all"}:
        return None
    try:
        index = operator.index(track)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"track {track!r} was given; allowed: 'default', 'all' or a number from 0") from None
    if not 0 <= index < tracks:
        allowed = "0" if tracks == 1 else f"0 to {tracks - 1}"
        raise ChannelError(f"{name}: track {index} was requested; allowed: {allowed}, 'default' or 'all'")
    return index
