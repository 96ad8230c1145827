"""Files of weights as arrays by name: `.npz`, Keras 2 (`.h5`, `.hdf5`), torch.save, and `model.bin` of CTranslate2.

Nothing in a file is executed. Archives are read without pickle. Files of torch.save are read with
`torch.load(weights_only=True)`: archives (torch 1.6 and later) and, before that, streams of pickles. torch's
weights-only unpickler calls no function that a file names, apart from those that rebuild tensors. Files of Keras need
h5py: the extra `video`.

The file is little-endian: uint32 version; name (uint16 length including a final zero byte, bytes); uint32 revision;
uint32 number of variables; each variable: name, uint8 rank, uint32 dimensions, uint8 type, uint32 bytes, data. Aliases
follow, which are not needed here.

Reference: OpenNMT/CTranslate2, python/ctranslate2/specs/model_spec.py (MIT).
"""

from __future__ import annotations

import io
import math
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from emotone.errors import SourceError, missing_extra

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WEIGHTS = "model_weights"  # the group of a file with a whole model; a file of weights has the layers at its top

KINDS = "fiub"  # of numpy dtypes: floating-point numbers, integers and truth values
# What torch.load raises for damaged files: the unpickler reports unexpected values as they occur.
DAMAGE = (
    pickle.UnpicklingError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
)
_GLOBAL = re.compile(r"(?:Unsupported global: GLOBAL|unsupported GLOBAL|Unsupported class) (?P<name>\S+)")
_DETAIL = re.compile(r"WeightsUnpickler error:\s*(?P<detail>[^\n]+)")


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


def read_keras(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file by `LAYER/NAME`, for example `conv2d_1/kernel`.

    Raises:
        SourceError: the file can't be read, or is not one of Keras.
        MissingExtraError: h5py is not installed.

    """
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("h5py", "video", "reading a file of Keras") from error
    found: dict[str, NDArray[Any]] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            layer, *_, last = name.split("/")
            found[f"{layer}/{last.partition(':')[0]}"] = np.asarray(item)

    try:
        with h5py.File(path, "r") as file:
            file.get(WEIGHTS, file).visititems(collect)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise SourceError(f"{path} is not a file of weights that Keras saved ({error})") from error
    if not found:
        raise SourceError(f"{path} is not a file of weights that Keras saved (it contains no array)")
    return found


def read_torch(path: Path, *, key: str = "") -> dict[str, NDArray[Any]]:
    """Return the tensors of a saved `state_dict` by name.

    Args:
        path: the file.
        key: of the `state_dict` in a file that contains a dictionary of several things; a file without this key is a
            `state_dict` itself.

    Raises:
        SourceError: the file can't be read, is damaged, or contains anything but names and tensors.
        MissingExtraError: torch is not installed.

    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise missing_extra("torch", "train", "reading a file of torch.save") from error
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about protocols of pickle, in damaged files
            tensors = torch.load(stream, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        raise _malformed(path, _reason(error)) from error
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror or error}") from error
    if key and isinstance(tensors, dict):
        tensors = tensors.get(key, tensors)
    if not isinstance(tensors, dict) or not tensors:
        raise _malformed(path, f"it contains {'an empty' if tensors == {} else 'a'} {type(tensors).__name__}")
    arrays: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise _malformed(path, f"{name!r} is not the name of a tensor")
        if tensor.layout != torch.strided or tensor.nbytes > tensor.untyped_storage().nbytes():
            raise _malformed(path, f"the tensor '{name}' has the layout {tensor.layout} or repeats its values")
        try:
            arrays[name] = tensor.detach().numpy()
        except TypeError as error:
            raise _malformed(path, f"the tensor '{name}' has the type {tensor.dtype}") from error
        if arrays[name].dtype.kind not in KINDS:
            raise _malformed(path, f"the tensor '{name}' has the type {tensor.dtype}")
    return arrays


def _malformed(path: Path, reason: str) -> SourceError:
    return SourceError(f"{path} is not a file of tensors by name, as torch.save writes a state_dict ({reason})")


def _reason(error: BaseException) -> str:
    """Return one sentence of an error of torch.load, without torch's advice to load the file unsafely."""
    text = str(error)
    names = _GLOBAL.search(text)
    if names is not None:
        return f"it contains the Python object '{names['name']}'"
    if not isinstance(error, pickle.UnpicklingError | RuntimeError | ValueError):
        return f"its pickle is damaged or ends early: {type(error).__name__} {text}".rstrip()
    detail = _DETAIL.search(text)
    return (detail["detail"] if detail is not None else text).splitlines()[0].split(". ")[0]


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
