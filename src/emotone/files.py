"""Files: folders for caches and data, atomic writes, SHA-256 checks, URLs through fsspec, and the files below a folder.

URLs name files in object stores, on web servers and in other file systems. They need the extra `bulk`.

* Linked folders are followed. A folder that is reached several times, or that links to itself, is walked once, under
  its own name where that is below the given folder.
* Hidden files and folders, and the `__MACOSX` folders of some archives, are skipped, unless a pattern names them.
* A folder that can't be read is a failure; the other folders are walked all the same.
* The order is that of the paths, part by part, on every machine.
"""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import hashlib
import os
import re
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, overload

from emotone.errors import MissingExtraError, OutputError, UsageError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

CHUNK = 1 << 20  # bytes read at a time while hashing
_ONE_AT_A_TIME = threading.Lock()

URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # two letters at least: C:// is a drive


def cache_dir() -> Path:
    """Return the folder for results that can be recomputed: `$EMOTONE_CACHE`, or the platform's cache folder."""
    given = os.environ.get("EMOTONE_CACHE")
    if given:
        return Path(given)
    import platformdirs

    return Path(platformdirs.user_cache_dir("emotone", appauthor=False))


def data_dir() -> Path:
    """Return the folder for files to keep: `$EMOTONE_DATA`, or the platform's folder for user data."""
    given = os.environ.get("EMOTONE_DATA")
    if given:
        return Path(given)
    import platformdirs

    return Path(platformdirs.user_data_dir("emotone", appauthor=False))


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex, with constant memory."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


@overload
def atomic_write(path: Path) -> AbstractContextManager[IO[bytes]]: ...
@overload
def atomic_write(path: Path, *, text: Literal[True]) -> AbstractContextManager[IO[str]]: ...
@contextlib.contextmanager
def atomic_write(path: Path, *, text: bool = False) -> Iterator[IO[Any]]:
    """Write a file completely or not at all: under a temporary name next to it, synced, then renamed.

    Missing folders are created. A failure inside the block leaves `path` unchanged.

    Raises:
        OutputError: the folder can't be created or written to.

    """
    handle = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OutputError(
            f"can't write {path}: {error.strerror or error}; choose a folder that can be written to"
        ) from error
    temporary = Path(name)
    try:
        with os.fdopen(
            handle, "w" if text else "wb", encoding="utf-8" if text else None, newline="" if text else None
        ) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes private files; results have the usual permissions
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as an indented JSON file, atomically; see `atomic_write`."""
    import json

    with atomic_write(path, text=True) as stream:
        stream.write(json.dumps(value, indent=1) + "\n")


def _umask() -> int:
    with _ONE_AT_A_TIME:  # it can only be read by changing it, for all threads
        mask = os.umask(0)
        os.umask(mask)
    return mask


def is_url(path: object) -> bool:
    """Return whether a path is a URL, such as `s3://bucket/calls/a.wav`.

    Example:
        >>> is_url("s3://bucket/a.wav"), is_url("calls/a.wav")
        (True, False)

    """
    return isinstance(path, str) and URL.match(path) is not None


def filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path within it.

    Raises:
        MissingExtraError: fsspec, or the package for this protocol, is not installed.
        UsageError: a protocol that fsspec does not know.

    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise missing_extra("fsspec", "bulk", f"reading {url}") from None
    try:
        found: tuple[Any, str] = url_to_fs(url)
    except ImportError as error:
        raise MissingExtraError(f"{url}: {one_line(error)} (for s3, emotone[s3])") from error
    except ValueError as error:
        raise UsageError(f"{url}: {one_line(error)}; allowed: s3, gs, http, file and others of fsspec") from error
    return found


def one_line(error: BaseException) -> str:
    """Return the message of an exception of another library on one line; its class where it has no message."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split()) or type(error).__name__


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
