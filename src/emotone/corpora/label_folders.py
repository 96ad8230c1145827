"""Clips in folders that are named after their labels, e.g. `anger/anna/1.wav` or `anna/anger/1.wav`.

The label is the name of the innermost folder that names an emotion; any other folders name the speaker.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emotone.corpora.labels import mapped_label
from emotone.corpora.scan import MEDIA, Scan
from emotone.corpora.table_rows import with_original_label
from emotone.errors import CorpusError, UnknownNameError
from emotone.types import Utterance
from emotone.walk import walk

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_label_folders(folder: Path, *, name: str, label_map: Mapping[str, str] | None = None) -> Scan:
    """Return the clips below a folder; no recording is opened.

    Args:
        folder: contains a folder per label, with folders per speaker inside or around them, or without any; then the
            speaker is "".
        name: of the corpus.
        label_map: word in lower case -> canonical emotion (see `emotone.corpora.labels`).

    Returns:
        A scan whose ids are the paths; recordings outside a folder with the name of an emotion are `unrecognised`.

    Raises:
        CorpusError: no clip in a folder that is named after an emotion.

    """
    found = walk(folder)
    utterances: list[Utterance] = []
    outside: list[Path] = []
    for entry in found.files:
        if entry.relative.suffix.lower() not in MEDIA:
            continue
        utterance = _utterance(entry.relative, Path(entry.path), name=name, label_map=label_map)
        if utterance is None:
            outside.append(Path(entry.path))
        else:
            utterances.append(utterance)
    if not utterances:
        raise CorpusError(
            f"{folder} has no clips in folders with the name of an emotion, such as {folder.name}/anger/1.wav; pass a "
            "folder per label, or a table with the columns file, label and speaker"
        )
    problems = tuple(str(failure) for failure in found.failures)
    ordered = tuple(sorted(utterances, key=lambda one: one.id))
    return Scan(name, folder, ordered, tuple(outside), problems=problems, from_table=True, unreadable=problems)


def _utterance(relative: Path, path: Path, *, name: str, label_map: Mapping[str, str] | None) -> Utterance | None:
    """Return the clip at a path below the folder, or None if no folder names its emotion."""
    parts = relative.parts[:-1]
    for place in reversed(range(len(parts))):
        try:
            label = mapped_label(parts[place], label_map)
        except UnknownNameError:
            continue
        speaker = "/".join((*parts[:place], *parts[place + 1 :]))
        extras = with_original_label({}, parts[place], label)
        return Utterance(relative.as_posix(), name, path, 0.0, None, speaker, speaker, label, extras)
    return None
