"""EMOVO: emotional speech in Italian."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

# Abbreviations of the Italian words.
WORDS = {
    "dis": "disgusto",
    "gio": "gioia",
    "neu": "neutro",
    "pau": "paura",
    "rab": "rabbia",
    "sor": "sorpresa",
    "tri": "tristezza",
}
NAME = re.compile(
    r"(?P<emotion>dis|gio|neu|pau|rab|sor|tri)-(?P<speaker>[fm][1-3])-(?P<sentence>b[1-3]|l[1-4]|n[1-5]|d[12])"
)


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a name such as `gio-f1-b1`; folders are ignored."""
    match = NAME.fullmatch(relative.stem)
    if match is None:
        return None
    return ParsedPath(
        id=relative.stem,
        speaker=match["speaker"],
        label=WORDS[match["emotion"]],
        extras={
            "sentence": match["sentence"],
            "gender": "female" if match["speaker"].startswith("f") else "male",
        },
    )


CORPUS = Corpus(
    name="emovo",
    title="EMOVO: an Italian Emotional Speech Database",
    languages=("it",),
    speakers=("f1", "f2", "f3", "m1", "m2", "m3"),
    counts={
        "anger": 84,
        "disgust": 84,
        "fear": 84,
        "happiness": 84,
        "neutral": 84,
        "sadness": 84,
        "surprise": 84,
    },
    emotions={
        "disgusto": "disgust",
        "gioia": "happiness",
        "neutro": "neutral",
        "paura": "fear",
        "rabbia": "anger",
        "sorpresa": "surprise",
        "tristezza": "sadness",
    },
    licence=Licence(
        "LicenseRef-research-non-commercial",
        False,
        "Research, non-commercial: weights trained on it are not published.",
    ),
    citation=(
        "G. Costantini, I. Iaderola, A. Paoloni and M. Todisco: EMOVO Corpus: an Italian Emotional Speech Database. "
        "LREC 2014, pp. 3501-3504."
    ),
    access="Free for research from the Fondazione Ugo Bordoni, through the authors; see the LREC 2014 paper (no. 591).",
    layout=(
        "f1/gio-f1-b1.wav: emotion (dis disgust, gio joy, neu neutral, pau fear, rab anger, sor surprise, "
        "tri sadness), speaker (f1-f3, m1-m3), sentence."
    ),
    examples=(
        "EMOVO/f1/dis-f1-b1.wav",
        "EMOVO/f2/gio-f2-l4.wav",
        "EMOVO/m3/neu-m3-n5.wav",
        "f3/pau-f3-d2.wav",
        "m1/rab-m1-b3.wav",
        "m2/sor-m2-n4.wav",
        "m2/tri-m2-d1.wav",
    ),
    parser=parse,
    minutes=30.6,  # measured
    verified=True,
)
