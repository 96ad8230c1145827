"""Crowd-sourced Emotional Multimodal Actors Dataset (CREMA-D)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

WORDS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
# Sentence IEO is spoken at three intensities, the others at an unspecified one (X in one published name).
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}
NAME = re.compile(
    r"(?P<actor>10[0-9]{2})_(?P<sentence>DFA|IEO|IOM|ITH|ITS|IWL|IWW|MTI|TAI|TIE|TSI|WSI)"
    r"_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?P<intensity>LO|MD|HI|XX?)"
)
ACTORS = tuple(str(number) for number in range(1001, 1092))


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a name such as `1001_DFA_ANG_XX`; folders are ignored."""
    match = NAME.fullmatch(relative.stem)
    if match is None or match["actor"] not in ACTORS:
        return None
    return ParsedPath(
        id=relative.stem,
        speaker=match["actor"],
        label=match["emotion"],
        extras={"sentence": match["sentence"], "intensity": INTENSITIES[match["intensity"]]},
    )


CORPUS = Corpus(
    name="crema-d",
    title="Crowd-sourced Emotional Multimodal Actors Dataset (CREMA-D)",
    languages=("en-US",),
    speakers=ACTORS,
    # Published total: 7,442. 14 clips of each emotion and 12 of neutral were planned per actor; 20 are missing.
    counts={"anger": 1271, "disgust": 1271, "fear": 1271, "happiness": 1271, "neutral": 1087, "sadness": 1271},
    emotions=WORDS,
    licence=Licence(
        "ODbL-1.0",
        False,
        "Databases made from it must be shared alike; whether weights are one is not settled, so they are not shipped.",
    ),
    citation=(
        "H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova and R. Verma: CREMA-D: Crowd-sourced Emotional "
        "Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4), 2014, pp. 377-390. "
        "doi:10.1109/TAFFC.2014.2336244"
    ),
    access="Free download (git lfs) from https://github.com/CheyneyComputerScience/CREMA-D; only AudioWAV is needed.",
    layout=(
        "AudioWAV/1001_DFA_ANG_XX.wav: actor (1001-1091), sentence, emotion (ANG anger, DIS disgust, FEA fear, "
        "HAP happiness, NEU neutral, SAD sadness), intensity (LO, MD, HI, XX unspecified). The same clips in AudioMP3 "
        "and VideoFlash are not read."
    ),
    examples=(
        "AudioWAV/1001_DFA_ANG_XX.wav",
        "AudioWAV/1001_IEO_DIS_LO.wav",
        "AudioWAV/1002_IEO_FEA_HI.wav",
        "AudioWAV/1040_ITH_SAD_X.wav",
        "AudioWAV/1091_WSI_HAP_XX.wav",
        "1091_TIE_NEU_XX.wav",
    ),
    parser=parse,
)
