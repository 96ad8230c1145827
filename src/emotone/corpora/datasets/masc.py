"""Mandarin Affective Speech (MASC, LDC2007S09)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

WORDS = {
    "anger": "anger",
    "elation": "happiness",
    "neutral": "neutral",
    "panic": "fear",
    "sadness": "sadness",
}
FOLDERS = re.compile(rf"(?:.*/)?(?P<speaker>[0-9]{{3}})/(?P<emotion>{'|'.join(WORDS)})")
NAME = re.compile(r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*")


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a path such as `001/anger/201`; names are equal for all speakers and emotions, so folders are in the id."""
    folders = FOLDERS.fullmatch(relative.parent.as_posix())
    if folders is None or not NAME.fullmatch(relative.stem):
        return None
    return ParsedPath(
        id=f"{folders['speaker']}-{folders['emotion']}-{relative.stem}",
        speaker=folders["speaker"],
        label=folders["emotion"],
        # All speakers read the same texts; a name identifies a text and its repetition.
        extras={"sentence": relative.stem},
    )


CORPUS = Corpus(
    name="masc",
    title="Mandarin Affective Speech (MASC)",
    languages=("zh",),
    speakers=(),  # 23 women and 45 men; the publisher's list of their numbers was not available
    # Publications differ on the number of sentences that each speaker read (10, 15 or 20), so on the number of clips.
    counts=dict.fromkeys(sorted(WORDS.values())),
    emotions=WORDS,
    licence=Licence(
        "LicenseRef-LDC-Mandarin-Affective-Speech-Agreement",
        False,
        "Under the publisher's agreement: weights trained on it are not published.",
    ),
    citation=(
        "Y. Yang, Z. Wu, T. Wu and D. Li: Mandarin Affective Speech LDC2007S09. Linguistic Data Consortium, 2007. "
        "doi:10.35111/652a-3x97"
    ),
    access="From the Linguistic Data Consortium under its agreement: https://catalog.ldc.upenn.edu/LDC2007S09.",
    layout="001/anger/201.wav: a folder per speaker, in it one per emotion (anger, elation, neutral, panic, sadness).",
    examples=(
        "001/anger/201.wav",
        "001/elation/201.wav",
        "068/neutral/101.wav",
        "data/023/panic/s20_3.wav",
        "data/023/sadness/s20_3.wav",
    ),
    parser=parse,
    suffixes=(".wav", ".sph", ".flac", ".ogg"),
    published_speakers=68,
)
