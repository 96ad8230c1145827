"""Sharif Emotional Speech Database (ShEMO)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

WORDS = {
    "A": "anger",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
    "W": "surprise",
}
NAME = re.compile(r"(?P<speaker>(?P<gender>[FM])(?P<number>[0-9]{2}))(?P<emotion>[AFHNSW])(?P<take>[0-9]{2,3})")
LAST = {"F": 31, "M": 56}


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a name such as `F01A05`; folders are ignored."""
    match = NAME.fullmatch(relative.stem)
    if match is None or not 1 <= int(match["number"]) <= LAST[match["gender"]] or int(match["take"]) == 0:
        return None
    return ParsedPath(
        id=relative.stem,
        speaker=match["speaker"],
        label=match["emotion"],
        extras={"gender": "female" if match["gender"] == "F" else "male", "take": match["take"]},
    )


CORPUS = Corpus(
    name="shemo",
    title="Sharif Emotional Speech Database (ShEMO)",
    languages=("fa",),
    # Published: 31 women and 56 men, numbered within their gender.
    speakers=tuple(f"{gender}{number:02d}" for gender, last in LAST.items() for number in range(1, last + 1)),
    # As published; the total is 3,000.
    counts={"anger": 1059, "fear": 38, "happiness": 201, "neutral": 1028, "sadness": 449, "surprise": 225},
    emotions=WORDS,
    licence=Licence(
        "LicenseRef-academic",
        False,
        "The paper permits academic use, a later copy states Apache 2.0: weights trained on it are not published.",
    ),
    citation=(
        "O. Mohamad Nezami, P. Jamshid Lou and M. Karami: ShEMO: a large-scale validated database for Persian speech "
        "emotion detection. Language Resources and Evaluation 53(1), 2019, pp. 1-16. doi:10.1007/s10579-018-9427-x"
    ),
    access="Free download from https://github.com/pariajm/sharif-emotional-speech-dataset (female.zip, male.zip).",
    layout=(
        "female/F01A05.wav: gender and number of the speaker, emotion (A anger, F fear, H happiness, N neutral, "
        "S sadness, W surprise), number of the clip."
    ),
    examples=(
        "female/F01A05.wav",
        "female/F31W02.wav",
        "male/M02F01.wav",
        "male/M28H02.wav",
        "male/M56N15.wav",
        "F21S31.wav",
    ),
    parser=parse,
    minutes=205.0,  # published: 3 hours and 25 minutes
)
