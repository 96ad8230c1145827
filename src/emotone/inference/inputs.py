"""The arguments of a command as recordings: files, folders, patterns, or standard input."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.inference.result import Failure
from emotone.walk import Walk, match, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STANDARD_INPUT = "-"
# In a folder, the suffix decides which files are recordings; a file that is named explicitly may have any name.
_ALWAYS = "wav wave flac ogg oga opus mp3 aiff aif aifc sph nist au snd caf w64 rf64"
_WITH_MEDIA = "m4a m4b mp4 m4v mov aac avi webm mkv mka wma wmv 3gp amr mpg mpeg flv ac3 ts m2ts mts mp2 spx"
AUDIO_SUFFIXES = frozenset(f".{name}" for name in f"{_ALWAYS} {_WITH_MEDIA}".split())


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
    `emotone.walk` for links, hidden files and the order. A recording that is named twice is processed once.
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
