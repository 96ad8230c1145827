"""Folders for caches and data, atomic writes, and SHA-256 checks."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, overload

from emotone.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

CHUNK = 1 << 20  # bytes read at a time while hashing
_ONE_AT_A_TIME = threading.Lock()


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


def _umask() -> int:
    with _ONE_AT_A_TIME:  # it can only be read by changing it, for all threads
        mask = os.umask(0)
        os.umask(mask)
    return mask
