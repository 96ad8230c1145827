"""Locate the published files of a source on this machine, and convert them to emotone's safetensors.

Searched are, in this order: a given file or folder; installed Python packages that contain a file, whole or in parts
(`model.bin.part1`, `model.bin.part2` ...), possibly of several packages; the user's cache of the Hugging Face hub; the
user's cache of OpenAI's whisper. Nothing is downloaded, and no code of the packages runs. Files that are not named by
the user are used only if their SHA-256 is the published one, or, where none is published, if their tensors are those
of the source.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.errors import SourceError
from emotone.files import CHUNK, data_dir
from emotone.transfer.weights import SUFFIX, write_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emotone.transfer.source import PublishedFile, Source
    from emotone.transfer.weights import SourceWeights

_PART = re.compile(r"(?P<file>.+)\.part(?P<number>\d+)")
_HUB_REPOSITORY = re.compile(r"https://huggingface\.co/(?P<owner>[^/]+)/(?P<name>[^/]+)")
_MAX_JOINS = 64  # combinations of parts that are hashed
_OPENAI = "openaipublic.azureedge.net/main/whisper/"


@dataclass(frozen=True)
class SourceFile:
    """A file that may contain the weights of a source.

    Attributes:
        paths: the file, or its parts in order.
        name: file name of the whole.
        place: where it was found, for messages.

    """

    paths: tuple[Path, ...]
    name: str
    place: str

    def sha256(self) -> str:
        """Return the SHA-256 of the whole file, in hex."""
        digest = hashlib.sha256()
        for path in self.paths:
            with path.open("rb") as stream:
                while block := stream.read(CHUNK):
                    digest.update(block)
        return digest.hexdigest()

    def read(self, source: Source) -> SourceWeights:
        """Return the weights; parts are joined in a temporary file first.

        Raises:
            SourceError: they can't be read, or are not those of the source.

        """
        if len(self.paths) == 1:
            return source.read(self.paths[0])
        with tempfile.TemporaryDirectory(prefix="emotone-") as folder:
            whole = Path(folder) / self.name
            with whole.open("wb") as stream:
                for path in self.paths:
                    with path.open("rb") as part:
                        shutil.copyfileobj(part, stream, CHUNK)
            return source.read(whole)


@dataclass(frozen=True, eq=False)
class LocatedWeights:
    """Weights of a source, and where they were found.

    Attributes:
        weights: checked by the names and shapes of all tensors.
        file: the file that they are from.
        verified: whether its SHA-256 is one of the published ones.

    """

    weights: SourceWeights
    file: SourceFile
    verified: bool


def converted_path(name: str) -> Path:
    """Return where the converted weights of a source are stored in the user's data folder; they may not exist."""
    return data_dir() / "sources" / f"{name}{SUFFIX}"


def store(located: LocatedWeights, out: Path | None = None) -> Path:
    """Write located weights as safetensors, and return the file.

    Args:
        located: what to write.
        out: the file; None for the user's data folder, where recipes find it by the name of the source.

    Raises:
        OutputError: it can't be written.

    """
    path = converted_path(located.weights.source) if out is None else out
    write_weights(path, located.weights)
    return path


def locate_weights(source: Source, *, path: Path | None = None) -> LocatedWeights:
    """Return the weights of a source from the first place that has them.

    Args:
        source: whose weights.
        path: a file, a part of one next to its other parts, or a folder to search; None searches this machine.

    Raises:
        SourceError: no place has them; the message names the files that were found and why they were refused.

    """
    published = {one.sha256 for one in source.published if one.sha256}
    named = path is not None and path.is_file() and _PART.fullmatch(path.name) is None
    refused: list[str] = []
    for file in _given(source, path) if path is not None else installed_files(source):
        digest = file.sha256()
        expected = {one.sha256 for one in source.published if one.file == file.name and one.sha256}
        if not named and expected and digest not in expected:
            refused.append(f"{file.place} has another SHA-256, {digest}")
            continue
        try:
            return LocatedWeights(file.read(source), file, digest in published)
        except SourceError as error:
            if named:
                raise
            refused.append(f"{file.place}: {error}")
    where = "this machine (installed packages and caches)" if path is None else str(path)
    if refused:
        raise SourceError(f"{where} contains no intact file of {source.name}: {'; '.join(refused)}")
    files = ", ".join(dict.fromkeys(one.file for one in source.published))
    raise SourceError(f"{where} contains no file of {source.name}; its files are {files}")


def installed_files(source: Source) -> Iterator[SourceFile]:
    """Yield files by the names of a source's published files, from Python packages and the caches of other tools."""
    packages = _package_files(frozenset(published.file for published in source.published))
    for published in source.published:
        yield from _named(packages, published.file)
    for published in source.published:
        yield from _in_hub_cache(published)
        yield from _in_openai_cache(published)


def _given(source: Source, path: Path) -> Iterator[SourceFile]:
    if not path.exists():
        raise SourceError(f"{path}: can't be read: there is no such file or folder")
    if path.is_file() and _PART.fullmatch(path.name) is None:
        yield SourceFile((path,), path.name, str(path))
        return
    folder = path if path.is_dir() else path.parent
    files = sorted(found for found in folder.rglob("*") if found.is_file())
    for published in source.published:
        yield from _named([(found, str(found)) for found in files], published.file)


def _package_files(names: frozenset[str]) -> list[tuple[Path, str]]:
    """Return the files of installed Python packages with these names, whole or in parts, each with its place."""
    found: list[tuple[Path, str]] = []
    for distribution in importlib.metadata.distributions():
        for file in distribution.files or ():
            part = _PART.fullmatch(file.name)
            if (file.name if part is None else part["file"]) in names:
                place = f"Python package {distribution.metadata['Name']}"
                found.append((Path(str(distribution.locate_file(file))), place))
    return found


def _in_hub_cache(published: PublishedFile) -> Iterator[SourceFile]:
    repository = _HUB_REPOSITORY.match(published.url)
    if repository is None:
        return iter(())
    folder = hub_cache() / f"models--{repository['owner']}--{repository['name']}" / "snapshots"
    return _named([(path, f"Hugging Face cache, {path}") for path in sorted(folder.glob("*/*"))], published.file)


def _in_openai_cache(published: PublishedFile) -> Iterator[SourceFile]:
    if _OPENAI not in published.url:
        return iter(())
    path = _user_cache() / "whisper" / published.file
    return _named([(path, f"cache of OpenAI's whisper, {path}")], published.file)


def _named(found: Iterable[tuple[Path, str]], name: str) -> Iterator[SourceFile]:
    """Yield the existing files of this name, and every combination of parts of it; each with its place."""
    parts: dict[int, list[tuple[Path, str]]] = {}
    for path, place in found:
        part = _PART.fullmatch(path.name)
        if not path.is_file():
            continue
        if path.name == name:
            yield SourceFile((path,), name, place)
        elif part is not None and part["file"] == name:
            parts.setdefault(int(part["number"]), []).append((path, place))
    numbers = sorted(parts)
    if len(numbers) < 2 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return
    for combination in itertools.islice(itertools.product(*(parts[number] for number in numbers)), _MAX_JOINS):
        places = " and ".join(dict.fromkeys(place for _, place in combination))
        yield SourceFile(tuple(path for path, _ in combination), name, places)


def hub_cache() -> Path:
    """Return the cache folder of the Hugging Face hub; the variables are those of its client."""
    if given := os.environ.get("HF_HUB_CACHE"):
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME")
    return (Path(home).expanduser() if home else _user_cache() / "huggingface") / "hub"


def _user_cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME")
    return Path(given) if given else Path.home() / ".cache"
