"""What the arguments of a command mean: recordings named by files, folders, patterns, or standard input."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.inference.result import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STANDARD_INPUT = "-"
# In a folder, names decide what is taken; a file that is named itself may be called anything.
_ALWAYS = "wav wave flac ogg oga opus mp3 aiff aif aifc sph nist au snd caf w64 rf64"
_WITH_MEDIA = "m4a m4b mp4 m4v mov aac avi webm mkv mka wma wmv 3gp amr mpg mpeg flv ac3"  # the extra says so itself
AUDIO_SUFFIXES = frozenset(f".{name}" for name in f"{_ALWAYS} {_WITH_MEDIA}".split())


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording to work on.

    Attributes:
        path: as results name it; `-` for standard input.
        relative: where its result lies below an output folder, before the suffix is changed.

    """

    path: str
    relative: Path

    @property
    def is_standard_input(self) -> bool:
        """Whether it must be read from standard input."""
        return self.path == STANDARD_INPUT


@dataclass(frozen=True)
class Inputs:
    """What was asked for, in order; what isn't there is a failure at its place.

    Attributes:
        items: recordings and failures.
        single: exactly one recording was named, by its file or as standard input.

    """

    items: tuple[Recording | Failure, ...]
    single: bool


def collect(arguments: Sequence[str]) -> Inputs:
    """Return the recordings that arguments name.

    A folder stands for every file below it whose suffix is one of `AUDIO_SUFFIXES`, hidden ones left out, in the order
    of their names. A pattern (`*`, `?`, `[...]`, and `**` for any depth) that names no file itself is expanded here,
    for shells that don't. A recording named twice is taken once.
    """
    found: dict[str, Recording | Failure] = {}
    for argument in arguments:
        for item in _expand(argument):
            found.setdefault(os.path.normpath(item.path if isinstance(item, Recording) else item.file), item)
    return Inputs(tuple(found.values()), single=len(arguments) == 1 and not _is_many(arguments[0]))


def _is_many(argument: str) -> bool:
    return Path(argument).is_dir() or _is_pattern(argument)


def _is_pattern(argument: str) -> bool:
    return argument != STANDARD_INPUT and glob.has_magic(argument) and not os.path.lexists(argument)


def _expand(argument: str) -> Iterator[Recording | Failure]:
    if argument == STANDARD_INPUT:
        yield Recording(argument, Path("standard-input"))
    elif _is_pattern(argument):
        yield from _expand_pattern(argument)
    elif Path(argument).is_dir():
        yield from _expand_folder(argument, below=Path())
    elif os.path.lexists(argument):
        yield Recording(argument, Path(Path(argument).name))
    else:
        yield Failure(argument, "missing_file", f"{argument}: there is no such file or folder")


def _expand_pattern(pattern: str) -> Iterator[Recording | Failure]:
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  (keeps `./` and absolute patterns)
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    for match in matches:
        below = Path(*Path(match).parts[fixed:])
        if not Path(match).is_dir():
            yield Recording(match, below)
        elif "**" not in parts:  # `**` also matches every folder whose files it matches
            yield from _expand_folder(match, below=below)
    if not matches:
        yield Failure(pattern, "missing_file", f"{pattern}: no file matches this pattern")


def _expand_folder(folder: str, *, below: Path) -> Iterator[Recording | Failure]:
    empty = True
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in AUDIO_SUFFIXES and not name.startswith("."):
                empty = False
                path = os.path.join(parent, name)  # noqa: PTH118  (keeps the name as it was given, `./` and all)
                yield Recording(path, below / Path(parent).relative_to(folder) / name)
    if empty:
        yield Failure(
            folder,
            "missing_file",
            f"{folder}: holds no recordings, judging by suffixes (.wav, .flac, .mp3 ...); name a file to try it anyway",
        )
