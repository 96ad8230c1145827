"""A recording at a URL as a temporary file."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from emotone.audio.source import spool
from emotone.errors import AudioError, EmotoneError, MissingFileError
from emotone.remote import filesystem, is_url, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def fetched(path: str | Path, *, name: str) -> Iterator[str | Path]:
    """Yield a path unchanged, or for a URL that of a temporary copy, which is removed at the end of the block.

    Args:
        path: of a file, or its URL.
        name: how messages name the recording.

    Raises:
        MissingFileError: nothing is stored at the URL.
        AudioError: it can't be read: no right to, no connection, or larger than a recording may be.
        MissingExtraError: the URL needs a package that is not installed.

    """
    if not is_url(path):
        yield path
        return
    with contextlib.ExitStack() as stack:
        try:
            files, where = filesystem(str(path))
            stream = stack.enter_context(files.open(where, "rb"))
            local = stack.enter_context(spool(stream, name=name))
        except EmotoneError:
            raise
        except FileNotFoundError as error:
            raise MissingFileError(f"{name}: nothing is stored there") from error
        except Exception as error:  # every protocol has exceptions of its own
            raise AudioError(f"{name}: can't be fetched: {one_line(error)}") from error
        yield local
