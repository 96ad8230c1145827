"""Protocols by session: which speakers are the dev part, and which sessions can't be divided."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotone.errors import RunError
from emotone.protocols import protocol
from emotone.types import Utterance

NAME = "leave-one-speaker-out-session-dev"


def clip(speaker: str, session: str, number: int = 0, *, corpus: str = "toy") -> Utterance:
    name = f"{speaker}-{session}-{number}"
    return Utterance(name, corpus, Path(f"{name}.wav"), 0.0, None, speaker, session, "anger")


def sessions(**speakers_of: str) -> list[Utterance]:
    return [
        clip(speaker, session, number) for session, of in speakers_of.items() for speaker in of for number in (0, 1)
    ]


def test_the_other_speaker_of_the_session_is_the_dev_part() -> None:
    folds = protocol(NAME).folds(sessions(one="ab", two="cd"), seed=0)
    assert [fold.name for fold in folds] == ["toy.a", "toy.b", "toy.c", "toy.d"]
    first = folds[0]
    assert first.test == ("toy/a-one-0", "toy/a-one-1")
    assert first.dev == ("toy/b-one-0", "toy/b-one-1")
    assert first.train == ("toy/c-two-0", "toy/c-two-1", "toy/d-two-0", "toy/d-two-1")


def test_the_session_is_never_trained_on_however_many_share_it() -> None:
    utterances = sessions(one="abc", two="d", three="ef")
    chosen = protocol(NAME)
    folds = {fold.name: fold for fold in chosen.folds(utterances, seed=0)}
    assert {key[4] for key in folds["toy.a"].dev} == {"b", "c"}
    assert folds["toy.d"].dev == ()
    assert not any("-one-" in key for key in folds["toy.b"].train)
    assert chosen.notes(utterances) == (
        "1 sessions have one speaker: their folds have no dev part (first: toy/two)",
        "1 sessions have more than two speakers: all except the test speaker are the dev part (first: toy/one)",
    )
    assert chosen.notes(sessions(one="ab", two="cd")) == ()


def test_sessions_of_one_name_in_two_corpora_are_two_sessions() -> None:
    utterances = [clip(speaker, "s", corpus=corpus) for corpus in ("x", "y") for speaker in "ab"]
    first, *_ = protocol(NAME).folds(utterances, seed=0)
    assert (first.test, first.dev, first.train) == (("x/a-s-0",), ("x/b-s-0",), ("y/a-s-0", "y/b-s-0"))


@pytest.mark.parametrize(
    ("utterances", "words"),
    [
        (sessions(one="a", two="b"), f"{NAME} needs sessions with several speakers, but every session has one"),
        (sessions(one="ab"), f"{NAME} needs at least 2 sessions; there is 1: toy/one"),
        (
            [*sessions(one="ab"), clip("a", "two")],
            "a is in the sessions 'one', 'two', so .* dev speakers in the training part",
        ),
        ([*sessions(one="ab"), clip("c", "")], "toy/c--0 has no session"),
    ],
)
def test_unsuitable_sessions_are_refused(utterances: list[Utterance], words: str) -> None:
    with pytest.raises(RunError, match=words):
        protocol(NAME).folds(utterances, seed=0)
