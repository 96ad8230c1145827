"""nEMO: emotional speech in Polish."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

MALE = {"KS0", "MP0", "SM0", "TP0", "WR0"}
FEMALE = {"EB0", "IC0", "KD0", "MK0"}
# The number is that of the sentence, 1 to 90: the same words for every emotion and speaker.
NAME = re.compile(
    r"(?P<speaker>EB0|IC0|KD0|KS0|MK0|MP0|SM0|TP0|WR0)"
    r"_(?P<emotion>anger|fear|happiness|neutral|sadness|surprised)_(?P<sentence>[1-8]?[0-9]|90)"
)


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a name such as `WR0_surprised_64`; folders are ignored."""
    match = NAME.fullmatch(relative.stem)
    if match is None or match["sentence"] == "0":
        return None
    speaker = match["speaker"]
    return ParsedPath(
        id=relative.stem,
        speaker=speaker,
        label=match["emotion"],
        extras={"sentence": match["sentence"], "gender": "male" if speaker in MALE else "female"},
    )


CORPUS = Corpus(
    name="nemo",
    title="nEMO: Dataset of Emotional Speech in Polish",
    languages=("pl",),
    speakers=tuple(sorted(MALE | FEMALE)),
    counts={"anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769, "surprise": 669},
    emotions={
        "anger": "anger",
        "fear": "fear",
        "happiness": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprised": "surprise",
    },
    licence=Licence(
        "CC-BY-NC-SA-4.0", True, "Weights trained on it are published under CC BY-NC-SA 4.0 only, with a notice."
    ),
    citation=(
        "I. Christop: nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024, pp. 12111-12116. arXiv:2404.06292"
    ),
    access="Free download from https://github.com/amu-cai/nEMO (also on Hugging Face as amu-cai/nEMO).",
    layout="samples/WR0_surprised_64.wav: speaker, emotion, sentence; data.tsv has texts, gender and age.",
    examples=(
        "samples/WR0_surprised_64.wav",
        "samples/EB0_anger_1.wav",
        "samples/IC0_fear_90.wav",
        "samples/KD0_happiness_10.wav",
        "samples/MP0_neutral_13.wav",
        "TP0_sadness_78.wav",
    ),
    parser=parse,
    minutes=184.4,  # measured
    verified=True,
)
