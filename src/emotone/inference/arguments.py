"""What `Model.predict` accepts, and the messages for what it does not."""

from __future__ import annotations

import os
from numbers import Real
from typing import Any

import numpy as np

from emotone.errors import MissingFileError, UsageError

FILE_TYPES = (str, os.PathLike, bytes, bytearray, memoryview)
ALLOWED = "a path, the bytes of a file, a binary file object, samples, or a list of these"


def is_file(recording: object) -> bool:
    """Return whether a recording is a file: its path, its bytes, or an open file object."""
    return isinstance(recording, FILE_TYPES) or hasattr(recording, "read")


def is_list_of_recordings(recording: object, *, rate: object) -> bool:
    """Return whether a list contains recordings; a list of numbers, or of lists of numbers, is samples.

    An empty list without a rate is a list of no recordings, and with one no samples.
    """
    if not isinstance(recording, list | tuple) or _is_pair(recording):
        return False
    return (bool(recording) or rate is None) and all(is_file(one) or _is_array(one) for one in recording)


def check_file(recording: object, *, rate: object) -> None:
    """Check what was passed as a file.

    Raises:
        UsageError: a rate was passed too.
        MissingFileError: the path is a folder.

    """
    if rate is not None and isinstance(recording, bytes | bytearray | memoryview):
        raise UsageError(
            f"rate={rate!r} was given with {_name(recording)}, which are read as a whole file with its own rate; omit "
            "it, or convert bytes of samples first, e.g. numpy.frombuffer(data, '<i2') for 16-bit PCM"
        )
    if rate is not None:
        raise UsageError(f"rate={rate!r} was given with a file, which contains its own rate; omit it")
    if isinstance(recording, str | os.PathLike) and os.path.isdir(recording):  # noqa: PTH112  (also bytes)
        name = os.fspath(recording)
        raise MissingFileError(
            f"{name}: is a folder; allowed: one recording; for its recordings, call "
            f"predict_many(sorted(pathlib.Path({name!r}).rglob('*.wav')))"
        )


def checked_samples(samples: Any, *, rate: object) -> Any:
    """Return samples as an array-like of numbers; a tensor that requires a gradient is detached.

    Raises:
        UsageError: another type of recording, or samples without their rate.

    """
    kind = _name(samples)
    if _is_pair(samples):
        raise UsageError(
            "a pair of samples and rate was given as one argument; unpack it: samples, rate = ...; "
            "predict(samples, rate=rate)"
        )
    if samples is None or not (isinstance(samples, list | tuple) or _is_array(samples)):
        raise UsageError(f"a recording of type {kind} was given; allowed: {ALLOWED}")
    if rate is None:
        raise UsageError(f"samples ({kind}) need a sampling rate; pass it, e.g. predict(samples, rate=16000)")
    detach = getattr(samples, "detach", None)
    given = _as_array(detach() if callable(detach) else samples, kind=kind)
    if given.dtype.kind in "OUS":
        raise UsageError(
            f"samples ({kind}) contain values of type {_name(given.flat[0]) if given.size else given.dtype}; allowed: "
            "numbers; for paths, pass a list: predict(list(paths))"
        )
    if hasattr(samples, "columns") and given.ndim == 2:  # a table, whose columns are channels
        return given.T
    return given


def _as_array(samples: Any, *, kind: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(samples)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors of another device
        raise UsageError(
            f"samples ({kind}) can't be converted to a NumPy array ({error}); allowed: numbers of shape [time] or "
            "[channels, time]; convert them first, e.g. tensor.cpu().numpy()"
        ) from error


def _is_array(value: object) -> bool:
    return hasattr(value, "__array__") and getattr(value, "ndim", 0) > 0


def _is_pair(value: object) -> bool:
    """Return whether a value is what `soundfile.read` and similar functions return: samples and their rate."""
    return isinstance(value, tuple) and len(value) == 2 and _is_array(value[0]) and isinstance(value[1], Real)


def _name(value: object) -> str:
    kind = type(value)
    module = kind.__module__.partition(".")[0]
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
