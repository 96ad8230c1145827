"""RML emotion database: the sound of its videos."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import TWO_LETTERS, VIDEO_SUFFIXES, Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from pathlib import PurePosixPath

NAME = re.compile(rf"(?P<emotion>{'|'.join(TWO_LETTERS)})(?P<number>[1-9][0-9]?)")
# Subjects who speak several languages have a folder for each, whose names are used unchanged.
FOLDERS = re.compile(r"(?:.*/)?(?P<speaker>s[1-8])(?:/(?P<language>[^/]+))?")


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a path such as `s1/an1` or `s1/LANGUAGE/an1`."""
    match = NAME.fullmatch(relative.stem)
    folders = FOLDERS.fullmatch(relative.parent.as_posix())
    if match is None or folders is None:
        return None
    speaker, language = folders["speaker"], folders["language"]
    if language is None:
        return ParsedPath(f"{speaker}-{relative.stem}", speaker, TWO_LETTERS[match["emotion"]])
    name = f"{speaker}-{language}-{relative.stem}"
    return ParsedPath(name, speaker, TWO_LETTERS[match["emotion"]], extras={"language": language})


CORPUS = Corpus(
    name="rml",
    title="Ryerson Multimedia Lab (RML) Emotion Database",
    languages=("en", "fa", "it", "pa", "ur", "zh"),
    speakers=tuple(f"s{number}" for number in range(1, 9)),
    # Published total: 720 videos of eight subjects; 120 per emotion were counted by users of the download.
    counts=dict.fromkeys(sorted(TWO_LETTERS.values()), 120),
    emotions={word: word for word in TWO_LETTERS.values()},
    licence=Licence(
        "LicenseRef-research-non-commercial",
        False,
        "Research, non-commercial: weights trained on it are not published.",
    ),
    citation=(
        "Y. Wang and L. Guan: Recognizing Human Emotional State From Audiovisual Signals. IEEE Transactions on "
        "Multimedia 10(5), 2008, pp. 936-946. doi:10.1109/TMM.2008.927665"
    ),
    access="On request with a signed agreement, free for research, from the Ryerson Multimedia Research Laboratory.",
    layout=(
        "rml-1/s1/an1.avi, or s1/LANGUAGE/an1.avi for subjects who speak several: the sound is read from the video. "
        "Emotions: an anger, di disgust, fe fear, ha happiness, sa sadness, su surprise."
    ),
    examples=(
        "rml-1/s1/an1.avi",
        "rml-1/s1/di10.avi",
        "rml-1/s3/mandarin/fe1.avi",
        "rml-1/s3/english/fe1.avi",
        "rml-2/s8/ha2.mp4",
        "s2/sa3.wav",
        "s2/su15.wav",
    ),
    parser=parse,
    suffixes=VIDEO_SUFFIXES,
)
