"""Berlin Database of Emotional Speech (Emo-DB)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

# Initials of the German words.
WORDS = {
    "W": "Wut",
    "L": "Langeweile",
    "E": "Ekel",
    "A": "Angst",
    "F": "Freude",
    "T": "Trauer",
    "N": "neutral",
}
MALE = {"03", "10", "11", "12", "15"}
FEMALE = {"08", "09", "13", "14", "16"}
NAME = re.compile(
    r"(?P<speaker>03|08|09|1[0-6])(?P<sentence>a0[12457]|b0[1239]|b10)(?P<letter>[WLEAFTN])(?P<version>[a-f])"
)


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a name such as `03a01Fa`; folders are ignored."""
    match = NAME.fullmatch(relative.stem)
    if match is None:
        return None
    speaker = match["speaker"]
    return ParsedPath(
        id=relative.stem,
        speaker=speaker,
        label=WORDS[match["letter"]],
        extras={
            "sentence": match["sentence"],
            "version": match["version"],
            "gender": "male" if speaker in MALE else "female",
        },
    )


CORPUS = Corpus(
    name="emodb",
    title="Berlin Database of Emotional Speech (Emo-DB)",
    languages=("de",),
    speakers=tuple(sorted(MALE | FEMALE)),
    counts={
        "anger": 127,
        "boredom": 81,
        "disgust": 46,
        "fear": 69,
        "happiness": 71,
        "neutral": 79,
        "sadness": 62,
    },
    emotions={
        "Wut": "anger",
        "Langeweile": "boredom",
        "Ekel": "disgust",
        "Angst": "fear",
        "Freude": "happiness",
        "neutral": "neutral",
        "Trauer": "sadness",
    },
    licence=Licence("CC0-1.0", True, "Weights trained on it may be published under any terms."),
    citation=(
        "F. Burkhardt, A. Paeschke, M. Rolfes, W. F. Sendlmeier and B. Weiss: A database of German emotional speech. "
        "Interspeech 2005, pp. 1517-1520. doi:10.21437/Interspeech.2005-446"
    ),
    access="Free download, without registration, from http://emodb.bilderbar.info (download.zip, about 40 MB).",
    layout=(
        "wav/03a01Fa.wav, or the files without the folder. Characters 1-2 speaker, 3-5 sentence, 6 emotion "
        "(W anger, L boredom, E disgust, A fear, F happiness, T sadness, N neutral), 7 version."
    ),
    examples=(
        "wav/03a01Fa.wav",
        "wav/03a01Nc.wav",
        "wav/08a02Ac.wav",
        "wav/09a04Wa.wav",
        "wav/16b10Lb.wav",
        "10b09Ed.wav",
        "14a07Ta.wav",
    ),
    parser=parse,
    minutes=24.8,  # measured
    verified=True,
)
