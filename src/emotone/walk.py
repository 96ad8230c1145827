"""The files below a folder, or that a pattern matches: the same rules for commands and corpora.

* Linked folders are followed. A folder that is reached several times, or that links to itself, is walked once, under
  its own name where that is below the given folder.
* Hidden files and folders, and the `__MACOSX` folders of some archives, are skipped, unless a pattern names them.
* A folder that can't be read is a failure; the other folders are walked all the same.
* The order is that of the paths, part by part, on every machine.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from dataclasses import dataclass
from pathlib import Path

RECURSIVE = "**"
ARCHIVE_LEFTOVERS = "__MACOSX"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file.

    Attributes:
        path: the folder or the fixed part of the pattern as it was given, joined with `relative`.
        relative: path below the folder, or below the fixed part of the pattern.
        named: whether the last part of a pattern matched its name; False where a folder or `**` contains it.

    """

    path: str
    relative: Path
    named: bool = False


@dataclass(frozen=True, slots=True)
class FolderFailure:
    """A folder that can't be read, and why."""

    path: str
    message: str

    def __str__(self) -> str:
        """Return one line for reports."""
        return f"can't read the folder {self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Walk:
    """Files in the order of their paths, and the folders that can't be read."""

    files: tuple[FileEntry, ...]
    failures: tuple[FolderFailure, ...]


def walk(folder: str | Path) -> Walk:
    """Return every file below a folder.

    Example:
        >>> walk("recordings").files  # doctest: +SKIP
        (FileEntry(path='recordings/a.wav', relative=PosixPath('a.wav'), named=False), ...)

    """
    walker = _Walker(os.fspath(folder))
    walker.add_folder(())
    return walker.result()


def match(pattern: str) -> Walk:
    """Return every file that a pattern of `*`, `?`, `[...]` and `**` (any depth) matches, as the module `glob` does.

    A folder that the last part matches contributes all files below it.

    Example:
        >>> match("recordings/**/*.wav").files  # doctest: +SKIP
        (FileEntry(path='recordings/call/a.wav', relative=PosixPath('call/a.wav'), named=True), ...)

    """
    parts = Path(pattern).parts
    fixed = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    prefix = os.path.join(*parts[:fixed]) if fixed else ""  # noqa: PTH118 - Path would drop a leading "./"
    if pattern.startswith(f".{os.sep}"):
        prefix = os.path.join(".", prefix)  # noqa: PTH118
    walker = _Walker(prefix)
    walker.add_matches((), parts[fixed:])
    return walker.result()


class _Walker:
    """Collects files below a root; folders are identified by device and inode, so that each is listed once."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._files: dict[tuple[str, ...], FileEntry] = {}
        self._failures: dict[str, FolderFailure] = {}

    def result(self) -> Walk:
        failures = tuple(self._failures[path] for path in sorted(self._failures))
        return Walk(tuple(self._files[key] for key in sorted(self._files)), failures)

    def add_folder(self, below: tuple[str, ...]) -> None:
        """Add every file below a folder."""
        for folder in self._tree(below):
            for name, is_folder in self._entries(folder):
                if not is_folder:
                    self._add_file((*folder, name), named=False)

    def add_matches(self, below: tuple[str, ...], parts: tuple[str, ...]) -> None:
        """Add every file below a folder that the parts of a pattern match."""
        first, rest = parts[0], parts[1:]
        if first == RECURSIVE and not rest:
            self.add_folder(below)
        elif first == RECURSIVE:
            for folder in self._tree(below):
                self.add_matches(folder, rest)
        elif rest and not glob.has_magic(first):
            self.add_matches((*below, first), rest)
        else:
            for name, is_folder in self._entries(below, hidden=first.startswith(".")):
                if not fnmatch.fnmatch(name, first):
                    continue
                if rest and is_folder:
                    self.add_matches((*below, name), rest)
                elif not rest and is_folder:
                    self.add_folder((*below, name))
                elif not rest:
                    self._add_file((*below, name), named=True)

    def _tree(self, top: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return a folder and all folders below it, each once: folders before links to folders."""
        found: list[tuple[str, ...]] = []
        seen: set[tuple[int, int]] = set()
        folders, links = [top], list[tuple[str, ...]]()
        while folders or links:
            below = folders.pop() if folders else links.pop(0)
            identity = self._identity(below)
            if identity is None or identity in seen:
                continue
            seen.add(identity)
            found.append(below)
            inside = [(*below, name) for name, is_folder in self._entries(below) if is_folder]
            for folder in inside:
                (links if Path(self._path(folder)).is_symlink() else folders).append(folder)
            links.sort()
        return found

    def _identity(self, below: tuple[str, ...]) -> tuple[int, int] | None:
        try:
            status = Path(self._path(below)).stat()
        except OSError as error:
            self._fail(below, error)
            return None
        return status.st_dev, status.st_ino

    def _entries(self, below: tuple[str, ...], *, hidden: bool = False) -> list[tuple[str, bool]]:
        """Return the sorted names in a folder, each with whether it is a folder or a link to one."""
        try:
            with os.scandir(self._path(below) or os.curdir) as entries:
                found = [(entry.name, _is_folder(entry)) for entry in entries]
        except NotADirectoryError:
            return []
        except OSError as error:
            self._fail(below, error)
            return []
        return sorted(each for each in found if hidden or not (each[0].startswith(".") or each[0] == ARCHIVE_LEFTOVERS))

    def _add_file(self, parts: tuple[str, ...], *, named: bool) -> None:
        self._files.setdefault(parts, FileEntry(self._path(parts), Path(*parts), named))

    def _fail(self, below: tuple[str, ...], error: OSError) -> None:
        path = self._path(below) or os.curdir
        self._failures.setdefault(path, FolderFailure(path, error.strerror or str(error)))

    def _path(self, parts: tuple[str, ...]) -> str:
        return os.path.join(self._root, *parts)  # noqa: PTH118 - keeps the folder as it was given, "./" and all


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: whoever opens it reports the failure
        return False
