"""Archives of plain arrays (`.npz`), read without pickle."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_npz(path: Path, *, advice: str = "") -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive by name.

    Args:
        path: of the archive.
        advice: how to get such a file, for the error message.

    Raises:
        SourceError: the file can't be read, is not such an archive, or contains Python objects.

    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}
    except (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise SourceError(f"{path} is not an archive of plain arrays ({error}){advice and f'; {advice}'}") from error


def _array(data: bytes) -> NDArray[Any]:
    array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array
