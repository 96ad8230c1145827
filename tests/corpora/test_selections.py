from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.corpora.base import CORPORA
from emotone.corpora.labels import label_set
from emotone.corpora.selections import SELECTIONS, select, selections_of
from emotone.errors import UnknownNameError, UsageError
from emotone.types import Utterance

NAME = "iemocap-two-raters"


def turn(answers: str, *, name: str = "a", corpus: str = "iemocap") -> Utterance:
    extras = {"raters": answers} if answers else {}
    return Utterance(name, corpus, Path(name), 0.0, None, "Ses01F", "Ses01", "unknown", extras)


@pytest.mark.parametrize(
    ("answers", "label"),
    [
        ("E2: anger; E3: anger; E4: anger", "anger"),
        ("E2: anger; E3: anger; E4: fear", "anger"),
        ("E2: excitement; E3: happiness; E4: neutral", "happiness"),  # merged before the vote: xxx in the corpus
        ("E2: neutral; E3: neutral, anger; E4: neutral", "neutral"),
        ("E2: sadness; E3: sadness, neutral; E4: neutral, sadness", "sadness"),
        ("E2: sadness; E3: sadness; F1: anger; M1: fear", "sadness"),  # actors have no vote, and name no third
    ],
)
def test_taken(answers: str, label: str) -> None:
    kept, dropped = select([turn(answers)], NAME)
    assert [item.label for item in kept] == [label]
    assert dropped == {}


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ("", "no two raters agree"),
        ("E2: anger; F1: anger", "no two raters agree"),
        ("E2: anger; E3: neutral; E4: sadness", "no two raters agree"),
        ("E2: anger; E3: anger, neutral; E4: fear", "three or more emotions named"),
        ("E2: anger, neutral; E3: neutral, anger", "two emotions named equally often"),
        ("E2: frustration; E3: frustration; E4: anger", "another emotion: frustration"),
        ("E2: other; E3: other", "another emotion: other"),
    ],
)
def test_left_out_and_why(answers: str, reason: str) -> None:
    assert select([turn(answers)], NAME) == ((), {reason: 1})


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=lambda item: item.name)
def test_a_selection_has_a_citation(selection: object) -> None:
    known = SELECTIONS[NAME]
    assert known is selection
    assert known.corpus in CORPORA.names
    assert sum(known.published.values()) == 6416
    assert list(known.published) == list(label_set("four").labels)
    assert len(known.note) > 100
    assert "\n" not in known.description
    assert selections_of(known.corpus) == (known,)
    assert selections_of("emodb") == ()


EMOTIONS = st.lists(
    st.sampled_from(["anger", "excitement", "happiness", "neutral", "sadness", "fear", "frustration"]),
    min_size=1,
    max_size=3,
    unique=True,
)


@given(st.lists(EMOTIONS, max_size=4))
def test_it_is_what_the_slow_rule_gives(votes: list[list[str]]) -> None:
    """By hand: replace, pool, and look at the pool."""
    pool: list[str] = []
    for vote in votes:
        pool += [emotion.replace("excitement", "happiness") for emotion in dict.fromkeys(vote)]
    # A rater who answers both excited and happy names happiness once.
    for vote in votes:
        if {"excitement", "happiness"} <= set(vote):
            pool.remove("happiness")
    most = max((pool.count(emotion) for emotion in pool), default=0)
    winners = {emotion for emotion in pool if pool.count(emotion) == most}
    expected = most >= 2 and len(set(pool)) < 3 and len(winners) == 1 and winners <= set(label_set("four").labels)
    kept, dropped = select([turn("; ".join(f"E{n}: {', '.join(vote)}" for n, vote in enumerate(votes)))], NAME)
    assert [item.label for item in kept] == (sorted(winners) if expected else [])
    assert sum(dropped.values()) == (not expected)


def test_the_order_and_the_given_clips_stay_as_they_are() -> None:
    given_turns = [turn("E2: anger; E3: anger", name=name) for name in "bca"]
    kept, _ = select(given_turns, NAME)
    assert [item.id for item in kept] == ["b", "c", "a"]
    assert Counter(item.label for item in given_turns) == {"unknown": 3}


def test_an_unknown_selection_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=rf"unknown selection 'iemocap-two'; did you mean '{NAME}'\?"):
        select([], "iemocap-two")


def test_clips_of_another_corpus_are_refused() -> None:
    with pytest.raises(
        UsageError, match="emodb/a was given; allowed: the selection iemocap-two-raters is of iemocap only"
    ):
        select([turn("", corpus="emodb")], NAME)
