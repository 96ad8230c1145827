"""Toronto Emotional Speech Set (TESS)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

WORDS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",  # "pleasant surprise"
    "sad": "sadness",
}
# In the published corpus one name lacks a letter: OA_bite_neutral is spoken by OAF.
NAME = re.compile(rf"(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>{'|'.join(WORDS)})")


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a name such as `OAF_back_angry`; folders are ignored."""
    match = NAME.fullmatch(relative.stem)
    if match is None:
        return None
    speaker = "OAF" if match["speaker"] == "OA" else match["speaker"]
    return ParsedPath(
        id=f"{speaker}_{match['word']}_{match['emotion']}",
        speaker=speaker,
        label=match["emotion"],
        # Both speakers say "Say the word ..." with the same 200 words for every emotion.
        extras={"sentence": match["word"], "gender": "female"},
    )


CORPUS = Corpus(
    name="tess",
    title="Toronto Emotional Speech Set (TESS)",
    languages=("en-CA",),
    speakers=("OAF", "YAF"),
    # 2 speakers x 200 words x 7 emotions, as published.
    counts=dict.fromkeys(sorted(WORDS.values()), 400),
    emotions=WORDS,
    licence=Licence(
        "CC-BY-NC-ND-4.0",
        False,
        "No derivatives may be published; whether weights are derivatives is not settled, so they are not shipped.",
    ),
    citation=(
        "M. K. Pichora-Fuller and K. Dupuis: Toronto emotional speech set (TESS). Borealis, 2020. "
        "doi:10.5683/SP2/E8H2MF"
    ),
    access="Free download from https://doi.org/10.5683/SP2/E8H2MF.",
    layout=(
        "OAF_back_angry.wav, with or without folders: speaker (OAF older, YAF younger), word, emotion (angry, disgust, "
        "fear, happy, neutral, ps pleasant surprise, sad). Some copies contain everything twice, in a second folder."
    ),
    examples=(
        "OAF_back_angry.wav",
        "OAF_bar_disgust.wav",
        "OAF_neutral/OA_bite_neutral.wav",
        "YAF_date_fear.wav",
        "YAF_young_ps.wav",
        "TESS Toronto emotional speech set data/YAF_happy/YAF_witch_happy.wav",
        "TESS Toronto emotional speech set data/YAF_sad/YAF_yes_sad.wav",
    ),
    parser=parse,
)
