"""Writes Torch7's binary files as Torch on a 64-bit machine does: what the reader is tested with."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NAMES = {"f4": "Float", "f8": "Double", "i8": "Long", "u1": "Byte", "i4": "Int", "i2": "Short", "i1": "Char"}


@dataclass(eq=False)
class Obj:
    """A Torch object that writes one table of fields."""

    kind: str
    fields: dict[Any, Any]


@dataclass(eq=False)
class View:
    """A tensor over a part of a storage, as all weights of a net are after `getParameters`.

    Attributes:
        storage: one-dimensional values; views of the same array share it in the file.
        sizes: of the tensor.
        strides: in values.
        first: place of its first value, from 0.
        kind: what stands before Tensor and Storage, e.g. "Cuda"; "" for what the values are.

    """

    storage: np.ndarray[Any, Any]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    first: int = 0
    kind: str = ""


@dataclass(frozen=True)
class Function:
    """A Lua function, as bytecode, with what it closes over."""

    bytecode: bytes
    upvalues: Any
    kind: int = 8


@dataclass(eq=False)
class Writer:
    """Bytes of objects; one that was written before is written as its index.

    Attributes:
        version: what stands before the name of a class; "" as in files from before there were versions.

    """

    version: str = "V 1"
    out: bytearray = field(default_factory=bytearray)
    indices: dict[int, int] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)  # so that no id is given twice

    def pack(self, form: str, *values: Any) -> None:
        self.out += struct.pack(f"<{form}", *values)

    def text(self, value: bytes) -> None:
        self.pack("i", len(value))
        self.out += value

    def known(self, value: Any) -> bool:
        """Write the index of an object; return whether that is all."""
        found = id(value) in self.indices
        index = self.indices.setdefault(id(value), len(self.indices) + 1)
        self.kept.append(value)
        self.pack("i", index)
        return found

    def class_of(self, kind: str) -> None:
        if self.version:
            self.text(self.version.encode())
        self.text(kind.encode())

    def write(self, value: Any) -> None:
        if value is None:
            self.pack("i", 0)
        elif isinstance(value, bool):
            self.pack("ii", 5, int(value))
        elif isinstance(value, int | float):
            self.pack("id", 1, float(value))
        elif isinstance(value, str):
            self.pack("i", 2)
            self.text(value.encode("latin-1"))
        elif isinstance(value, Function):
            self.function(value)
        elif isinstance(value, dict):
            self.pack("i", 3)
            if not self.known(value):
                self.pack("i", len(value))
                for key, item in value.items():
                    self.write(key)
                    self.write(item)
        elif isinstance(value, Obj):
            self.pack("i", 4)
            if not self.known(value):
                self.class_of(value.kind)
                self.write(value.fields)
        elif isinstance(value, View):
            self.tensor(value)
        else:
            array = np.ascontiguousarray(value)
            strides = tuple(stride // array.itemsize for stride in array.strides)
            self.tensor(View(array.reshape(-1), array.shape, strides))

    def function(self, value: Function) -> None:
        self.pack("i", value.kind)
        if value.kind == 6 or not self.known(value):
            self.text(value.bytecode)
            self.write(value.upvalues)

    def tensor(self, view: View) -> None:
        name = view.kind or NAMES[view.storage.dtype.str[1:]]
        self.pack("i", 4)
        if self.known(view):
            return
        self.class_of(f"torch.{name}Tensor")
        count = len(view.sizes)
        self.pack(f"i{count}q{count}qq", count, *view.sizes, *view.strides, view.first + 1)
        if view.storage.size == 0:
            self.pack("i", 0)
            return
        self.pack("i", 4)
        if not self.known(view.storage):
            self.class_of(f"torch.{name}Storage")
            self.pack("q", view.storage.size)
            self.out += view.storage.tobytes()


def torch7(value: Any, *, version: str = "V 1") -> bytes:
    """Return the bytes of a file that holds `value`."""
    writer = Writer(version)
    writer.write(value)
    return bytes(writer.out)
