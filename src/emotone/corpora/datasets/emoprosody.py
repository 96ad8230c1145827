"""Emotional Prosody Speech and Transcripts (EmoProsody, LDC2002S28).

A recording is a whole session of one actor, on two microphones; its transcript lists the acted parts:

    55.93 57.19 A: hot anger, August thirteenth
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import Annotation, AnnotationFiles, Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

WORDS = {
    "anxiety": "fear",
    "boredom": "boredom",
    "cold anger": "anger",
    "contempt": "contempt",
    "despair": "sadness",
    "disgust": "disgust",
    "elation": "happiness",
    "happy": "happiness",
    "hot anger": "anger",
    "interest": "other",
    "neutral": "neutral",
    "panic": "fear",
    "pride": "other",
    "sadness": "sadness",
    "shame": "other",
}
NAME = re.compile(r"(?P<speaker>[a-z]{2})_[0-9]{3}")
LINE = re.compile(r"(?P<start>[0-9]+(?:\.[0-9]+)?)\s+(?P<end>[0-9]+(?:\.[0-9]+)?)\s+[A-Z]:\s*(?P<content>.*)")
# Parts that are not acted: talk and noise between emotions, and announcements of the next one by the experimenter.
NOT_ACTED = ("[", "(", "emotion category")


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a name such as `cc_001`: the speaker of that session."""
    match = NAME.fullmatch(relative.stem)
    return None if match is None else ParsedPath(relative.stem, match["speaker"], "")


def wanted(relative: PurePosixPath) -> bool:
    """Return whether a file is the transcript of a session."""
    return relative.suffix.lower() == ".txt" and NAME.fullmatch(relative.stem) is not None


def read(relative: PurePosixPath, text: str) -> Iterator[Annotation | str]:
    """Yield the entries of a transcript, line by line; lines without times are a header or comments."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = LINE.fullmatch(line.strip())
        if match is None:
            continue
        emotion, comma, words = match["content"].partition(",")
        label = " ".join(emotion.split()).casefold()
        start, end = float(match["start"]), float(match["end"])
        if label not in WORDS:
            # Talk has no comma after the first words; other unknown words are misspelt or new labels.
            if comma and not label.startswith(NOT_ACTED):
                yield f"line {number}: unknown label '{label}'; allowed: {', '.join(WORDS)}"
        elif end <= start:
            yield f"line {number}: the end, {end:g} s, is not after the start, {start:g} s"
        else:
            extras = {"text": words.strip()} if words.strip() else {}
            yield Annotation(f"{relative.stem}-{start:08.2f}", relative.stem, label, start, end, extras)


EXAMPLE = """Emotional prosody, session cc_001

10.00 12.50 A: [MISC]
12.50 14.00 A: (clears throat), well
14.00 15.50 A: Emotion category neutral, please
20.10 21.30 A: neutral, November third
22.00 23.45 A: disgust, two thousand two
24.00 25.10 A: panic, August eighth
26.00 27.10 A: anxiety, August eighth
28.00 29.10 A: hot anger, four thousand four
30.00 31.10 A: cold anger, four thousand four
32.00 33.10 A: despair, August ninth
34.00 35.10 A: sadness, August ninth
36.00 37.10 A: elation, March first
38.00 39.10 A: happy, March first
40.00 41.10 A: interest, May second
42.00 43.10 A: boredom, May second
44.00 45.10 A: shame, May third
46.00 47.10 A: pride, May fourth
1048.00 1049.10 A: contempt, May fifth
"""

CORPUS = Corpus(
    name="emoprosody",
    title="Emotional Prosody Speech and Transcripts (EmoProsody)",
    languages=("en-US",),
    speakers=(),  # publications report seven actors, or eight
    # Publications count 2,324 and 3,376 utterances; which is complete is not known.
    counts=dict.fromkeys(sorted(set(WORDS.values()))),
    emotions=WORDS,
    licence=Licence(
        "LicenseRef-LDC-User-Agreement",
        False,
        "Under the publisher's agreement: weights trained on it are not published.",
    ),
    citation=(
        "M. Liberman, K. Davis, M. Grossman, N. Martey and J. Bell: Emotional Prosody Speech and Transcripts "
        "LDC2002S28. Linguistic Data Consortium, 2002. doi:10.35111/37ff-a902"
    ),
    access="From the Linguistic Data Consortium under its agreement: https://catalog.ldc.upenn.edu/LDC2002S28.",
    layout=(
        "cc_001.sph (actor, session; two microphones) and cc_001.txt, in one folder or two, with lines such as "
        "'55.93 57.19 A: hot anger, August thirteenth': start and end in seconds, channel, emotion, words. 15 "
        "recordings contain 14 emotions and neutral; talk between them is not used."
    ),
    examples=("speech/cc_001.sph", "speech/mm_001.sph"),
    parser=parse,
    suffixes=(".sph", ".wav", ".flac", ".ogg"),
    annotations=AnnotationFiles(
        wanted=wanted,
        read=read,
        examples={
            "transcr/cc_001.txt": EXAMPLE,
            "transcr/mm_001.txt": "0.50 1.75 A: hot anger, August thirteenth\n",
        },
    ),
)
