"""Times in tables: seconds, clock times, and the durations that pandas writes."""

from __future__ import annotations

import math
import re

ABSENT = frozenset({"", "nat", "nan", "<na>", "none", "null"})
"""How tables of other programs write that there is no value."""

_CLOCK = re.compile(
    r"(?:(?P<days>\d+) days?,?)? ?(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+(?:\.\d*)?))?", re.IGNORECASE
)


def parse_seconds(text: str) -> float | None:
    """Return a time in seconds, or None where there is none.

    Read are a number of seconds, `m:ss`, `h:mm:ss`, and durations of pandas such as `0 days 00:00:01.500000`; all may
    have a fraction. `NaT`, `nan` and an empty text are no time.

    Raises:
        ValueError: any other text, a negative time, or one that is not finite.

    Example:
        >>> parse_seconds("1.5"), parse_seconds("0 days 00:01:01.5"), parse_seconds("1:02:03"), parse_seconds("NaT")
        (1.5, 61.5, 3723.0, None)

    """
    plain = text.strip()
    if plain.casefold() in ABSENT:
        return None
    clock = _CLOCK.fullmatch(plain)
    if clock is None:
        seconds = float(plain)
    else:
        days, hours, minutes = (int(clock[part] or 0) for part in ("days", "hours", "minutes"))
        seconds = ((days * 24 + hours) * 60 + minutes) * 60 + float(clock["seconds"] or 0)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"'{text}' is not a time of 0 s or more")
    return seconds


def is_number(text: str) -> bool:
    """Return whether a time is written as a plain number of seconds."""
    try:
        float(text)
    except ValueError:
        return False
    return True
