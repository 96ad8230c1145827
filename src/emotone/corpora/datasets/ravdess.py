"""Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS): its speech clips."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

WORDS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
# 03 = audio only, 01 = speech: song (03-02) and video (01-, 02-) are other parts of the database.
NAME = re.compile(
    r"03-01-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-(?P<repetition>0[12])"
    r"-(?P<actor>0[1-9]|1[0-9]|2[0-4])"
)


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a name such as `03-01-05-01-02-01-12`; folders are ignored."""
    match = NAME.fullmatch(relative.stem)
    if match is None or (match["emotion"] == "01" and match["intensity"] == "02"):  # neutral is never strong
        return None
    return ParsedPath(
        id=relative.stem,
        speaker=match["actor"],
        label=WORDS[match["emotion"]],
        extras={
            "sentence": match["statement"],
            "intensity": "normal" if match["intensity"] == "01" else "strong",
            "repetition": match["repetition"],
            "gender": "male" if int(match["actor"]) % 2 else "female",
        },
    )


CORPUS = Corpus(
    name="ravdess",
    title="Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), speech",
    languages=("en-CA",),
    speakers=tuple(f"{actor:02d}" for actor in range(1, 25)),
    counts={
        "anger": 192,
        "calm": 192,
        "disgust": 192,
        "fear": 192,
        "happiness": 192,
        "neutral": 96,
        "sadness": 192,
        "surprise": 192,
    },
    emotions={
        "neutral": "neutral",
        "calm": "calm",
        "happy": "happiness",
        "sad": "sadness",
        "angry": "anger",
        "fearful": "fear",
        "disgust": "disgust",
        "surprised": "surprise",
    },
    licence=Licence(
        "CC-BY-NC-SA-4.0", True, "Weights trained on it are published under CC BY-NC-SA 4.0 only, with a notice."
    ),
    citation=(
        "S. R. Livingstone and F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
        "PLoS ONE 13(5), 2018, e0196391. doi:10.1371/journal.pone.0196391"
    ),
    access=(
        "Free download from https://zenodo.org/record/1188976: Audio_Speech_Actors_01-24.zip (about 200 MB). "
        "The song and video archives are not needed."
    ),
    layout=(
        "Actor_01/03-01-05-01-02-01-12.wav, also below Audio_Speech_Actors_01-24. Fields: modality (03 audio), channel "
        "(01 speech), emotion (01 neutral, 02 calm, 03 happy, 04 sad, 05 angry, 06 fearful, 07 disgust, "
        "08 surprised), intensity, statement, repetition, actor (odd = male)."
    ),
    examples=(
        "Actor_01/03-01-01-01-01-01-01.wav",
        "Actor_01/03-01-02-02-01-02-01.wav",
        "Actor_12/03-01-03-01-02-01-12.wav",
        "Actor_12/03-01-04-01-02-01-12.wav",
        "Actor_24/03-01-05-02-02-02-24.wav",
        "Audio_Speech_Actors_01-24/Actor_07/03-01-06-01-02-01-07.wav",
        "Audio_Speech_Actors_01-24/Actor_07/03-01-07-01-02-01-07.wav",
        "Audio_Speech_Actors_01-24/Actor_07/03-01-08-01-02-01-07.wav",
    ),
    parser=parse,
    known_duplicates=(("03-01-03-01-02-01-07", "03-01-03-01-02-02-07"),),
    minutes=88.8,  # measured
    verified=True,
)
