"""The output of a bulk run: a folder or a URL, in which every file is complete or absent."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from emotone.errors import OutputError
from emotone.files import atomic_write, filesystem, is_url, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class Store(Protocol):
    """Files by names relative to the output, with `/` between their parts."""

    @property
    def location(self) -> str:
        """The folder or URL."""
        ...

    def writing(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Return a stream whose content becomes the file at the end of the block, unless the block fails."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None where there is none."""
        ...

    def names(self, folder: str = "") -> set[str]:
        """Return the names of what a folder contains; hidden (temporary) files are left out."""
        ...


def open_store(location: str | Path) -> Store:
    """Return the store at a folder, which need not exist, or at a URL.

    Raises:
        MissingExtraError: the URL needs a package that is not installed.
        UsageError: an unknown protocol.

    """
    text = os.fspath(location)
    if is_url(text):
        files, root = filesystem(text)
        return UrlStore(text, files, root.rstrip("/"))
    return FolderStore(str(Path(text).resolve()))


@dataclass(frozen=True)
class FolderStore:
    """A folder of a file system that all workers share. Files are written under another name and renamed."""

    location: str

    def writing(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Return a stream for a file, as `emotone.files.atomic_write` does."""
        return atomic_write(Path(self.location) / name)

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None where there is none."""
        try:
            return (Path(self.location) / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OutputError(f"can't read {self.location}/{name}: {one_line(error)}") from error

    def names(self, folder: str = "") -> set[str]:
        """Return the names of what a folder contains; none where there is no folder."""
        try:
            return {name for name in os.listdir(Path(self.location) / folder) if not name.startswith(".")}  # noqa: PTH208
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise OutputError(f"can't write results to {self.location}: {one_line(error)}") from error


@dataclass(frozen=True)
class UrlStore:
    """An object store. Objects are uploaded when they are complete, and appear at once.

    Attributes:
        location: the URL.
        files: fsspec's file system.
        root: path within it.

    """

    location: str
    files: Any
    root: str

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Yield a temporary file that is uploaded at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="emotone-") as folder:
            path = Path(folder) / "object"
            with path.open("wb") as stream:
                yield stream
            with self._errors(f"write {name}"):
                self.files.makedirs(f"{self.root}/{name}".rpartition("/")[0], exist_ok=True)
                self.files.put_file(str(path), f"{self.root}/{name}")

    def read(self, name: str) -> bytes | None:
        """Return the content of an object; None where there is none."""
        with self._errors(f"read {name}"):
            try:
                content: bytes = self.files.cat_file(f"{self.root}/{name}")
            except FileNotFoundError:
                return None
            return content

    def names(self, folder: str = "") -> set[str]:
        """Return the last parts of the names below a prefix."""
        with self._errors("list the output"):
            try:
                self.files.invalidate_cache()
                found = self.files.ls(f"{self.root}/{folder}".rstrip("/"), detail=False)
            except FileNotFoundError:
                return set()
            return {name.rstrip("/").rpartition("/")[2] for name in found}

    @contextlib.contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # every protocol has exceptions of its own
            raise OutputError(f"{self.location}: can't {action}: {one_line(error)}") from error
