"""Names of files as a terminal may see them: a name can hold bytes that move the cursor or are no text."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text on one line, with what can't be printed replaced by question marks.

    Example:
        >>> printable("a\x1b[2Jb\n.wav")
        'a?[2Jb?.wav'

    """
    return "".join(character if character.isprintable() else "?" for character in text)
