"""Finds the recordings that a table names, also where the spelling differs in a way that other systems ignore."""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections import defaultdict
from pathlib import Path, PurePosixPath

from emotone.errors import CorpusError

MAX_COMPARED = 2000  # names of a folder that are compared for a suggestion; the comparison is slow
MAX_SUGGESTIONS = 20  # rows of a table that get one


class RecordingFinder:
    """Finds files relative to the folder of a table; folders are listed once.

    A file is found as it is written, with backslashes as separators, and, where exactly one file matches, with other
    capitals or another Unicode form. Those are the spellings that work on Windows and macOS.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[Path, dict[str, list[str]]] = {}
        self._suggestions = 0

    def find(self, file: str) -> tuple[Path, str]:
        """Return the path of a file and how it is written with slashes.

        Raises:
            CorpusError: there is none; the message has the nearest name.

        """
        path = self._folder / file
        if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where a name is too long
            return path, file
        slashed = file.replace("\\", "/")
        if slashed != file and os.path.isfile(self._folder / slashed):  # noqa: PTH113
            return self._folder / slashed, slashed
        parent: Path | None = self._folder
        parts = PurePosixPath(slashed).parts
        for index, part in enumerate(parts):
            if parent is None:
                break
            last = index == len(parts) - 1
            candidate = self._candidate(parent, part)
            if candidate is None and last:
                raise CorpusError(f"no such file: {path}{self._suggestion(parent, part)}")
            if candidate is not None and last and os.path.isfile(candidate):  # noqa: PTH113
                return candidate, slashed
            parent = candidate
        raise CorpusError(f"no such file: {path}")

    def _candidate(self, folder: Path, part: str) -> Path | None:
        """Return the entry of a folder that a part of a path names."""
        if part in (os.sep, os.pardir, os.curdir):
            return folder / part
        names = self._listing(folder).get(_normal(part), [])
        if part in names:
            return folder / part
        return folder / names[0] if len(names) == 1 else None

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """Return the names in a folder by their normal form; empty where it can't be read."""
        if folder not in self._names:
            found: dict[str, list[str]] = defaultdict(list)
            try:
                for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names are needed, not paths
                    found[_normal(name)].append(name)
            except (OSError, ValueError):  # not a folder, unreadable, or a name that no file can have
                found.clear()
            self._names[folder] = dict(found)
        return self._names[folder]

    def _suggestion(self, folder: Path, part: str) -> str:
        """Return a hint at a file of the same name with another suffix, or of a similar name."""
        listing = self._listing(folder)
        if self._suggestions >= MAX_SUGGESTIONS or not 0 < len(listing) <= MAX_COMPARED:
            return ""
        self._suggestions += 1
        wanted = _normal(part)
        stem = PurePosixPath(wanted).stem
        close = [name for name in listing if PurePosixPath(name).stem == stem]
        close = close or difflib.get_close_matches(wanted, list(listing), n=1, cutoff=0.75)
        return f"; did you mean '{listing[close[0]][0]}'?" if close else ""


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
