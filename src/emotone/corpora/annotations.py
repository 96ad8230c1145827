"""Reads label files into utterances, for corpora whose file names do not contain the emotion."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path, PurePosixPath

    from emotone.corpora.base import Annotation, AnnotationFiles, Corpus, ParsedPath


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
            utterances.append(_utterance(corpus, first, extras=extras, recording=recordings[first.recording]))
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


def _utterance(
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
