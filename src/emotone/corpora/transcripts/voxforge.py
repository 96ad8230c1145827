"""VoxForge: read sentences in English, recorded by volunteers, about 100 hours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.transcribed import TranscribedCorpus, Transcript, matched_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

LINE = re.compile(r"(?:\S*/)?(?P<sentence>[\w.-]+)\s+(?P<text>\S.*)")
ANONYMOUS = "anonymous"  # name of many speakers, whom their folders distinguish


def wanted(relative: PurePosixPath) -> bool:
    """Return whether a file is the prompts of a folder of recordings, e.g. `Aaron-20080318-kdl/etc/PROMPTS`."""
    return relative.name == "PROMPTS" and relative.parent.name == "etc"


def read(relative: PurePosixPath, text: str) -> Iterator[Transcript | str]:
    """Yield the sentences of one folder of recordings, which are in its folder `wav`."""
    folder = relative.parent.parent
    name = folder.name.split("-")[0].lower()
    speaker = folder.name if name == ANONYMOUS else name
    for match in matched_lines(text, LINE, what="a recording and its words"):
        if isinstance(match, str):
            yield match
        else:
            sentence = match["sentence"]
            yield Transcript(f"{folder.name}/{sentence}", folder / "wav" / sentence, match["text"], speaker)


CORPUS = TranscribedCorpus(
    title="VoxForge, English",
    licence="GPL-3.0-only",
    citation="VoxForge: free speech recognition corpus, http://www.voxforge.org",
    access="http://www.repository.voxforge1.org/downloads/SpeechCorpus/Trunk/Audio/Original/48kHz_16bit",
    layout="Aaron-20080318-kdl/etc/PROMPTS with lines of a recording and its words, and ../wav/b0019.wav next to etc",
    suffixes=(".wav", ".flac", ".ogg"),
    wanted=wanted,
    read=read,
    examples={
        "Aaron-20080318-kdl/etc/PROMPTS": (
            "Aaron-20080318-kdl/mfc/b0019 HIS SLIM HANDS GRIPPED THE EDGES OF THE TABLE\n"
            "Aaron-20080318-kdl/mfc/b0020 AND YOU ALWAYS WANT TO SEE IT IN THE SUPERLATIVE DEGREE\n"
        )
    },
)
