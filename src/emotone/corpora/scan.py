"""Reads a corpus folder into utterances: every recording is a clip of the corpus or is listed as something else.

Label files are read for corpora whose file names do not contain the emotion.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from emotone.errors import CorpusError
from emotone.files import walk
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.corpora.base import Annotation, AnnotationFiles, Corpus, ParsedPath

AUDIO = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".sph", ".au", ".m4a", ".aac", ".wma"}
)
VIDEO = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".flv", ".mpg"})
MEDIA = AUDIO | VIDEO
"""A file with one of these suffixes is expected to be a clip; texts, tables and label files are not."""


def annotated(
    corpus: Corpus,
    annotations: AnnotationFiles,
    directory: Path,
    *,
    recordings: Mapping[str, tuple[ParsedPath, Path]],
    texts: Sequence[PurePosixPath],
) -> tuple[list[Utterance], list[str]]:
    """Return the labelled utterances of a folder, and one line for each problem with its labels.

    Args:
        corpus: defines the words that labels may be.
        annotations: how its label files are read.
        directory: the corpus folder.
        recordings: the parsed path and the path of each recording, by `ParsedPath.id`.
        texts: the label files, in the order in which they are read, below `directory`.

    Returns:
        Utterances in no particular order. A label without recording, a recording without label, an unknown label,
        a second label of one utterance and a line that can't be read are not used; each kind is reported.

    """
    entries: dict[str, list[Annotation]] = defaultdict(list)
    problems = []
    for relative in texts:
        for item in _read(annotations, directory, relative):
            if isinstance(item, str):
                problems.append(f"{directory / relative}: {item}")
            else:
                entries[item.id].append(item)
    utterances = []
    lost = []
    for name, items in entries.items():
        labelled = [item for item in items if item.label]
        if not labelled:
            continue
        first = labelled[0]
        if len(labelled) > 1:
            problems.append(f"{directory}: {name} is labelled {len(labelled)} times; the first, {first.label}, is used")
        if first.label not in corpus.emotions:
            allowed = ", ".join(corpus.emotions)
            problems.append(f"{directory}: {name} has the unknown label '{first.label}'; allowed: {allowed}")
        elif first.recording not in recordings:
            lost.append(name)
        else:
            extras = {key: value for item in reversed(items) for key, value in item.extras.items()}
            utterances.append(_annotated_utterance(corpus, first, extras=extras, recording=recordings[first.recording]))
    labelled_recordings = {item.recording for items in entries.values() for item in items if item.label}
    problems += _counted(directory, lost, "label has no recording", "labels have no recording")
    unlabelled = [str(path) for name, (_, path) in recordings.items() if name not in labelled_recordings]
    problems += _counted(directory, unlabelled, "recording has no label", "recordings have no label")
    return utterances, problems


def _read(annotations: AnnotationFiles, directory: Path, relative: PurePosixPath) -> list[Annotation | str]:
    try:
        # Bytes that are not UTF-8 occur in comments and texts only, and must not make the labels unreadable.
        text = (directory / relative).read_text("utf-8-sig", errors="replace")
    except OSError as error:
        return [f"can't be read: {error.strerror or error}"]
    return list(annotations.read(relative, text))


def _annotated_utterance(
    corpus: Corpus, item: Annotation, *, extras: Mapping[str, str], recording: tuple[ParsedPath, Path]
) -> Utterance:
    parsed, path = recording
    return Utterance(
        id=item.id,
        corpus=corpus.name,
        path=path,
        start=item.start,
        end=item.end,
        speaker=parsed.speaker,
        session=parsed.session or parsed.speaker,
        label=corpus.emotions[item.label],
        extras={**parsed.extras, **extras, "original_label": item.label},
    )


def _counted(directory: Path, names: Sequence[str], one: str, many: str) -> list[str]:
    """Return at most one line."""
    return [f"{directory}: {len(names)} {one if len(names) == 1 else many}; the first: {names[0]}"] if names else []


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

    Folders are walked as `emotone.files` describes. Of a clip with several copies (in two layouts or two formats) the
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
