"""Own recordings: a file `manifest.jsonl` with one JSON table per line."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from emotone.corpora.transcribed import TranscribedCorpus, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "manifest.jsonl"


def wanted(relative: PurePosixPath) -> bool:
    """Return whether a file is a manifest."""
    return relative.name == NAME


def read(relative: PurePosixPath, text: str) -> Iterator[Transcript | str]:
    """Yield the transcripts of a manifest; files are relative to it, and without a speaker each is a speaker."""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            file, words = str(entry["file"]), str(entry["text"])
            speaker = str(entry.get("speaker") or file)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield f'line {number} is not a table with "file" and "text": \'{line}\''
            continue
        yield Transcript(file, relative.parent / PurePosixPath(file), words, speaker)


CORPUS = TranscribedCorpus(
    title="a manifest of own recordings",
    licence="unstated",
    citation="own recordings",
    access="your own",
    layout='manifest.jsonl with lines such as {"file": "a/1.wav", "text": "good morning", "speaker": "ann"}',
    suffixes=("",),
    wanted=wanted,
    read=read,
    examples={NAME: '{"file": "a/1.wav", "text": "good morning", "speaker": "ann"}\n'},
)
