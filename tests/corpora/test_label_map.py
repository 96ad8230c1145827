"""Users' own words for emotions."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotone.corpora.label_map import check_label_map, mapped_label, mapped_words, parse_label_map
from emotone.errors import UnknownNameError, UsageError
from emotone.types import Utterance


def clip(word: str, label: str) -> Utterance:
    return Utterance(word, "toy", Path(word), 0.0, None, "s", "s", label, {"original_label": word})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("happy=happiness", {"happy": "happiness"}),
        (" Mad = anger , hot anger=anger,", {"mad": "anger", "hot anger": "anger"}),
        ("calm=neutral", {"calm": "neutral"}),  # also a canonical name may be mapped
        ("x=unknown, y=joy", {"x": "unknown", "y": "happiness"}),
        ("a=anger,A=anger", {"a": "anger"}),
        ("", {}),
    ],
)
def test_pairs_are_parsed(text: str, expected: dict[str, str]) -> None:
    assert parse_label_map(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("happy", "the label map has 'happy'; allowed: WORD=EMOTION"),
        ("=anger", "the label map has '=anger'"),
        ("happy=", "the label map has 'happy='"),
        ("a=anger,a=fear", "two emotions for 'a': anger and fear"),
    ],
)
def test_other_forms_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_label_map(text)


def test_an_emotion_that_is_not_canonical_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown label 'angre'; did you mean 'anger'"):
        parse_label_map("mad=angre")


def test_the_map_takes_precedence_over_words_that_are_known() -> None:
    assert mapped_label(" Happy", {"happy": "excitement"}) == "excitement"
    assert mapped_label("Happy", {"sad": "excitement"}) == mapped_label("Happy", None) == "happiness"


def test_words_that_became_another_label_are_counted() -> None:
    clips = [clip("happy", "happiness"), clip("HAPPY ", "happiness"), clip("Anger", "anger"), clip("mad", "anger")]
    assert mapped_words(clips) == {"happy": ("happiness", 2), "mad": ("anger", 1)}


def test_a_word_that_matches_no_label_is_refused() -> None:
    check_label_map({"happy": "happiness"}, [clip("Happy", "happiness")])
    with pytest.raises(UsageError, match="matches no label: unknown word 'hapy'; did you mean 'happy'"):
        check_label_map({"hapy": "happiness"}, [clip("Happy", "happiness")])
