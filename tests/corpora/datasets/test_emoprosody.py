from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from emotone.corpora.base import CORPORA, Annotation
from emotone.corpora.datasets.emoprosody import WORDS, read
from emotone.corpora.scan import scan

if TYPE_CHECKING:
    from pathlib import Path

FILE = PurePosixPath("transcr/cc_001.txt")


def test_a_line_has_times_emotion_and_words() -> None:
    assert list(read(FILE, "55.93 57.19 A:  Hot  anger, August thirteenth\n")) == [
        Annotation("cc_001-00055.93", "cc_001", "hot anger", 55.93, 57.19, {"text": "August thirteenth"})
    ]


def test_words_may_be_missing() -> None:
    (found,) = read(FILE, "1 2 B: pride\r\n")
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
    assert list(read(FILE, line)) == []


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
    (problem,) = read(FILE, f"header\n{line}\n")
    assert isinstance(problem, str)
    assert problem.startswith(message)


def test_fourteen_emotions_and_neutral() -> None:
    assert len(WORDS) == 15
    assert [word for word, label in WORDS.items() if label == "anger"] == ["cold anger", "hot anger"]


def test_utterances_are_parts_of_their_session(tmp_path: Path) -> None:
    corpus = CORPORA.get("emoprosody")
    assert corpus.annotations is not None
    (tmp_path / "cc_001.sph").touch()
    (tmp_path / "cc_001.txt").write_text(corpus.annotations.examples["transcr/cc_001.txt"], "utf-8")
    (tmp_path / "readme.txt").write_text("1.0 2.0 A: happy, but no transcript", "utf-8")
    found = scan(corpus, tmp_path)
    assert len(found.utterances) == 15
    assert {item.extras["original_label"] for item in found.utterances} == set(WORDS)
    assert {item.speaker for item in found.utterances} == {"cc"}
    assert [item.start for item in found.utterances] == sorted(item.start for item in found.utterances)
    last = found.utterances[-1]
    assert (last.id, last.start, last.end, last.label) == ("cc_001-01048.00", 1048.0, 1049.1, "contempt")
