"""eNTERFACE'05 audio-visual emotion database: the sound of its videos."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import TWO_LETTERS, VIDEO_SUFFIXES, Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

SENTENCES = 5  # of each emotion; each emotion has its own, so the words alone identify the emotion
UNCUT = 6  # this subject's recordings were never cut into sentences: one video of a minute or more per emotion
SUBJECTS = tuple(number for number in range(1, 45) if number != UNCUT)
# Some names of subject 3 have an additional underscore, and one of subject 16 has an additional suffix.
NAME = re.compile(rf"s_?(?P<subject>[0-9]{{1,2}})_(?P<emotion>{'|'.join(TWO_LETTERS)})_(?P<sentence>[1-5])(?:avi)?")
FOLDERS = re.compile(
    r"(?:.*/)?subject (?P<subject>[0-9]{1,2})/(?P<emotion>anger|disgust|fear|happiness|sadness|surprise)"
    r"/sentence (?P<sentence>[1-5])"
)


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a path such as `subject 1/anger/sentence 1/s1_an_1`, or `s1_an_1` in a flat copy.

    The speaker is taken from the folders, because every file of subject 11 is named s12_... in the published corpus.
    Emotion and sentence must agree in folders and name.
    """
    match = NAME.fullmatch(relative.stem)
    if match is None:
        return None
    emotion, subject = match["emotion"], match["subject"]
    if any(folder.startswith(("subject ", "sentence ")) for folder in relative.parts[:-1]):
        folders = FOLDERS.fullmatch(relative.parent.as_posix())
        if folders is None or (TWO_LETTERS[emotion], match["sentence"]) != (folders["emotion"], folders["sentence"]):
            return None
        subject = folders["subject"]
    if int(subject) not in SUBJECTS:
        return None
    sentence = f"{emotion}_{match['sentence']}"
    label = TWO_LETTERS[emotion]
    return ParsedPath(f"s{int(subject)}_{sentence}", _speaker(int(subject)), label, extras={"sentence": sentence})


def _speaker(subject: int) -> str:
    return f"s{subject:02d}"


CORPUS = Corpus(
    name="enterface",
    title="eNTERFACE'05 Audio-Visual Emotion Database",
    languages=("en",),
    speakers=tuple(_speaker(number) for number in SUBJECTS),
    # Counted by users of the download: 44 folders with 1,293 videos, of which subject 6 has six uncut ones, and of
    # subject 23 three of happiness are missing. (The paper reports 42 subjects and 1,166 videos.)
    counts={"anger": 215, "disgust": 215, "fear": 215, "happiness": 212, "sadness": 215, "surprise": 215},
    emotions={word: word for word in TWO_LETTERS.values()},
    licence=Licence(
        "MIT",
        False,
        "Its page offers it under the MIT licence; whether the subjects agreed to published weights is not known.",
    ),
    citation=(
        "O. Martin, I. Kotsia, B. Macq and I. Pitas: The eNTERFACE'05 Audio-Visual Emotion Database. "
        "ICDE Workshops 2006, p. 8. doi:10.1109/ICDEW.2006.145"
    ),
    access="Free download from https://enterface.net/enterface05 (project2_database.zip, 0.8 GB).",
    layout=(
        "subject 1/anger/sentence 1/s1_an_1.avi: the sound is read from the video; or s1_an_1.wav in flat copies, "
        "where subject 11 must have been renamed (its files are called s12). Subject 6 is uncut and left out."
    ),
    examples=(
        "subject 1/anger/sentence 1/s1_an_1.avi",
        "subject 3/disgust/sentence 2/s_3_di_2.avi",
        "subject 11/fear/sentence 5/s12_fe_5.avi",
        "subject 12/fear/sentence 5/s12_fe_5.avi",
        "enterface database/subject 16/surprise/sentence 3/s16_su_3avi.avi",
        "enterface database/subject 44/sadness/sentence 4/s44_sa_4.mp4",
        "s43_ha_1.wav",
    ),
    parser=parse,
    suffixes=VIDEO_SUFFIXES,
)
