"""Surrey Audio-Visual Expressed Emotion (SAVEE): its recordings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

WORDS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
SPEAKERS = ("DC", "JE", "JK", "KL")
NAME = re.compile(r"(?:(?P<speaker>DC|JE|JK|KL)_)?(?P<letter>sa|su|[adfhn])(?P<number>0[1-9]|[12][0-9]|30)")
NEUTRAL_SENTENCES = 30
SENTENCES = 15  # of every other emotion


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a path such as `DC/a01` (the original) or `DC_a01` (a flat copy)."""
    match = NAME.fullmatch(relative.stem)
    if match is None:
        return None
    speaker = match["speaker"] or relative.parent.name
    allowed = NEUTRAL_SENTENCES if match["letter"] == "n" else SENTENCES
    if speaker not in SPEAKERS or int(match["number"]) > allowed:
        return None
    sentence = match["letter"] + match["number"]
    return ParsedPath(
        id=f"{speaker}_{sentence}",
        speaker=speaker,
        label=WORDS[match["letter"]],
        # Sentences are numbered within their emotion; all four speakers say the same ones.
        extras={"sentence": sentence, "gender": "male"},
    )


CORPUS = Corpus(
    name="savee",
    title="Surrey Audio-Visual Expressed Emotion (SAVEE)",
    languages=("en-GB",),
    speakers=SPEAKERS,
    counts={
        "anger": 60,
        "disgust": 60,
        "fear": 60,
        "happiness": 60,
        "neutral": 120,
        "sadness": 60,
        "surprise": 60,
    },
    emotions={word: word for word in WORDS.values()},
    licence=Licence("LicenseRef-research-only", False, "Research only: weights trained on it are not published."),
    citation=("S. Haq and P. J. B. Jackson: Speaker-dependent audio-visual emotion recognition. AVSP 2009, pp. 53-58."),
    access="On registration, free for research, from http://kahlan.eps.surrey.ac.uk/savee (AudioData).",
    layout=(
        "AudioData/DC/a01.wav, or DC_a01.wav in flat copies: speaker, emotion (a anger, d disgust, f fear, "
        "h happiness, n neutral, sa sadness, su surprise), sentence."
    ),
    examples=(
        "AudioData/DC/a01.wav",
        "AudioData/DC/d15.wav",
        "AudioData/JE/f02.wav",
        "JK/h03.wav",
        "KL/n30.wav",
        "KL_sa04.wav",
        "KL_su05.wav",
    ),
    parser=parse,
    minutes=30.7,  # measured
    verified=True,
)
