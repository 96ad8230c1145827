"""Acted Facial Expressions in the Wild (AFEW): the sound of its film clips."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import VIDEO_SUFFIXES, Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

WORDS = {
    "Angry": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Neutral": "neutral",
    "Sad": "sadness",
    "Surprise": "surprise",
}
NAME = re.compile(r"[0-9]{9}")
FOLDERS = re.compile(rf"(?:.*/)?(?P<part>Train|Val)(?:_AFEW)?/(?P<emotion>{'|'.join(WORDS)})")


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a path such as `Train/Angry/000046280`. Only the folders have information, so they are part of the id."""
    folders = FOLDERS.fullmatch(relative.parent.as_posix())
    if folders is None or not NAME.fullmatch(relative.stem):
        return None
    name = f"{folders['part']}-{folders['emotion']}-{relative.stem}"
    return ParsedPath(name, "", folders["emotion"], extras={"part": folders["part"].lower()})


CORPUS = Corpus(
    name="afew",
    title="Acted Facial Expressions in the Wild (AFEW)",
    languages=("en",),
    speakers=(),  # actors of many films; names do not contain them
    # They differ from version to version: EmotiW 2016 has 773 and 383 clips, other versions other numbers.
    counts=dict.fromkeys(sorted(WORDS.values())),
    emotions=WORDS,
    licence=Licence(
        "LicenseRef-research-only", False, "Research only, from films: weights trained on it are not published."
    ),
    citation=(
        "A. Dhall, R. Goecke, S. Lucey and T. Gedeon: Collecting Large, Richly Annotated Facial-Expression Databases "
        "from Movies. IEEE MultiMedia 19(3), 2012, pp. 34-41. doi:10.1109/MMUL.2012.26"
    ),
    access="On request with a signed agreement, free for research: https://cs.anu.edu.au/few.",
    layout=(
        "Train/Angry/000046280.avi and Val/...: part, emotion, number; the sound is read from the video. Speakers are "
        "not known, so speaker-independent protocols can't divide it. The test part has no labels."
    ),
    examples=(
        "Train/Angry/000046280.avi",
        "Train/Disgust/000228680.avi",
        "Train_AFEW/Fear/002332640.avi",
        "Val/Happy/000421754.avi",
        "Val/Neutral/000149120.mp4",
        "AFEW/Val_AFEW/Sad/003126840.avi",
        "Train/Surprise/000046280.wav",
    ),
    parser=parse,
    suffixes=VIDEO_SUFFIXES,
)
