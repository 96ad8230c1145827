"""Torch7's binary files (`.t7`): numbers, strings, tables, tensors and modules. Nothing is executed.

The format is Torch's own serialisation on a 64-bit little-endian machine: every object starts with its type as a
32-bit integer; tables, Torch objects and functions then have an index that later references use.
A Torch object is "V n", its class, and what its class writes: tensors sizes, strides, offset and a storage; storages
their values; the modules of nn and cudnn one table of fields. The format of other classes is unknown, so such an object
is an error. The bytecode of a Lua function is skipped.

Reference: torch7, File.lua and generic/Tensor.c (BSD).
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

NIL, NUMBER, STRING, TABLE, TORCH, BOOLEAN = range(6)
FUNCTIONS = (6, 7, 8)  # plain, legacy and recursive
UNINDEXED_FUNCTION = 6
DTYPES = {"Byte": "u1", "Char": "i1", "Short": "<i2", "Int": "<i4", "Long": "<i8", "Float": "<f4", "Double": "<f8"}
# By the class name before Tensor and Storage: those of a GPU have the same values, and torch.CudaTensor floats.
ELEMENTS = DTYPES | {f"Cuda{name}": dtype for name, dtype in DTYPES.items() if name != "Float"} | {"Cuda": "<f4"}
MODULES = ("nn.", "cudnn.")  # packages whose classes write one table of fields
MAX_DEPTH = 100  # of nested objects; networks have about ten
MAX_DIMENSIONS = 16
_VALUES = re.compile(r"torch\.(?P<element>\w+)(?P<form>Tensor|Storage)")


@dataclass(eq=False)
class Module:
    """A Torch object of nn or cudnn: its class and its fields."""

    kind: str
    fields: dict[Any, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class LuaFunction:
    """Placeholder of a Lua function, whose code is not read."""

    size: int


def read_torch7(path: Path) -> Any:
    """Return the object in a `.t7` file: tables as dict, tensors as arrays, nn's objects as `Module`.

    Raises:
        SourceError: the file can't be read, is truncated, is not a Torch7 file, or contains an object of another class.

    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror or error}") from error
    return _Reader(data, where=str(path)).root()


class _Reader:
    """One pass over the bytes of a file."""

    def __init__(self, data: bytes, *, where: str) -> None:
        self.data = data
        self.where = where
        self.at = 0
        self.depth = 0
        self.objects: dict[int, Any] = {}
        self.plain: dict[int, Callable[[], Any]] = {
            NIL: lambda: None,
            NUMBER: lambda: struct.unpack("<d", self.take(8, "a number"))[0],
            STRING: lambda: self.text("a string"),
            BOOLEAN: lambda: self.integer("a boolean") == 1,
            UNINDEXED_FUNCTION: lambda: self.function(None),
        }

    def root(self) -> Any:
        found = self.object()
        if self.at != len(self.data):
            raise self.error(f"{len(self.data) - self.at} bytes follow the object", at=self.at)
        return found

    def error(self, what: str, *, at: int) -> SourceError:
        return SourceError(f"{self.where}: {what} (at byte {at}); expected a Torch7 file in binary form")

    def take(self, count: int, what: str) -> bytes:
        if count < 0:
            raise self.error(f"{what} of {count} bytes", at=self.at)
        if count > len(self.data) - self.at:
            left = len(self.data) - self.at
            raise self.error(f"truncated: {what} needs {count} bytes, {left} remain", at=self.at)
        start = self.at
        self.at += count
        return self.data[start : self.at]

    def integer(self, what: str) -> int:
        return int(struct.unpack("<i", self.take(4, what))[0])

    def longs(self, count: int, what: str) -> tuple[int, ...]:
        return struct.unpack(f"<{count}q", self.take(8 * count, what))

    def text(self, what: str) -> str:
        return self.take(self.integer(f"the length of {what}"), what).decode("latin-1")

    def object(self) -> Any:
        start = self.at
        if self.depth == MAX_DEPTH:
            raise self.error(f"objects are nested more than {MAX_DEPTH} deep", at=start)
        self.depth += 1
        try:
            return self.of_kind(self.integer("the type of an object"), start)
        finally:
            self.depth -= 1

    def of_kind(self, kind: int, start: int) -> Any:
        if kind in self.plain:
            return self.plain[kind]()
        if kind not in {TABLE, TORCH, *FUNCTIONS}:
            raise self.error(f"an object of type {kind}", at=start)
        index = self.integer("the index of an object")
        if index in self.objects:
            return self.objects[index]
        if kind == TABLE:
            return self.table(index)
        return self.torch(index, start) if kind == TORCH else self.function(index)

    def table(self, index: int) -> dict[Any, Any]:
        count = self.integer("the size of a table")
        table: dict[Any, Any] = {}
        self.objects[index] = table
        for _ in range(count):
            start = self.at
            key = self.object()
            if isinstance(key, dict | np.ndarray | type(None)):
                raise self.error(f"a table's key is a {type(key).__name__}", at=start)
            table[int(key) if isinstance(key, float) and key.is_integer() else key] = self.object()
        return table

    def function(self, index: int | None) -> LuaFunction:
        found = LuaFunction(len(self.take(self.integer("the length of a function"), "a function")))
        if index is not None:
            self.objects[index] = found
        self.object()  # its upvalues
        return found

    def torch(self, index: int, start: int) -> Any:
        version = self.text("the version of a class")
        kind = self.text("the name of a class") if version.startswith("V ") else version  # old files have no version
        known = _VALUES.fullmatch(kind)
        if known is not None and known["element"] in ELEMENTS:
            dtype = np.dtype(ELEMENTS[known["element"]])
            found: Any = self.storage(dtype) if known["form"] == "Storage" else self.tensor(dtype, start)
            self.objects[index] = found
            return found
        if not kind.startswith(MODULES):
            shown = kind if kind.isprintable() and len(kind) < 100 else "?"
            raise self.error(
                f"an object of class '{shown}'; only tensors, storages and modules of nn and cudnn can be read",
                at=start,
            )
        module = Module(kind)
        self.objects[index] = module
        fields = self.object()
        if not isinstance(fields, dict):
            raise self.error(f"the fields of a {kind} are not a table", at=start)
        module.fields.update(fields)
        return module

    def storage(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        (count,) = self.longs(1, "the size of a storage")
        return np.frombuffer(self.take(count * dtype.itemsize, f"a storage of {count} values"), dtype)

    def tensor(self, dtype: np.dtype[Any], start: int) -> NDArray[Any]:
        dimensions = self.integer("the number of a tensor's dimensions")
        if not 0 <= dimensions <= MAX_DIMENSIONS:
            raise self.error(f"a tensor of {dimensions} dimensions", at=start)
        sizes = self.longs(dimensions, "a tensor's sizes")
        strides = self.longs(dimensions, "a tensor's strides")
        (first,) = self.longs(1, "a tensor's offset")
        values = self.object()
        if values is None or dimensions == 0:
            return np.zeros(0, dtype)
        if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype != dtype:
            raise self.error("a tensor's values are not of its own type", at=start)
        # A strided view; it must be inside the storage, and no larger than it.
        last = first + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        if min(*sizes, *strides) < 0 or first < 1 or math.prod(sizes) > len(values) or last > len(values):
            raise self.error(f"a tensor of sizes {sizes} and strides {strides} in {len(values)} values", at=start)
        steps = [stride * dtype.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(values[first - 1 :], sizes, steps).copy()
