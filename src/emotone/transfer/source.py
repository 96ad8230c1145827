"""What every source file says about itself: where it is published, its licence, and how a file becomes weights.

To add a source, add one file that defines `SOURCE`; it is found by its name. A reader only turns a file's format into
arrays under the names of the net's tensors; whether all are there, in the right shapes, is checked here, once.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError
from emotone.files import sha256_file
from emotone.registry import Registry
from emotone.transfer.weights import SUFFIX, SourceWeights, read_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.types import Hertz

REFUSED = {".npy", ".ckpt"}  # whose readers only say what to do instead
SHOWN = 6  # mistakes of one kind that a message lists


@dataclass(frozen=True)
class Published:
    """One file as its owners publish it.

    Attributes:
        file: its name.
        url: where it is, or the archive that holds it.
        sha256: in lower-case hex; "" where its owners publish none and no copy could be looked at.

    """

    file: str
    url: str
    sha256: str = ""


@dataclass(frozen=True)
class Source:
    """One network to transfer from.

    Attributes:
        name: registry name.
        title: one line for lists.
        citation: the publication to cite.
        licence: SPDX identifier of the weights' licence, or `LicenseRef-...`.
        licence_note: what it asks, in one sentence.
        published: the files that can be read.
        rate: hertz of the sound that it learned from.
        net: registry name of the net whose layers it fills.
        layers: those layers.
        shapes: of every tensor that must be there, by the net's names.
        optional: shapes of tensors of which all or none must be there.
        readers: by suffix, what turns a file into tensors by the net's names; may raise `SourceError`.

    """

    name: str
    title: str
    citation: str
    licence: str
    licence_note: str
    published: tuple[Published, ...]
    rate: Hertz
    net: str
    layers: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    readers: Mapping[str, Callable[[Path], dict[str, NDArray[Any]]]]
    optional: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def read(self, path: Path) -> SourceWeights:
        """Return the weights in a file: as published, converted by others, or written by emotone.

        Raises:
            SourceError: the file can't be read, is not this source's, or its hash is not the published one.

        """
        suffix = path.suffix.lower()
        if suffix == SUFFIX:
            weights = read_weights(path)
            if weights.source != self.name:
                raise SourceError(f"{path} holds weights of '{weights.source}'; needed: '{self.name}'")
            self.check(weights.tensors, where=str(path))
            return weights
        if suffix not in self.readers:
            allowed = ", ".join((*sorted(self.readers), SUFFIX))
            raise SourceError(f"{path}: files of {self.name} end in {allowed}; given '{path.suffix}'")
        try:
            digest = sha256_file(path)
        except OSError as error:
            raise SourceError(f"{path}: can't be read: {error.strerror or error}") from error
        expected = {one.sha256 for one in self.published if one.file == path.name and one.sha256}
        if expected and digest not in expected:
            raise SourceError(f"{path} has SHA-256 {digest}; published: {', '.join(sorted(expected))}; get it again")
        tensors = self.readers[suffix](path)
        self.check(tensors, where=str(path))
        return SourceWeights(self.name, tensors, digest, self.licence)

    def check(self, tensors: Mapping[str, NDArray[Any]], *, where: str) -> None:
        """Compare tensors with what must be there, name by name and shape by shape.

        Raises:
            SourceError: names every tensor that is missing, not expected, of another shape, or not all finite numbers.

        """
        wanted = dict(self.shapes)
        if any(name in tensors for name in self.optional):
            wanted |= self.optional
        missing = [name for name in wanted if name not in tensors]
        extra = [name for name in tensors if name not in wanted]
        shapes = [
            f"{name} is {_shape(tensors[name].shape)}, needed {_shape(shape)}"
            for name, shape in wanted.items()
            if name in tensors and tensors[name].shape != shape
        ]
        broken = [name for name, values in tensors.items() if not _finite(values)]
        problems = [
            _listed("missing", [f"{name}{_nearest(name, extra)}" for name in missing]),
            _listed("not expected", extra),
            _listed("other shapes", shapes),
            _listed("not finite numbers", broken),
        ]
        if any(problems):
            raise SourceError(f"{where} does not hold {self.name}: {'; '.join(filter(None, problems))}")


def _finite(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "fiu" and bool(np.isfinite(values).all())


def _listed(what: str, items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return f"{what}: {', '.join(items[:SHOWN])}{more}" if items else ""


def _nearest(name: str, extra: list[str]) -> str:
    close = difflib.get_close_matches(name, extra, n=1, cutoff=0.8)
    return f" (there is '{close[0]}')" if close else ""


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a number"


SOURCES: Registry[Source] = Registry("source", "emotone.transfer.sources", "SOURCE")


def read_any(path: Path) -> SourceWeights:
    """Return the weights in a file as any source publishes it: the first that finds all of its tensors in it.

    Raises:
        SourceError: no source's files end so, or the file holds none of those that do; what each of them lacks is said.

    """
    suffix = path.suffix.lower()
    readable = [source for source in SOURCES.all().values() if suffix in source.readers]
    if not readable:
        others = {suffix for source in SOURCES.all().values() for suffix in source.readers} - REFUSED
        allowed = ", ".join((SUFFIX, *sorted(others)))
        raise SourceError(f"{path} can't be transferred from: weights end in {allowed}; given '{path.suffix}'")
    refused: list[SourceError] = []
    for source in readable:
        try:
            return source.read(path)
        except SourceError as error:
            refused.append(error)
    if len(refused) == 1 or not path.is_file():
        raise refused[0]
    reasons = "; ".join(f"as {source.name}: {error}" for source, error in zip(readable, refused, strict=True))
    raise SourceError(f"{path} holds the weights of no known source. {reasons}")
