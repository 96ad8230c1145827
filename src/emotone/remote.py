"""URLs of files, through fsspec: object stores, web servers and other file systems. Needs the extra `bulk`.

fsspec reads the credentials of a protocol where its own tools do: environment variables and files in the home folder.
"""

from __future__ import annotations

import re
from typing import Any

from emotone.errors import MissingExtraError, UsageError, missing_extra

URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # two letters at least: C:// is a drive


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
