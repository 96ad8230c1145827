"""Sources of published weights: where they are published, their licence, and how their files are read.

To add a source, add one file to `emotone.transfer.sources` that defines `SOURCE`; the registry finds it by its name. A
reader only converts a file format to arrays with the names of a network's tensors; names and shapes are checked here.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError
from emotone.files import sha256_file
from emotone.registry import Registry
from emotone.transfer.weights import SUFFIX, SourceWeights, is_emotone_file, read_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.types import Hertz

REJECTED = {".npy", ".ckpt"}  # their readers only explain how to convert the file
MAX_LISTED = 6  # problems of one kind in a message


@dataclass(frozen=True)
class PublishedFile:
    """One file of published weights.

    Attributes:
        file: its name.
        url: of the file, or of the archive that contains it.
        sha256: in lower-case hex; "" if it is not known.

    """

    file: str
    url: str
    sha256: str = ""


@dataclass(frozen=True)
class Source:
    """One published network to transfer from.

    Attributes:
        name: registry name.
        title: one line for lists.
        citation: the publication to cite.
        licence: SPDX identifier of the weights' licence, or `LicenseRef-...`.
        licence_note: origin or conditions of the licence, in one sentence.
        published: the files that can be read.
        rate: hertz of its training sound.
        net: registry name of the network whose layers it has.
        layers: those layers.
        shapes: of every required tensor, by the network's names.
        optional: shapes of tensors that are all present or all missing.
        readers: by suffix, functions from a file to tensors by the network's names; may raise `SourceError`.

    """

    name: str
    title: str
    citation: str
    licence: str
    licence_note: str
    published: tuple[PublishedFile, ...]
    rate: Hertz
    net: str
    layers: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    readers: Mapping[str, Callable[[Path], dict[str, NDArray[Any]]]]
    optional: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def read(self, path: Path) -> SourceWeights:
        """Return the weights in a file: published, ported, or written by emotone.

        Raises:
            SourceError: the file can't be read, belongs to another source, or has another hash than the published one.

        """
        suffix = path.suffix.lower()
        if suffix == SUFFIX and (SUFFIX not in self.readers or is_emotone_file(path)):
            weights = read_weights(path)
            if weights.source != self.name:
                raise SourceError(f"{path} contains weights of '{weights.source}', not of '{self.name}'")
            self.check(weights.tensors, where=str(path))
            return weights
        if suffix not in self.readers:
            allowed = ", ".join(dict.fromkeys((*sorted(self.readers), SUFFIX)))
            raise SourceError(f"{path}: files of {self.name} end in {allowed}; given '{path.suffix}'")
        try:
            digest = sha256_file(path)
        except OSError as error:
            raise SourceError(f"{path}: can't be read: {error.strerror or error}") from error
        expected = {one.sha256 for one in self.published if one.file == path.name and one.sha256}
        if expected and digest not in expected:
            raise SourceError(
                f"{path} has SHA-256 {digest}; published: {', '.join(sorted(expected))}; download it again"
            )
        tensors = self.readers[suffix](path)
        self.check(tensors, where=str(path))
        return SourceWeights(self.name, tensors, digest, self.licence)

    def check(self, tensors: Mapping[str, NDArray[Any]], *, where: str) -> None:
        """Compare the names and shapes of tensors with those of the source.

        Raises:
            SourceError: tensors are missing, unexpected, of another shape, or not finite.

        """
        wanted = dict(self.shapes)
        if any(name in tensors for name in self.optional):
            wanted |= self.optional
        missing = [name for name in wanted if name not in tensors]
        extra = [name for name in tensors if name not in wanted]
        shapes = [
            f"{name} has {_shape(tensors[name].shape)}, expected {_shape(shape)}"
            for name, shape in wanted.items()
            if name in tensors and tensors[name].shape != shape
        ]
        broken = [name for name, values in tensors.items() if not _finite(values)]
        problems = [
            _listed("missing", [f"{name}{_nearest(name, extra)}" for name in missing]),
            _listed("unexpected", extra),
            _listed("wrong shapes", shapes),
            _listed("not finite", broken),
        ]
        if any(problems):
            raise SourceError(f"{where} does not contain {self.name}: {'; '.join(filter(None, problems))}")


def _finite(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "fiu" and bool(np.isfinite(values).all())


def _listed(what: str, items: list[str]) -> str:
    more = f" and {len(items) - MAX_LISTED} more" if len(items) > MAX_LISTED else ""
    return f"{what}: {', '.join(items[:MAX_LISTED])}{more}" if items else ""


def _nearest(name: str, extra: list[str]) -> str:
    close = difflib.get_close_matches(name, extra, n=1, cutoff=0.8)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "scalar"


SOURCES: Registry[Source] = Registry("source", "emotone.transfer.sources", "SOURCE")


def read_any(path: Path) -> SourceWeights:
    """Return the weights in a file of any source: the first source whose tensors are all in the file.

    Raises:
        SourceError: no source has files with this suffix, or none of those fits; the message has a reason for each.

    """
    suffix = path.suffix.lower()
    readable = [source for source in SOURCES.all().values() if suffix in source.readers]
    if not readable:
        others = {suffix for source in SOURCES.all().values() for suffix in source.readers} - REJECTED - {SUFFIX}
        allowed = ", ".join((SUFFIX, *sorted(others)))
        raise SourceError(f"{path} is not a file of weights: their names end in {allowed}; given '{path.suffix}'")
    errors: list[SourceError] = []
    for source in readable:
        try:
            return source.read(path)
        except SourceError as error:
            errors.append(error)
    if len(errors) == 1 or not path.is_file():
        raise errors[0]
    reasons = "; ".join(f"as {source.name}: {error}" for source, error in zip(readable, errors, strict=True))
    raise SourceError(f"{path} contains the weights of no known source. {reasons}")
