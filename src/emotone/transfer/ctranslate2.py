"""The tensors of a CTranslate2 model file (`model.bin`), as faster-whisper publishes Whisper; read without CTranslate2.

The file is little-endian: uint32 version; name (uint16 length including a final zero byte, bytes); uint32 revision;
uint32 number of variables; each variable: name, uint8 rank, uint32 dimensions, uint8 type, uint32 bytes, data. Aliases
follow, which are not needed here.

Reference: OpenNMT/CTranslate2, python/ctranslate2/specs/model_spec.py (MIT).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from emotone.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

VERSIONS = (5, 6)
FLOAT16 = 4
TYPES: dict[int, type[np.generic]] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, FLOAT16: np.float16}
MAX_RANK = 8
MAX_VARIABLES = 100_000


@dataclass
class _Reader:
    """A file that is read field by field, with the position for messages."""

    stream: BinaryIO
    path: Path
    size: int

    def bytes(self, count: int) -> bytes:
        data = self.stream.read(count)
        if len(data) != count:
            raise SourceError(f"{self.path} is truncated: it ends after {self.size} bytes, in the middle of a variable")
        return data

    def number(self, layout: str) -> int:
        (value,) = struct.unpack(f"<{layout}", self.bytes(struct.calcsize(layout)))
        return int(value)

    def text(self) -> str:
        data = self.bytes(self.number("H"))
        try:
            return data.rstrip(b"\0").decode()
        except UnicodeDecodeError as error:
            raise SourceError(f"{self.path} is not a CTranslate2 model, or was altered: a name is not text") from error

    def skip(self, count: int) -> None:
        if self.stream.seek(count, 1) > self.size:
            raise SourceError(f"{self.path} is truncated: it ends after {self.size} bytes, in the middle of a variable")


def read_ctranslate2(path: Path, *, prefix: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a model file whose names start with `prefix`, by name without it.

    Half-precision tensors are returned in float32.

    Raises:
        SourceError: the file cannot be read, is not a CTranslate2 model, or is truncated or altered.

    """
    try:
        with path.open("rb") as stream:
            return _tensors(_Reader(stream, path, path.stat().st_size), prefix=prefix)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error


def _tensors(reader: _Reader, *, prefix: str) -> dict[str, NDArray[Any]]:
    version = reader.number("I")
    if version not in VERSIONS:
        raise SourceError(
            f"{reader.path} is not a CTranslate2 model of a supported version: the first number is {version}; "
            f"supported: {', '.join(map(str, VERSIONS))}"
        )
    reader.text()
    reader.number("I")  # revision of the model specification
    count = reader.number("I")
    if count > MAX_VARIABLES:
        raise SourceError(f"{reader.path} is not a CTranslate2 model, or was altered: it declares {count} variables")
    tensors: dict[str, NDArray[Any]] = {}
    for _ in range(count):
        name = reader.text()
        rank = reader.number("B")
        if rank > MAX_RANK:
            raise SourceError(f"{reader.path} was altered: {name} declares {rank} dimensions")
        shape = tuple(reader.number("I") for _ in range(rank))
        kind, size = reader.number("B"), reader.number("I")
        if kind not in TYPES or math.prod(shape) * np.dtype(TYPES[kind]).itemsize != size:
            raise SourceError(
                f"{reader.path} was altered: {name} declares shape {list(shape)}, type {kind}, {size} bytes"
            )
        if not name.startswith(prefix):
            reader.skip(size)
            continue
        values = np.frombuffer(reader.bytes(size), TYPES[kind]).reshape(shape)
        tensors[name.removeprefix(prefix)] = values.astype(np.float32) if kind == FLOAT16 else values.copy()
    return tensors
