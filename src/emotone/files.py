"""Files: folders for caches and data, atomic writes, SHA-256 checks, and URLs through fsspec.

URLs name files in object stores, on web servers and in other file systems. They need the extra `bulk`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import threading
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
