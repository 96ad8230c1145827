"""Names and times as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emotone.types import Seconds


def clock(seconds: Seconds) -> str:
    """Return minutes, seconds and tenths, with hours where there are any.

    Example:
        >>> clock(3.51), clock(3725)
        ('0:03.5', '1:02:05.0')

    """
    tenths = round(seconds * 10)
    hours, minutes = divmod(tenths // 600, 60)
    rest = f"{tenths % 600 / 10:04.1f}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def printable(text: str) -> str:
    r"""Return the text on one line, with unprintable characters replaced by question marks.

    The name of a file can contain bytes that move the cursor or that are not text.

    Example:
        >>> printable("a\x1b[2Jb\n.wav")
        'a?[2Jb?.wav'

    """
    return "".join(character if character.isprintable() else "?" for character in text)
