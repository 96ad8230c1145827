"""What can be predicted: files, folders, patterns, standard input, URLs and samples; and messages for what can't.

collect                 the arguments of a command as recordings
fetched                 a recording at a URL as a temporary file
is_file, check_file     what `Model.predict` accepts
checked_samples         samples given in Python
"""

from __future__ import annotations

import contextlib
import glob
import os
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.audio.source import spool
from emotone.errors import AudioError, EmotoneError, MissingFileError, UsageError
from emotone.files import Walk, filesystem, is_url, match, one_line, walk
from emotone.inference.result import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

STANDARD_INPUT = "-"
# In a folder, the suffix decides which files are recordings; a file that is named explicitly may have any name.
_ALWAYS = "wav wave flac ogg oga opus mp3 aiff aif aifc sph nist au snd caf w64 rf64"
_WITH_MEDIA = "m4a m4b mp4 m4v mov aac avi webm mkv mka wma wmv 3gp amr mpg mpeg flv ac3 ts m2ts mts mp2 spx"
AUDIO_SUFFIXES = frozenset(f".{name}" for name in f"{_ALWAYS} {_WITH_MEDIA}".split())

FILE_TYPES = (str, os.PathLike, bytes, bytearray, memoryview)
ALLOWED = "a path, the bytes of a file, a binary file object, samples, or a list of these"


@dataclass(frozen=True, slots=True)
class RecordingPath:
    """One recording to process.

    Attributes:
        path: as results name it; `-` for standard input.
        relative: path of its result below an output folder, before the suffix is changed.

    """

    path: str
    relative: Path

    @property
    def is_standard_input(self) -> bool:
        """Whether it must be read from standard input."""
        return self.path == STANDARD_INPUT


@dataclass(frozen=True)
class Inputs:
    """The requested recordings in order; what does not exist is a failure in its place.

    Attributes:
        items: recordings and failures.
        single: whether exactly one recording was named, by its file or as standard input.

    """

    items: tuple[RecordingPath | Failure, ...]
    single: bool


def collect(arguments: Sequence[str]) -> Inputs:
    """Return the recordings that arguments name.

    A folder means every file below it whose suffix is one of `AUDIO_SUFFIXES`. A pattern (`*`, `?`, `[...]`, and
    `**` for any depth) that is not itself the name of a file is expanded here, for shells that do not. See
    `emotone.files` for links, hidden files and the order. A recording that is named twice is processed once.
    """
    found: dict[str, RecordingPath | Failure] = {}
    for argument in arguments:
        for item in _expand(argument):
            found.setdefault(os.path.normpath(item.path if isinstance(item, RecordingPath) else item.file), item)
    return Inputs(tuple(found.values()), single=len(arguments) == 1 and not _is_many(arguments[0]))


def _is_many(argument: str) -> bool:
    return Path(argument).is_dir() or _is_pattern(argument)


def _is_pattern(argument: str) -> bool:
    return argument != STANDARD_INPUT and glob.has_magic(argument) and not os.path.lexists(argument)


def _expand(argument: str) -> Iterator[RecordingPath | Failure]:
    if argument == STANDARD_INPUT:
        yield RecordingPath(argument, Path("standard-input"))
    elif _is_pattern(argument):
        yield from _recordings(match(argument), argument, empty=f"{argument}: no recording matches this pattern")
    elif Path(argument).is_dir():
        empty = f"{argument}: contains no recordings by their suffixes (.wav, .flac, .mp3 ...); name a file to try it"
        yield from _recordings(walk(argument), argument, empty=empty)
    elif os.path.lexists(argument):
        yield RecordingPath(argument, Path(Path(argument).name))
    else:
        yield Failure(argument, "missing_file", f"{argument}: no such file or folder")


def _recordings(found: Walk, argument: str, *, empty: str) -> Iterator[RecordingPath | Failure]:
    """Yield the recordings among files: those that a pattern names, and those with a suffix of audio."""
    chosen = [one for one in found.files if one.named or one.relative.suffix.lower() in AUDIO_SUFFIXES]
    for one in chosen:
        yield RecordingPath(one.path, one.relative)
    for failure in found.failures:
        yield Failure(failure.path, "unreadable_folder", str(failure))
    if not chosen and not found.failures:
        yield Failure(argument, "missing_file", empty)


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
    import numpy as np  # `emotone predict --help` has no samples

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


@contextlib.contextmanager
def fetched(path: str | Path, *, name: str) -> Iterator[str | Path]:
    """Yield a path unchanged, or for a URL that of a temporary copy, which is removed at the end of the block.

    Args:
        path: of a file, or its URL.
        name: how messages name the recording.

    Raises:
        MissingFileError: nothing is stored at the URL.
        AudioError: it can't be read: no right to, no connection, or larger than a recording may be.
        MissingExtraError: the URL needs a package that is not installed.

    """
    if not is_url(path):
        yield path
        return
    with contextlib.ExitStack() as stack:
        try:
            files, where = filesystem(str(path))
            stream = stack.enter_context(files.open(where, "rb"))
            local = stack.enter_context(spool(stream, name=name))
        except EmotoneError:
            raise
        except FileNotFoundError as error:
            raise MissingFileError(f"{name}: nothing is stored there") from error
        except Exception as error:  # every protocol has exceptions of its own
            raise AudioError(f"{name}: can't be fetched: {one_line(error)}") from error
        yield local
