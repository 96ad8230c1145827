"""The speaker-independent twin of a protocol: one that can be run on the given utterances."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotone.protocols import protocol, twin_for
from emotone.types import Utterance


def clips(speakers: int, *, each: int = 6, corpus: str = "toy") -> list[Utterance]:
    return [
        Utterance(f"{speaker}-{number}", corpus, Path("x"), 0.0, None, f"s{speaker}", "", "anger")
        for speaker in range(speakers)
        for number in range(each)
    ]


@pytest.mark.parametrize(
    ("name", "speakers", "twin"),
    [
        ("random-5", 5, "speaker-folds-5"),
        ("random-5", 4, "leave-one-speaker-out"),
        ("random-5", 2, "leave-one-speaker-out"),
        ("random-5", 1, None),
        ("random-2", 2, "speaker-folds-2"),
        ("random-5+speaker-scaled", 5, "speaker-folds-5+speaker-scaled"),
        ("random-5+speaker-scaled", 4, "leave-one-speaker-out+speaker-scaled"),
        ("random-5+speaker-scaled", 1, None),
        ("speaker-folds-5", 5, None),
        ("leave-one-speaker-out", 5, None),
    ],
)
def test_the_twin_is_one_that_these_speakers_allow(name: str, speakers: int, twin: str | None) -> None:
    found = twin_for(protocol(name), clips(speakers))
    assert found == twin
    if found is not None:
        chosen = protocol(found)
        assert chosen.speaker_independent
        assert chosen.scaling == protocol(name).scaling
        assert chosen.folds(clips(speakers), seed=0)


def test_speakers_without_a_name_have_no_twin() -> None:
    nameless = [Utterance(str(number), "toy", Path("x"), 0.0, None, "", "", "anger") for number in range(10)]
    assert twin_for(protocol("random-5"), nameless) is None


@pytest.mark.parametrize(
    ("first", "second", "twin"), [(8, 3, "speaker-folds-5"), (3, 3, "speaker-folds-5"), (2, 2, "leave-one-speaker-out")]
)
def test_the_speakers_of_all_corpora_count_together(first: int, second: int, twin: str | None) -> None:
    assert twin_for(protocol("random-5"), [*clips(first), *clips(second, corpus="other")]) == twin
