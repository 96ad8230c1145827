"""Corpora whose labels are in files of their own."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from emotone.corpora.base import CORPORA, Annotation
from emotone.corpora.check import recognise
from emotone.corpora.datasets.emoprosody import WORDS as WORD_SPELLINGS
from emotone.corpora.datasets.emoprosody import read as read_emoprosody
from emotone.corpora.datasets.iemocap import agreement, raters, read, wanted
from emotone.corpora.labels import apply_labels, label_set
from emotone.corpora.scan import Scan, scan

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance


# ----------------------------------------------------------------------------------------------------------------------
#

FILE = PurePosixPath("transcr/cc_001.txt")


def test_a_line_has_times_emotion_and_words() -> None:
    assert list(read_emoprosody(FILE, "55.93 57.19 A:  Hot  anger, August thirteenth\n")) == [
        Annotation("cc_001-00055.93", "cc_001", "hot anger", 55.93, 57.19, {"text": "August thirteenth"})
    ]


def test_words_may_be_missing() -> None:
    (found,) = read_emoprosody(FILE, "1 2 B: pride\r\n")
    assert isinstance(found, Annotation)
    assert (found.label, found.extras) == ("pride", {})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# a header",
        "1.0 2.0 A: [MISC]",
        "1.0 2.0 A: [MISC], and more",
        "1.0 2.0 A: (laughs), well",
        "1.0 2.0 A: Emotion category elation, two of them",
        "1.0 2.0 A: all right then",
    ],
)
def test_parts_that_are_not_acted_are_left_out(line: str) -> None:
    assert list(read_emoprosody(FILE, line)) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "1.0 2.0 A: hott anger, May third",
            "line 2: unknown label 'hott anger'; allowed: anxiety, boredom, cold anger",
        ),
        ("2.0 2.0 A: pride, May third", "line 2: the end, 2 s, is not after the start, 2 s"),
    ],
)
def test_an_unusable_line_is_reported(line: str, message: str) -> None:
    (problem,) = read_emoprosody(FILE, f"header\n{line}\n")
    assert isinstance(problem, str)
    assert problem.startswith(message)


def test_fourteen_emotions_and_neutral() -> None:
    assert len(WORD_SPELLINGS) == 15
    assert [word for word, label in WORD_SPELLINGS.items() if label == "anger"] == ["cold anger", "hot anger"]


def test_utterances_are_parts_of_their_session(tmp_path: Path) -> None:
    corpus = CORPORA.get("emoprosody")
    assert corpus.annotations is not None
    (tmp_path / "cc_001.sph").touch()
    (tmp_path / "cc_001.txt").write_text(corpus.annotations.examples["transcr/cc_001.txt"], "utf-8")
    (tmp_path / "readme.txt").write_text("1.0 2.0 A: happy, but no transcript", "utf-8")
    found = scan(corpus, tmp_path)
    assert len(found.utterances) == 15
    assert {item.extras["original_label"] for item in found.utterances} == set(WORD_SPELLINGS)
    assert {item.speaker for item in found.utterances} == {"cc"}
    assert [item.start for item in found.utterances] == sorted(item.start for item in found.utterances)
    last = found.utterances[-1]
    assert (last.id, last.start, last.end, last.label) == ("cc_001-01048.00", 1048.0, 1049.1, "contempt")


# ----------------------------------------------------------------------------------------------------------------------
# IEMOCAP's label files, and a generated tree with as many turns of each label as were published.

PUBLISHED = "ang 1103 hap 595 exc 1041 sad 1084 neu 1708 fru 1849 fea 40 sur 107 dis 2 oth 3 xxx 2507"
LABELS = PurePosixPath("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt")
WORDS = PurePosixPath("Session1/dialog/transcriptions/Ses01F_impro01.txt")
HEAD = "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.2500, 2.7500]\n"


def labels() -> list[str]:
    fields = PUBLISHED.split()
    return [label for label, count in zip(fields[::2], fields[1::2], strict=True) for _ in range(int(count))]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """Return a scanned tree of the corpus's layout: empty recordings, label files, texts, and what else is there."""
    root = tmp_path_factory.mktemp("IEMOCAP_full_release")
    empty = root / "empty"
    empty.touch()
    waiting = labels()[::-1]
    dialogues = [
        f"Ses0{session}{letter}_impro0{number}" for session in range(1, 6) for letter in "FM" for number in (1, 2)
    ]
    for dialogue in dialogues:
        session = root / f"Session{dialogue[4]}"
        folder = session / "sentences/wav" / dialogue
        evaluation = session / "dialog/EmoEvaluation"
        texts = session / "dialog/transcriptions"
        for made in (folder, evaluation / "Categorical", texts, session / "dialog/wav"):
            made.mkdir(parents=True, exist_ok=True)
        turns = [f"{dialogue}_{'FM'[turn % 2]}{turn // 2:03d}" for turn in range(min(502, len(waiting)))]
        lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
        for place, turn in enumerate(turns):
            (folder / f"{turn}.wav").hardlink_to(empty)  # several times faster than ten thousand files
            lines += [
                f"[{place}.2901 - {place + 1}.2357]\t{turn}\t{waiting.pop()}\t[2.5000, 2.5000, 2.5000]",
                "C-E2:\tNeutral;\t()",
                "A-E3:\tval 3; act 2; dom  2;\t()",
                "",
            ]
        (evaluation / f"{dialogue}.txt").write_text("\n".join(lines), "utf-8")
        (evaluation / f"Categorical/{dialogue}_e2_cat.txt").write_text(f"{turns[0]} :Neutral state; ()\n", "utf-8")
        (texts / f"{dialogue}.txt").write_text(f"{turns[0]} [000.2901-001.2357]: Excuse me.\n", "utf-8")
        (session / f"dialog/wav/{dialogue}.wav").touch()
    assert waiting == []
    return scan(CORPORA.get("iemocap"), root)


def test_the_published_counts(tree: Scan) -> None:
    corpus = CORPORA.get("iemocap")
    assert len(labels()) == len(tree.utterances) == corpus.clips == 10039
    assert Counter(item.extras["original_label"] for item in tree.utterances) == Counter(labels())
    assert Counter(item.label for item in tree.utterances) == corpus.counts
    assert tree.problems == ()


def test_whole_dialogues_are_listed_and_the_corpus_is_recognised(tree: Scan) -> None:
    assert len(tree.unrecognised) == 20
    assert {path.parent.name for path in tree.unrecognised} == {"wav"}
    assert recognise(tree.root) is CORPORA.get("iemocap")


def test_four_classes_are_5531_turns(tree: Scan) -> None:
    kept, dropped = apply_labels(tree.utterances, label_set("four"))
    assert len(kept) == 5531
    assert Counter(item.label for item in kept) == {"anger": 1103, "happiness": 1636, "neutral": 1708, "sadness": 1084}
    assert dropped == {"disgust": 2, "fear": 40, "frustration": 1849, "other": 3, "surprise": 107, "unknown": 2507}


def test_anger_and_frustration_against_the_rest(tree: Scan) -> None:
    kept, dropped = apply_labels(tree.utterances, label_set("anger-frustration"))
    assert Counter(item.label for item in kept) == {
        "anger-frustration": 1103 + 1849,
        "other": 10039 - 2507 - 1103 - 1849,
    }
    assert dropped == {"unknown": 2507}


def test_speakers_and_sessions(tree: Scan) -> None:
    speakers: dict[str, set[str]] = {}
    for item in tree.utterances:
        speakers.setdefault(item.session, set()).add(item.speaker)
        assert item.speaker == item.id[:5] + item.id.split("_")[-1][0]
    assert speakers == {f"Ses0{number}": {f"Ses0{number}F", f"Ses0{number}M"} for number in range(1, 6)}


def test_the_properties_of_a_turn(tree: Scan) -> None:
    first = next(item for item in tree.utterances if item.id == "Ses01F_impro01_F000")
    assert (first.start, first.end) == (0.0, None)
    assert first.extras == {
        "dialogue": "impro01",
        "elicitation": "improvised",
        "gender": "female",
        "dialogue_start": "0.2901",
        "dialogue_end": "1.2357",
        "valence": "2.5000",
        "activation": "2.5000",
        "dominance": "2.5000",
        "agreement": "1",
        "raters": "E2: neutral",
        "text": "Excuse me.",
        "original_label": "ang",
    }


def turn(text: str) -> Annotation:
    (found,) = read(LABELS, text)
    assert isinstance(found, Annotation)
    return found


def test_raters_lines() -> None:
    found = turn(
        HEAD
        + "C-E2:\tNeutral;\t()\n"
        + "C-E3:\tExcited; Happiness;\t(laughing; a lot)\n"
        + "C-E4:\tNeutral state\n"
        + "C-F1:\tFrustration; frustration;\t(curious)\n"
        + "A-E3:\tval 3; act 2; dom  ;\t()\n"
    )
    assert (found.id, found.recording, found.label) == ("Ses01F_impro01_F000", "Ses01F_impro01_F000", "neu")
    assert found.extras["raters"] == "E2: neutral; E3: excitement, happiness; E4: neutral; F1: frustration"
    assert found.extras["agreement"] == "2"
    assert (found.extras["valence"], found.extras["activation"], found.extras["dominance"]) == (
        "2.5000",
        "2.2500",
        "2.7500",
    )
    assert raters(found.extras["raters"]) == {
        "E2": ("neutral",),
        "E3": ("excitement", "happiness"),
        "E4": ("neutral",),
        "F1": ("frustration",),
    }


@pytest.mark.parametrize(
    ("answers", "agree"),
    [
        ("", 0),
        ("E2: anger", 1),
        ("E2: anger; F1: anger", 1),  # an actor's view of himself is no vote
        ("E2: anger; E3: neutral, anger", 2),
        ("E1: fear; E2: anger; E3: anger; E4: anger", 3),
    ],
)
def test_agreement_counts_outside_raters(answers: str, agree: int) -> None:
    assert agreement(answers) == agree


def test_a_turn_without_raters() -> None:
    assert "raters" not in turn(HEAD).extras
    assert turn(HEAD).extras["agreement"] == "0"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[6.2 - 8.2]\tSes01F_impro01_F001\tneu", "line 2: can't be read: [6.2 - 8.2]"),
        ("C-X2:\tNeutral;\t()", "line 2: can't be read: C-X2:"),
        ("C-E2:\tNeutrl;\t()", "line 2: rater E2 has the unknown answer 'neutrl'; allowed: anger, disgust, "),
        ("C-E2:\t;\t()", "line 2: rater E2 has the unknown answer ''; allowed: "),
    ],
)
def test_an_unreadable_line_is_reported_and_the_others_are_used(line: str, message: str) -> None:
    found = list(read(LABELS, f"{HEAD}{line}\nC-E3:\tAnger;\t()\n"))
    assert [isinstance(item, str) for item in found] == [True, False]
    assert str(found[0]).startswith(message)
    assert isinstance(found[1], Annotation)
    assert found[1].extras["raters"] == "E3: anger"


def test_words() -> None:
    text = "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.\nM: [LAUGHTER]\nSes01F_impro01_M000 [1-2]:\n"
    assert list(read(WORDS, text)) == [
        Annotation("Ses01F_impro01_F000", "Ses01F_impro01_F000", extras={"text": "Excuse me."})
    ]


@pytest.mark.parametrize(
    ("name", "is_wanted"),
    [
        (str(LABELS), True),
        (f"IEMOCAP/{WORDS}", True),
        ("Session1/dialog/EmoEvaluation/Categorical/Ses01F_impro01_e2_cat.txt", False),
        ("Session1/sentences/ForcedAlignment/Ses01F_impro01/Ses01F_impro01_F000.txt", False),
        ("README.txt", False),
    ],
)
def test_which_files_are_read(name: str, *, is_wanted: bool) -> None:
    assert wanted(PurePosixPath(name)) == is_wanted


def test_words_are_optional_and_a_missing_label_file_is_reported(tree: Scan, tmp_path: Path) -> None:
    for name in ("Ses01F_impro01_F000", "Ses01F_impro02_F000"):
        (tmp_path / f"{name}.wav").touch()
    (tmp_path / LABELS).parent.mkdir(parents=True)
    (tmp_path / LABELS).write_text(HEAD, "utf-8")
    found = scan(CORPORA.get("iemocap"), tmp_path)
    utterances: tuple[Utterance, ...] = found.utterances
    assert [item.id for item in utterances] == ["Ses01F_impro01_F000"]
    assert "text" not in utterances[0].extras
    assert found.problems == (f"{tmp_path}: 1 recording has no label; the first: {tmp_path}/Ses01F_impro02_F000.wav",)
