"""From a folder to utterances: every file is either a clip of the corpus or listed as something else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from emotone.corpora.annotations import annotated
from emotone.errors import CorpusError
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.corpora.base import Corpus, Parsed

AUDIO = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".sph", ".au", ".m4a", ".aac", ".wma"}
)
VIDEO = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".flv", ".mpg"})
MEDIA = AUDIO | VIDEO
"""A file with one of these suffixes is expected to be a clip; texts, tables and labels beside them are not."""


@dataclass(frozen=True)
class Scan:
    """What a folder or table holds.

    Attributes:
        name: the corpus.
        root: the folder, or the table's file.
        utterances: sorted by id, with canonical labels; ids are unique.
        unrecognised: recordings and videos that are no clip of this corpus, sorted.
        repeated: clips that are there once more, in another layout or format; sorted, and not taken.
        problems: one line each: what could not be taken, and why; in a folder with repeated clips, first that.
        tabled: whether a table or database said what it holds, not the layout of a known corpus.

    """

    name: str
    root: Path
    utterances: tuple[Utterance, ...]
    unrecognised: tuple[Path, ...] = ()
    repeated: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()
    tabled: bool = False


def scan(corpus: Corpus, directory: Path) -> Scan:
    """Return every clip of `corpus` below `directory`, by name and by label files: no recording is opened.

    Links to folders are followed (a loop is walked once). Hidden files, and the `__MACOSX` folders that some
    archives hold, are no recordings. A clip that is there twice (in two layouts or two formats) is taken once,
    the first path in sorted order, and the others are `repeated`.

    Raises:
        CorpusError: `directory` is no folder, or can't be read.

    """
    recordings: dict[str, tuple[Parsed, Path]] = {}
    texts = []
    unrecognised = []
    repeated = []
    for relative in sorted(_files(directory)):
        if corpus.annotations is not None and corpus.annotations.wanted(relative):
            texts.append(relative)
        if relative.suffix.lower() not in MEDIA:
            continue
        parsed = corpus.parse(relative)
        path = directory / relative
        if parsed is None:
            unrecognised.append(path)
        elif parsed.id in recordings:
            repeated.append(path)
        else:
            recordings[parsed.id] = (parsed, path)
    problems = _said(repeated, directory)
    if corpus.annotations is None:
        utterances = [_utterance(corpus, parsed, path) for parsed, path in recordings.values()]
    else:
        utterances, said = annotated(corpus, corpus.annotations, directory, recordings=recordings, texts=texts)
        problems += tuple(said)
    ordered = tuple(sorted(utterances, key=lambda utterance: utterance.id))
    return Scan(corpus.name, directory, ordered, tuple(unrecognised), tuple(repeated), problems)


def _said(repeated: list[Path], directory: Path) -> tuple[str, ...]:
    """Return one line however many there are: a corpus that was unpacked twice repeats every clip."""
    if not repeated:
        return ()
    what = "clip is" if len(repeated) == 1 else "clips are"
    return (f"{directory}: {len(repeated)} {what} there more than once, taken once; the first: {repeated[0]}",)


def media_files(directory: Path) -> Iterator[PurePosixPath]:
    """Yield the path below `directory` of every recording or video, in no particular order.

    Raises:
        CorpusError: `directory` is no folder, or a folder in it can't be read.

    """
    return (relative for relative in _files(directory) if relative.suffix.lower() in MEDIA)


def _files(directory: Path) -> Iterator[PurePosixPath]:
    """Yield the path of every file that is not hidden; folders reached twice are walked once."""
    if not directory.is_dir():
        what = "is a file, not a folder" if directory.exists() else "does not exist"
        raise CorpusError(f"the corpus folder {directory} {what}")
    seen = set()
    for folder, subfolders, files in os.walk(directory, followlinks=True, onerror=_unreadable):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name != "__MACOSX")
        below = PurePosixPath(Path(folder).relative_to(directory).as_posix())
        yield from (below / name for name in files if not name.startswith("."))


def _unreadable(error: OSError) -> None:
    raise CorpusError(f"can't read the folder {error.filename}: {error.strerror or error}") from error


def _utterance(corpus: Corpus, parsed: Parsed, path: Path) -> Utterance:
    return Utterance(
        id=parsed.id,
        corpus=corpus.name,
        path=path,
        start=0.0,
        end=None,
        speaker=parsed.speaker,
        session=parsed.session or parsed.speaker,
        label=corpus.emotions[parsed.label],
        extras={**parsed.extras, "original_label": parsed.label},
    )
