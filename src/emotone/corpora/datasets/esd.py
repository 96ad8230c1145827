"""Emotional Speech Dataset (ESD), in English and Mandarin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

# In the order of their numbers: 1-350 neutral, 351-700 angry, and so on.
WORDS = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
SENTENCES = 350  # of each emotion and speaker; the same for all speakers of a language
SPEAKERS = tuple(f"{number:04d}" for number in range(1, 21))
MANDARIN = SPEAKERS[:10]
MALE = ("0004", "0005", "0006", "0008", "0010", "0011", "0012", "0013", "0014", "0020")
NAME = re.compile(r"(?P<speaker>00[0-9]{2})_(?P<number>[0-9]{6})")


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a path such as `0011/Angry/0011_000351`; None in a folder that is named after another emotion."""
    match = NAME.fullmatch(relative.stem)
    if match is None or match["speaker"] not in SPEAKERS:
        return None
    index = int(match["number"]) - 1
    if not 0 <= index < SENTENCES * len(WORDS):
        return None
    word = WORDS[index // SENTENCES]
    if any(folder in WORDS and folder != word for folder in relative.parts[:-1]):
        return None
    language = "zh" if match["speaker"] in MANDARIN else "en"
    return ParsedPath(
        id=relative.stem,
        speaker=match["speaker"],
        label=word,
        extras={
            "sentence": f"{language}{index % SENTENCES + 1:03d}",
            "language": language,
            "gender": "male" if match["speaker"] in MALE else "female",
        },
    )


CORPUS = Corpus(
    name="esd",
    title="Emotional Speech Dataset (ESD)",
    languages=("en", "zh"),
    speakers=SPEAKERS,
    # 20 speakers x 350 sentences x 5 emotions, as published.
    counts={"anger": 7000, "happiness": 7000, "neutral": 7000, "sadness": 7000, "surprise": 7000},
    emotions={
        "Neutral": "neutral",
        "Angry": "anger",
        "Happy": "happiness",
        "Sad": "sadness",
        "Surprise": "surprise",
    },
    licence=Licence("LicenseRef-research-only", False, "Research only: weights trained on it are not published."),
    citation=(
        "K. Zhou, B. Sisman, R. Liu and H. Li: Emotional voice conversion: Theory, databases and ESD. "
        "Speech Communication 137, 2022, pp. 1-18. doi:10.1016/j.specom.2021.11.006"
    ),
    access="On request, free for research, from https://github.com/HLTSingapore/Emotional-Speech-Data.",
    layout=(
        "0011/Angry/0011_000351.wav, or with a folder train, evaluation or test in between: speaker (0001-0010 "
        "Mandarin, 0011-0020 English), number (1-350 neutral, 351-700 angry, 701-1050 happy, "
        "1051-1400 sad, 1401-1750 surprise)."
    ),
    examples=(
        "0011/Angry/0011_000351.wav",
        "0011/Neutral/0011_000350.wav",
        "0001/Happy/train/0001_001050.wav",
        "0020/Sad/evaluation/0020_001051.wav",
        "0010/Surprise/test/0010_001750.wav",
    ),
    parser=parse,
)
