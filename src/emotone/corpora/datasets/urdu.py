"""URDU: emotional speech from Urdu talk shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

WORDS = {"A": "Angry", "H": "Happy", "N": "Neutral", "S": "Sad"}
# The ids that occur in the published files. The paper reports 38 speakers (27 men, 11 women), but SM8 to SM16 have no
# file, and the numbers of files continue without a gap.
MEN = (*range(1, 8), *range(17, 28))
WOMEN = tuple(range(1, 12))
SPEAKERS = tuple(sorted([*(f"SM{number}" for number in MEN), *(f"SF{number}" for number in WOMEN)]))
# The last number has a leading zero, whatever its length: A01, A010, A0100.
NAME = re.compile(
    r"(?P<speaker>S(?P<gender>[FM])[0-9]{1,2})_F(?P<file>[1-9][0-9]?)_(?P<emotion>[AHNS])0(?P<number>[1-9][0-9]?|100)"
)


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a path such as `Angry/SM1_F1_A01`; None in a folder that is named after another emotion."""
    match = NAME.fullmatch(relative.stem)
    if match is None or match["speaker"] not in SPEAKERS:
        return None
    word = WORDS[match["emotion"]]
    if relative.parent.name in WORDS.values() and relative.parent.name != word:
        return None
    return ParsedPath(
        id=relative.stem,
        speaker=match["speaker"],
        label=word,
        extras={"gender": "female" if match["gender"] == "F" else "male", "take": match["file"]},
    )


CORPUS = Corpus(
    name="urdu",
    title="URDU: emotional speech from Urdu talk shows",
    languages=("ur",),
    speakers=SPEAKERS,
    # As published, and counted in the published files.
    counts={"anger": 100, "happiness": 100, "neutral": 100, "sadness": 100},
    emotions={"Angry": "anger", "Happy": "happiness", "Neutral": "neutral", "Sad": "sadness"},
    licence=Licence(
        "LicenseRef-not-stated",
        False,
        "No terms are stated with the files: weights trained on it are not published.",
    ),
    citation=(
        "S. Latif, A. Qayyum, M. Usman and J. Qadir: Cross Lingual Speech Emotion Recognition: Urdu vs. Western "
        "Languages. FIT 2018, pp. 88-93. arXiv:1812.10411"
    ),
    access="Free download from https://github.com/siddiquelatif/URDU-Dataset.",
    layout="Angry/SM1_F10_A010.wav: emotion; speaker (SF woman, SM man), the speaker's file, the emotion's number.",
    examples=("Angry/SM1_F1_A01.wav", "Happy/SF1_F10_H010.wav", "Neutral/SM5_F72_N0100.wav", "SM24_F1_S013.wav"),
    parser=parse,
)
