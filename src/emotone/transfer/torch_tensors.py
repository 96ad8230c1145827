"""Reads the tensors of a file that torch.save wrote, without torch and without running any of its pickle.

Such a file holds a pickle, a program for a small stack machine that may name any function and have it called. Here the
machine is written out for the few steps that a dictionary of tensors takes. What may be named is listed (`STORAGES`,
`TENSOR`, `PARAMETER`, `ORDERED`) and stands for nothing but data; every other name is an error, and no step imports or
calls anything.

Two forms: an archive with the pickle in `data.pkl` and each storage as a member (torch 1.6 and later), and before that
one stream of five pickles (a magic number, a version, the machine, the object, the storages' keys) with the storages
behind them.

References: torch/serialization.py (BSD); Python's pickletools, protocol 2.
"""

from __future__ import annotations

import math
import pickletools
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

STORAGES = {
    f"torch {kind}Storage": dtype
    for kind, dtype in {
        "Double": "<f8",
        "Float": "<f4",
        "Half": "<f2",
        "Long": "<i8",
        "Int": "<i4",
        "Short": "<i2",
        "Char": "i1",
        "Byte": "u1",
        "Bool": "?",
    }.items()
}
TENSOR = "torch._utils _rebuild_tensor_v2"
PARAMETER = "torch._utils _rebuild_parameter"
ORDERED = "collections OrderedDict"
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001  # what the older form begins with
SILENT = {"PROTO", "FRAME"}
VALUES = {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


@dataclass(frozen=True)
class _Name:
    """Stands for what the pickle names."""

    text: str


@dataclass(frozen=True)
class _Storage:
    """Where a tensor's values lie."""

    dtype: np.dtype[Any]
    key: str
    count: int


@dataclass(frozen=True)
class _View:
    """A tensor: a storage seen through sizes and strides."""

    storage: _Storage
    first: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """What is wrong with the file."""


# Of archives, RuntimeError is one that says it is encrypted, or (NotImplementedError) of a later version; MemoryError
# is a text that says it is longer than any memory.
DAMAGE = (
    _Refused,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_torch(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a saved `state_dict` by name.

    Raises:
        SourceError: the file can't be read, is damaged, or holds anything but names and tensors.

    """
    try:
        with path.open("rb") as stream:
            if zipfile.is_zipfile(stream):
                return _from_archive(stream)
            stream.seek(0)
            return _from_stream(stream)
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror or error}") from error
    except DAMAGE as error:
        raise SourceError(
            f"{path} is no file of tensors by name, as torch.save writes a net's state_dict ({error})"
        ) from error


def _from_archive(stream: IO[bytes]) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
        root = next((name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")), None)
        if root is None:
            raise _Refused("the archive has no data.pkl")
        if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
            raise _Refused("its numbers are not little-endian")
        with archive.open(f"{root}data.pkl") as pickled:
            views = _views(_run(pickled))
        kept = {view.storage.key: view.storage for view in views.values()}
        values = {key: _numbers(archive.read(f"{root}data/{key}"), storage) for key, storage in kept.items()}
    return {name: _seen(view, values) for name, view in views.items()}


def _from_stream(stream: IO[bytes]) -> dict[str, NDArray[Any]]:
    if _run(stream) != MAGIC or _run(stream) != VERSION:
        raise _Refused("it does not begin as one")
    machine = _run(stream)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise _Refused("its numbers are not little-endian")
    views = _views(_run(stream))
    kept = {view.storage.key: view.storage for view in views.values()}
    values = {}
    for key in _run(stream):
        count = int.from_bytes(stream.read(8), "little")
        if key not in kept or count != kept[key].count:
            raise _Refused(f"storage {key!r} of {count} values is not what its tensors say")
        values[key] = _numbers(stream.read(count * kept[key].dtype.itemsize), kept[key])
    return {name: _seen(view, values) for name, view in views.items()}


def _views(found: Any) -> dict[str, _View]:
    if not isinstance(found, dict) or not found:
        raise _Refused(f"it holds a {type(found).__name__.strip('_').lower()}")
    for name, view in found.items():
        if not isinstance(name, str) or not isinstance(view, _View):
            raise _Refused(f"under {name!r} is no tensor")
    return found


def _numbers(data: bytes, storage: _Storage) -> NDArray[Any]:
    if len(data) != storage.count * storage.dtype.itemsize:
        raise _Refused(f"storage {storage.key!r} has {len(data)} bytes, not {storage.count} values")
    return np.frombuffer(data, storage.dtype)


def _seen(view: _View, values: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """Return a tensor's values; all of them must lie inside the storage, and be no more than it has."""
    storage = values[view.storage.key]
    if len(view.sizes) != len(view.strides) or min((view.first, *view.sizes, *view.strides)) < 0:
        raise _Refused(f"a tensor of sizes {view.sizes} and strides {view.strides}")
    count = math.prod(view.sizes)
    last = view.first + sum((size - 1) * stride for size, stride in zip(view.sizes, view.strides, strict=True))
    if count and (count > len(storage) or last >= len(storage)):
        raise _Refused(f"a tensor of sizes {view.sizes} and strides {view.strides} in {len(storage)} values")
    if not count:
        return np.zeros(view.sizes, storage.dtype)
    steps = [stride * storage.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(storage[view.first :], view.sizes, steps).copy()


def _run(stream: IO[bytes]) -> Any:
    """Return what one pickle makes; the stream is left behind it."""
    machine = _Machine()
    for step, argument, _ in pickletools.genops(stream):
        if step.name == "STOP":
            return machine.stack.pop()
        machine.step(step.name, argument)
    raise _Refused("cut short")  # pragma: no cover - genops says so itself


class _Machine:
    """The stack and the memory of one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memory: dict[int, Any] = {}
        self.steps: dict[str, Callable[[Any], None]] = {
            "MARK": lambda _: self.marks.append(len(self.stack)),
            "EMPTY_DICT": lambda _: self.stack.append({}),
            "EMPTY_LIST": lambda _: self.stack.append([]),
            "EMPTY_TUPLE": lambda _: self.stack.append(()),
            "TUPLE1": lambda _: self.stack.append(self.last(1)),
            "TUPLE2": lambda _: self.stack.append(self.last(2)),
            "TUPLE3": lambda _: self.stack.append(self.last(3)),
            "TUPLE": lambda _: self.stack.append(tuple(self.marked())),
            "APPEND": lambda _: self.extended(list(self.last(1))),
            "APPENDS": lambda _: self.extended(self.marked()),
            "SETITEM": lambda _: self.updated(list(self.last(2))),
            "SETITEMS": lambda _: self.updated(self.marked()),
            "BINPUT": self.remember,
            "LONG_BINPUT": self.remember,
            "BINGET": lambda place: self.stack.append(self.memory[place]),
            "LONG_BINGET": lambda place: self.stack.append(self.memory[place]),
            "GLOBAL": self.named,
            "BINPERSID": lambda _: self.stack.append(_storage(*self.last(1))),
            "REDUCE": lambda _: self.stack.append(_made(*self.last(2))),
            "BUILD": self.built,
        }

    def step(self, name: str, argument: Any) -> None:
        """Take one step."""
        if name in VALUES:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in self.steps:
            self.steps[name](argument)
        elif name not in SILENT:
            raise _Refused(f"it takes the step {name}, which tensors don't need")

    def last(self, count: int) -> tuple[Any, ...]:
        """Take values from the stack's end."""
        if len(self.stack) < count:
            raise _Refused("a step lacks its values")
        taken = tuple(self.stack[-count:])
        del self.stack[-count:]
        return taken

    def marked(self) -> list[Any]:
        """Take what lies behind the last mark."""
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def extended(self, values: list[Any]) -> None:
        """Add values to the list that is last on the stack."""
        if not isinstance(self.stack[-1], list):
            raise _Refused("values are added to what is no list")
        self.stack[-1].extend(values)

    def updated(self, pairs: list[Any]) -> None:
        """Add keys and values to the table that is last on the stack."""
        if not isinstance(self.stack[-1], dict):
            raise _Refused("values are set in what is no table")
        self.stack[-1].update(zip(pairs[::2], pairs[1::2], strict=True))

    def remember(self, place: int) -> None:
        """Keep the last value for later."""
        self.memory[place] = self.stack[-1]

    def named(self, text: str) -> None:
        """Put what a name stands for on the stack."""
        if text not in {*STORAGES, TENSOR, PARAMETER, ORDERED}:
            raise _Refused(f"it names {text.replace(' ', '.')!r}, which is no part of tensors")
        self.stack.append(_Name(text))

    def built(self, _: Any) -> None:
        """Leave out what is told about a table beside its values, such as versions."""
        (about,) = self.last(1)
        if not isinstance(self.stack[-1], dict) or not isinstance(about, dict):
            raise _Refused("it says more of an object than of a table")


def _storage(about: Any) -> _Storage:
    kind, name, key, _, count, *_rest = about
    if kind != "storage" or not isinstance(name, _Name) or name.text not in STORAGES or not isinstance(key, str):
        raise _Refused("it refers to what is no storage")
    if not isinstance(count, int) or count < 0:
        raise _Refused(f"a storage of {count} values")
    return _Storage(np.dtype(STORAGES[name.text]), key, count)


def _made(name: Any, values: Any) -> Any:
    if name == _Name(ORDERED) and values == ():
        return {}
    if name == _Name(PARAMETER) and isinstance(values[0], _View):
        return values[0]
    if name == _Name(TENSOR):
        storage, first, sizes, strides, *_rest = values
        whole = all(isinstance(one, int) for one in (first, *sizes, *strides))
        if isinstance(storage, _Storage) and whole:
            return _View(storage, first, tuple(sizes), tuple(strides))
    raise _Refused("it calls what is no part of tensors")
