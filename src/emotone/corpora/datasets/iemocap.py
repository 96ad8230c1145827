r"""Interactive Emotional Dyadic Motion Capture (IEMOCAP): the turns of its dialogues.

Names contain the speaker. The emotions of a dialogue's turns are in one file, with the answers of each rater:

    [6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
    C-E2:\tNeutral;\t()
    C-F1:\tNeutral;\t(curious)
    A-E3:\tval 3; act 2; dom  2;\t()

C- lines are categories, A- lines values from 1 to 5. Raters E1, E2 ... are external, F1 and M1 are the actors.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from emotone.corpora.base import Annotation, AnnotationFiles, Corpus, Licence, ParsedPath

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

WORDS = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "oth": "other",
    "sad": "sadness",
    "sur": "surprise",
    "xxx": "unknown",  # the raters did not agree
}
# The answers of raters, and their canonical emotions.
RATED = {
    "anger": "anger",
    "disgust": "disgust",
    "excited": "excitement",
    "fear": "fear",
    "frustration": "frustration",
    "happiness": "happiness",
    "neutral": "neutral",
    "neutral state": "neutral",
    "other": "other",
    "sadness": "sadness",
    "surprise": "surprise",
}
DIALOGUE = r"(?P<session>Ses0[1-5])[FM]_(?P<dialogue>impro0[1-9][ab]?|script0[1-9]_[1-9]b?)"
# Turns that were added later have XX; the letter before it is the speaker, as in the others.
TURN = rf"{DIALOGUE}_(?P<speaker>[FM])(?:[0-9]{{2}}|XX)[0-9]"
NAME = re.compile(TURN)
FILE = re.compile(rf"(?:.*/)?dialog/(?P<kind>EmoEvaluation|transcriptions)/{DIALOGUE}\.txt")
HEAD = re.compile(
    r"\[(?P<start>[0-9.]+) - (?P<end>[0-9.]+)\]\s+(?P<turn>\w+)\s+(?P<label>\w+)"
    r"\s+\[(?P<valence>[0-9.]+), (?P<activation>[0-9.]+), (?P<dominance>[0-9.]+)\]"
)
RATER = re.compile(r"C-(?P<rater>[EFM][0-9]+):\s*(?P<answers>[^()]*?);?\s*(?:\(.*)?")
SPOKEN = re.compile(rf"(?P<turn>{TURN}) \[[0-9.]+-[0-9.]+\]:\s*(?P<text>.*)")


def parse(relative: PurePosixPath) -> ParsedPath | None:
    """Parse a name such as `Ses01F_impro01_M000`: session, dialogue, and the man of session 1 as the speaker.

    The letter after the session identifies the actor with the motion-capture markers, not the speaker.
    """
    match = NAME.fullmatch(relative.stem)
    if match is None:
        return None
    return ParsedPath(
        id=relative.stem,
        speaker=match["session"] + match["speaker"],
        label="",
        session=match["session"],
        extras={
            "dialogue": match["dialogue"],
            "elicitation": "improvised" if match["dialogue"].startswith("impro") else "scripted",
            "gender": "female" if match["speaker"] == "F" else "male",
        },
    )


def wanted(relative: PurePosixPath) -> bool:
    """Return whether a file contains the labels or the words of a dialogue; files of single raters are not needed."""
    return FILE.fullmatch(relative.as_posix()) is not None


def read(relative: PurePosixPath, text: str) -> Iterator[Annotation | str]:
    """Yield the turns of a dialogue, with labels and answers of raters, or with the spoken words."""
    file = FILE.fullmatch(relative.as_posix())
    return _turns(text) if file is None or file["kind"] == "EmoEvaluation" else _words(text)


def raters(text: str) -> dict[str, tuple[str, ...]]:
    """Return the canonical emotions that each rater named, from a turn's extra `raters`.

    Example:
        >>> raters("E2: anger; E3: anger, frustration; F1: neutral")
        {'E2': ('anger',), 'E3': ('anger', 'frustration'), 'F1': ('neutral',)}

    """
    pairs = (part.partition(": ") for part in text.split("; ") if part)
    return {rater: tuple(emotions.split(", ")) for rater, _, emotions in pairs}


def agreement(text: str) -> int:
    """Return how many external raters named the same emotion, from a turn's extra `raters`."""
    votes = Counter(
        emotion for rater, emotions in raters(text).items() if rater.startswith("E") for emotion in set(emotions)
    )
    return max(votes.values(), default=0)


def _turns(text: str) -> Iterator[Annotation | str]:
    """Yield each turn when the next one begins, because the lines of its raters follow it."""
    head: re.Match[str] | None = None
    answers: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("[") or stripped[:2] == "C-":
            match = (HEAD if stripped.startswith("[") else RATER).fullmatch(stripped)
            if match is None:
                yield f"line {number}: can't be read: {stripped[:80]}"
            elif "turn" in match.re.groupindex:
                if head is not None:
                    yield _turn(head, answers)
                head, answers = match, []
            else:
                words = [" ".join(word.split()).casefold() for word in match["answers"].split(";")]
                unknown = [word for word in words if word not in RATED]
                if unknown:
                    answer = f"rater {match['rater']} has the unknown answer '{unknown[0]}'"
                    yield f"line {number}: {answer}; allowed: {', '.join(RATED)}"
                else:
                    emotions = dict.fromkeys(RATED[word] for word in words)
                    answers.append(f"{match['rater']}: {', '.join(emotions)}")
    if head is not None:
        yield _turn(head, answers)


def _turn(head: re.Match[str], answers: list[str]) -> Annotation:
    listed = "; ".join(answers)
    extras = {
        "dialogue_start": head["start"],
        "dialogue_end": head["end"],
        "valence": head["valence"],
        "activation": head["activation"],
        "dominance": head["dominance"],
        "agreement": str(agreement(listed)),
    }
    if listed:
        extras["raters"] = listed
    return Annotation(head["turn"], head["turn"], head["label"], extras=extras)


def _words(text: str) -> Iterator[Annotation | str]:
    """Yield the words of each turn; lines of other forms are remarks."""
    for line in text.splitlines():
        match = SPOKEN.fullmatch(line.strip())
        if match is not None and match["text"]:
            yield Annotation(match["turn"], match["turn"], extras={"text": match["text"]})


EXAMPLE = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral;\t()
C-E4:\tNeutral;\t()
C-F1:\tNeutral;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()
A-E4:\tval 2; act 3; dom  3;\t(mildly aggravated but staying polite, attitude)
A-F1:\tval 3; act 2; dom  1;\t()

[7.5712 - 10.4750]\tSes01F_impro01_M000\txxx\t[3.0000, 3.0000, 3.0000]
C-E2:\tFrustration; Anger;\t()
C-E3:\tNeutral;\t()
C-E4:\tExcited;\t()
A-E3:\tval 3; act 3; dom  ;\t()

"""


def _example(names: str) -> str:
    """Return a dialogue of the form above with the turns and labels `NAME=label ...`."""
    lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    for place, pair in enumerate(names.split()):
        name, _, label = pair.partition("=")
        lines += [f"[{place}.5000 - {place + 1}.2500]\t{name}\t{label}\t[2.5000, 3.0000, 3.5000]", ""]
    return "\n".join(lines)


CORPUS = Corpus(
    name="iemocap",
    title="Interactive Emotional Dyadic Motion Capture Database (IEMOCAP)",
    languages=("en-US",),
    speakers=tuple(f"Ses0{session}{letter}" for session in range(1, 6) for letter in "FM"),
    # Of 10,039 turns; counted by many users of the download, e.g. 5,531 = ang + hap + exc + sad + neu, which are
    # 1,085, 1,023, 1,151, 1,031 and 1,241 in sessions 1 to 5. 5,255 turns are scripted, and men speak 5,098.
    counts={
        "anger": 1103,
        "disgust": 2,
        "excitement": 1041,
        "fear": 40,
        "frustration": 1849,
        "happiness": 595,
        "neutral": 1708,
        "other": 3,
        "sadness": 1084,
        "surprise": 107,
        "unknown": 2507,
    },
    emotions=WORDS,
    licence=Licence("LicenseRef-research-only", False, "Research only: weights trained on it are not published."),
    citation=(
        "C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee and S. S. Narayanan: "
        "IEMOCAP: interactive emotional dyadic motion capture database. Language Resources and Evaluation 42(4), 2008, "
        "pp. 335-359. doi:10.1007/s10579-008-9076-6"
    ),
    access="On request with a signed form, free for research, from https://sail.usc.edu/iemocap.",
    layout=(
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav (session, who wore the markers, dialogue, "
        "speaker, turn); labels in Session1/dialog/EmoEvaluation/Ses01F_impro01.txt (ang anger, dis disgust, exc "
        "excitement, fea fear, fru frustration, hap happiness, neu neutral, oth other, sad sadness, sur surprise, "
        "xxx no agreement); words in Session1/dialog/transcriptions, if present. Whole dialogues are not read."
    ),
    examples=(
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav",
        "IEMOCAP/Session3/sentences/wav/Ses03M_impro05b/Ses03M_impro05b_M010.wav",
        "IEMOCAP/Session3/sentences/wav/Ses03M_impro05b/Ses03M_impro05b_F009.wav",
        *(f"Session5/sentences/wav/Ses05M_script01_1b/Ses05M_script01_1b_F00{turn}.wav" for turn in range(7)),
    ),
    parser=parse,
    annotations=AnnotationFiles(
        wanted=wanted,
        read=read,
        examples={
            "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt": EXAMPLE,
            "Session1/dialog/transcriptions/Ses01F_impro01.txt": (
                "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.\n"
                "Ses01F_impro01_MXX0 [008.2400-008.9000]: Yeah.\n"
                "M: (remark)\n"
            ),
            "IEMOCAP/Session3/dialog/EmoEvaluation/Ses03M_impro05b.txt": _example(
                "Ses03M_impro05b_M010=fru Ses03M_impro05b_F009=ang"
            ),
            "Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt": _example(
                " ".join(
                    f"Ses05M_script01_1b_F00{turn}={label}"
                    for turn, label in enumerate(("hap", "exc", "sad", "fea", "sur", "dis", "oth"))
                )
            ),
        },
    ),
)
