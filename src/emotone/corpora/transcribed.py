"""Corpora of transcribed speech, without emotions: what a speech recogniser is trained on.

To add one, add a file to `emotone.corpora.transcripts` that defines `CORPUS`; it is found by its name. A parser is a
pure function of the path and the text of a transcript file, so it is tested without recordings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from emotone.errors import CorpusError
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from emotone.types import Seconds

_APOSTROPHES = re.compile("[\u2018\u2019\u02bc`]")
_PUNCTUATION = re.compile(r"[.,;:!?()\[\]\"\u201c\u201d\u2013\u2014\u2026/_-]")


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one utterance.

    Attributes:
        id: unique within the corpus.
        recording: path below the corpus folder without its suffix, which differs between copies.
        text: as the corpus has it.
        speaker: unique within the corpus.
        start: seconds from the start of the recording.
        end: seconds, or None for the end of the recording.

    """

    id: str
    recording: PurePosixPath
    text: str
    speaker: str
    start: Seconds = 0.0
    end: Seconds | None = None


@dataclass(frozen=True)
class TranscribedCorpus:
    """One corpus of transcribed speech: terms, access, and a parser of its transcript files.

    Attributes:
        title: full name.
        licence: SPDX identifier, or `LicenseRef-...`.
        citation: the publication to cite.
        access: how to get it.
        layout: of its folders and files.
        suffixes: of recordings, the original format first.
        wanted: path below the corpus folder -> whether that file has transcripts.
        read: that path and its text -> transcripts; a str is a line that can't be read, with the reason.
        examples: path -> text: transcript files as in downloads.

    """

    title: str
    licence: str
    citation: str
    access: str
    layout: str
    suffixes: tuple[str, ...]
    wanted: Callable[[PurePosixPath], bool]
    read: Callable[[PurePosixPath, str], Iterator[Transcript | str]]
    examples: Mapping[str, str]


TRANSCRIBED: Registry[TranscribedCorpus] = Registry("transcribed corpus", "emotone.corpora.transcripts", "CORPUS")


@dataclass(frozen=True)
class TranscribedClip:
    """A transcript with its recording.

    Attributes:
        path: of the recording.
        transcript: its words and its place in the recording.

    """

    path: Path
    transcript: Transcript


def read_transcripts(corpus: TranscribedCorpus, folder: Path) -> tuple[tuple[TranscribedClip, ...], tuple[str, ...]]:
    """Return the transcripts below a folder whose recordings exist, in order of their ids, and what was left out.

    Args:
        corpus: whose layout the folder has.
        folder: searched with all its folders.

    Returns:
        Clips, and one sentence for each line or recording that is missing or can't be read.

    Raises:
        CorpusError: there is no such folder, no transcript file, or no transcript with a recording.

    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder")
    clips: dict[str, TranscribedClip] = {}
    problems: list[str] = []
    files = [path for path in sorted(folder.rglob("*")) if corpus.wanted(_below(path, folder)) and path.is_file()]
    if not files:
        raise CorpusError(f"{folder} has no transcripts of {corpus.title}; its layout is: {corpus.layout}")
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        for found in corpus.read(_below(file, folder), text):
            if isinstance(found, str):
                problems.append(f"{file}: {found}")
                continue
            recording = _recording(folder, found.recording, corpus.suffixes)
            if recording is None:
                problems.append(f"{file}: {found.id} has no recording {found.recording}{corpus.suffixes[0]}")
            elif found.id in clips:
                problems.append(f"{file}: {found.id} has another transcript; the first one is used")
            else:
                clips[found.id] = TranscribedClip(recording, found)
    if not clips:
        raise CorpusError(
            f"{folder} has no transcript with a recording: {problems[0] if problems else 'files are empty'}"
        )
    return tuple(clips[name] for name in sorted(clips)), tuple(problems)


def matched_lines(text: str, pattern: re.Pattern[str], *, what: str) -> Iterator[re.Match[str] | str]:
    """Yield the match of each line, or a sentence that it is not `what` is expected; empty lines are skipped."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = pattern.fullmatch(line.strip())
        if match is not None:
            yield match
        elif line.strip():
            yield f"line {number} is not {what}: '{line}'"


def text_of_characters(text: str, characters: str) -> str:
    """Return a transcript in the characters of a recogniser: its case, single spaces, no punctuation.

    Args:
        text: of a corpus. Punctuation and hyphens become spaces; typographic apostrophes become `'`.
        characters: all that may remain.

    Raises:
        CorpusError: nothing remains, or another character does, e.g. a digit.

    Example:
        >>> text_of_characters("Well\u2014it\u2019s  late, isn't it?", "'ABCDEFGHIJKLMNOPQRSTUVWXYZ ")
        "WELL IT'S LATE ISN'T IT"

    """
    plain = _PUNCTUATION.sub(" ", _APOSTROPHES.sub("'", text))
    plain = plain.upper() if characters.upper() == characters else plain.lower()
    plain = " ".join(plain.split())
    if not plain:
        raise CorpusError(f"the transcript '{text}' is empty; remove it")
    unknown = sorted(set(plain) - set(characters))
    if unknown:
        raise CorpusError(
            f"the transcript '{text}' has the characters {' '.join(unknown)}; the recogniser has '{characters}': write "
            "numbers and abbreviations out, or train it with these characters"
        )
    return plain


def _below(path: Path, folder: Path) -> PurePosixPath:
    return PurePosixPath(path.relative_to(folder).as_posix())


def _recording(folder: Path, recording: PurePosixPath, suffixes: tuple[str, ...]) -> Path | None:
    """Return the recording with the first suffix that exists; a path that has a suffix already is taken as it is."""
    whole = folder / recording
    candidates = [whole.with_name(whole.name + suffix) for suffix in suffixes]
    return next((path for path in (*candidates, whole) if path.is_file()), None)
