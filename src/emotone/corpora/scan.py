"""Reads a corpus folder into utterances: every recording is a clip of the corpus or is listed as something else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from emotone.corpora.annotations import annotated
from emotone.errors import CorpusError
from emotone.types import Utterance
from emotone.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.corpora.base import Corpus, ParsedPath

AUDIO = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".sph", ".au", ".m4a", ".aac", ".wma"}
)
VIDEO = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".flv", ".mpg"})
MEDIA = AUDIO | VIDEO
"""A file with one of these suffixes is expected to be a clip; texts, tables and label files are not."""


@dataclass(frozen=True)
class Scan:
    """The contents of a folder or table.

    Attributes:
        name: of the corpus.
        root: the folder, or the file of the table.
        utterances: sorted by id, with canonical labels; ids are unique.
        unrecognised: recordings and videos that are no clip of this corpus, sorted.
        repeated: further copies of clips, in another layout or format, sorted; they are not in `utterances`.
        problems: one line for each thing that is left out, with the reason: first repeated clips, then unreadable
            folders.
        from_table: whether a table or database lists the utterances; False for the layout of a known corpus.
        unreadable: those lines of `problems` that report a folder that can't be read.

    """

    name: str
    root: Path
    utterances: tuple[Utterance, ...]
    unrecognised: tuple[Path, ...] = ()
    repeated: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()
    from_table: bool = False
    unreadable: tuple[str, ...] = ()


def scan(corpus: Corpus, directory: Path) -> Scan:
    """Return every clip of `corpus` below `directory`, by file names and label files; no recording is opened.

    Folders are walked as `emotone.walk` describes. Of a clip with several copies (in two layouts or two formats) the
    first path in sorted order is used, and the others are `repeated`.

    Raises:
        CorpusError: `directory` is not a folder, or can't be read.

    """
    recordings: dict[str, tuple[ParsedPath, Path]] = {}
    texts = []
    unrecognised = []
    repeated = []
    relatives, unreadable = _files(directory)
    for relative in relatives:
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
    problems = (*_repetitions(repeated, directory), *unreadable)
    if corpus.annotations is None:
        utterances = [_utterance(corpus, parsed, path) for parsed, path in recordings.values()]
    else:
        utterances, lines = annotated(corpus, corpus.annotations, directory, recordings=recordings, texts=texts)
        problems += tuple(lines)
    return Scan(
        corpus.name,
        directory,
        tuple(sorted(utterances, key=lambda utterance: utterance.id)),
        unrecognised=tuple(unrecognised),
        repeated=tuple(repeated),
        problems=problems,
        unreadable=unreadable,
    )


def _repetitions(repeated: Sequence[Path], directory: Path) -> tuple[str, ...]:
    """Return at most one line, because a corpus that was unpacked twice repeats every clip."""
    if not repeated:
        return ()
    what = "1 copy of a clip" if len(repeated) == 1 else f"{len(repeated)} copies of clips"
    return (f"{directory}: {what} ignored; the first: {repeated[0]}",)


def media_files(directory: Path) -> Iterator[PurePosixPath]:
    """Yield the path below `directory` of every recording or video, in sorted order.

    Raises:
        CorpusError: `directory` is not a folder, or can't be read.

    """
    return (relative for relative in _files(directory)[0] if relative.suffix.lower() in MEDIA)


def _files(directory: Path) -> tuple[list[PurePosixPath], tuple[str, ...]]:
    """Return the path below `directory` of every file, and a line for each folder that can't be read."""
    if not directory.is_dir():
        what = "is a file, not a folder" if directory.exists() else "does not exist"
        raise CorpusError(f"the corpus folder {directory} {what}")
    found = walk(directory)
    lines = tuple(str(failure) for failure in found.failures)
    if str(directory) in [failure.path for failure in found.failures]:
        raise CorpusError(lines[0])
    return sorted(PurePosixPath(entry.relative.as_posix()) for entry in found.files), lines


def _utterance(corpus: Corpus, parsed: ParsedPath, path: Path) -> Utterance:
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
