"""LibriSpeech: read audiobooks in English, about 1,000 hours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.transcribed import TranscribedCorpus, Transcript, matched_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

FILE = re.compile(r"(?P<speaker>\d+)-(?P<chapter>\d+)\.trans\.txt")
LINE = re.compile(r"(?P<id>\d+-\d+-\d{4})\s+(?P<text>\S.*)")


def wanted(relative: PurePosixPath) -> bool:
    """Return whether a file is the transcripts of a chapter, e.g. `dev-clean/84/121123/84-121123.trans.txt`."""
    return FILE.fullmatch(relative.name) is not None


def read(relative: PurePosixPath, text: str) -> Iterator[Transcript | str]:
    """Yield the transcripts of a chapter; recordings are next to the file."""
    for match in matched_lines(text, LINE, what="an id and its words"):
        if isinstance(match, str):
            yield match
        else:
            speaker = match["id"].split("-")[0]
            yield Transcript(match["id"], relative.parent / match["id"], match["text"], speaker)


CORPUS = TranscribedCorpus(
    title="LibriSpeech",
    licence="CC-BY-4.0",
    citation=(
        "V. Panayotov, G. Chen, D. Povey, S. Khudanpur: Librispeech: an ASR corpus based on public domain audio books. "
        "ICASSP 2015, pp. 5206-5210"
    ),
    access="https://www.openslr.org/12",
    layout="dev-clean/84/121123/84-121123.trans.txt with lines of an id and its words, next to 84-121123-0000.flac",
    suffixes=(".flac", ".wav", ".ogg"),
    wanted=wanted,
    read=read,
    examples={
        "LibriSpeech/dev-clean/84/121123/84-121123.trans.txt": (
            "84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT IN LESS THAN FIVE MINUTES THE STAIRCASE GROANED\n"
        )
    },
)
