"""Files that stand in for a recording, or are often mistaken for one, recognised by their first bytes.

A folder cloned without Git LFS, or a failed download, contains many of them: each kind has its own error code, so
that callers can report it once for all files.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.errors import NotAudioError

if TYPE_CHECKING:
    from collections.abc import Sequence

HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE | re.DOTALL
)
LFS = b"version https://git-lfs.github.com/spec/"
XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml\s")

OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "is a ZIP archive; unpack it and pass the recordings in it"),
    (b"\x1f\x8b", "is a gzip archive; unpack it and pass the recordings in it"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it and pass the recordings in it"),
    (b"Rar!\x1a\x07", "is a RAR archive; unpack it and pass the recordings in it"),
    (b"MThd", "is a MIDI file, which contains notes and no audio"),
    (b"%PDF-", "is a PDF document"),
    (b"\x00\x05\x16\x07", "is a macOS metadata file (AppleDouble); the recording has the same name without '._'"),
    (b"\x89PNG\r\n\x1a\n", "is a PNG image"),
    (b"\xff\xd8\xff", "is a JPEG image"),
)


MANY = {
    "git_lfs_pointer": (
        "are Git LFS pointers, not the recordings; run 'git lfs install' and 'git lfs pull' in their repository"
    ),
    "html_page": "are HTML or XML pages, not recordings (failed downloads?); download them again",
}
"""What is wrong with several files, by the code of their errors."""
NAMED = 3  # files that a message for many names


class GitLfsPointerError(NotAudioError):
    """The file is a Git LFS pointer; the recording was not downloaded."""

    code = "git_lfs_pointer"


class HtmlPageError(NotAudioError):
    """The file is a web page, usually the error page of a failed download."""

    code = "html_page"


def stand_in(head: bytes, *, expected: str) -> str:
    """Return what a file is in place of its content, and what to do; "" for a file that is neither pointer nor page.

    Args:
        head: the first bytes of the file.
        expected: what the file should be, e.g. "recording".

    Example:
        >>> stand_in(b"<html><body>404", expected="table")
        'is an HTML page, not a table (a failed download?); download it again'

    """
    if head.startswith(LFS):
        return f"is a Git LFS pointer, not the {expected}; run 'git lfs pull' in its repository"
    if HTML.match(head):
        return f"is an HTML page, not a {expected} (a failed download?); download it again"
    if XML.match(head):
        return f"is an XML document, not a {expected} (a failed download?); download it again"
    return ""


def message_for_many(code: str, names: Sequence[str]) -> str:
    """Return one line for all files with an error of this code; "" where each file has its own message.

    Example:
        >>> message_for_many("html_page", ["a.wav", "b.wav"])
        '2 files are HTML or XML pages, not recordings (failed downloads?); download them again: a.wav, b.wav'

    """
    if code not in MANY or len(names) < 2:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} files {MANY[code]}: {', '.join(names[:NAMED])}{more}"


def check_audio_bytes(head: bytes, *, name: str) -> None:
    """Raise for a file that is recognised as something else than a recording.

    Args:
        head: the first bytes of the file.
        name: how the message names it.

    Raises:
        GitLfsPointerError: a Git LFS pointer.
        HtmlPageError: an HTML or XML page.
        NotAudioError: an archive, image, document or metadata file.

    """
    words = stand_in(head, expected="recording")
    if words:
        kind = GitLfsPointerError if head.startswith(LFS) else HtmlPageError
        raise kind(f"{name}: {words}")
    for start, words in OTHER_KINDS:
        if head.startswith(start):
            raise NotAudioError(f"{name}: {words}")
