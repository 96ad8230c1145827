"""Names of speakers: spellings of one name, and words for a missing value."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from emotone.corpora.base import CORPORA
from emotone.corpora.speakers import absent_speakers, is_absent, normalised_speaker, speaker_spellings
from emotone.types import Utterance


def clip(speaker: str, number: int = 0, *, corpus: str = "toy") -> Utterance:
    return Utterance(f"{speaker}-{number}", corpus, Path("x.wav"), 0.0, None, speaker, "", "anger")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("3", "03"),
        ("3", "3.0"),
        ("03", "3.00"),
        ("Anna", "ANNA"),
        ("spk_007", "SPK_7"),
        ("s01e02", "s1e2"),
        (unicodedata.normalize("NFC", "José"), unicodedata.normalize("NFD", "José")),
        ("Müller", " müller "),
        ("a  b", "a b"),
        ("\N{FULLWIDTH DIGIT THREE}", "3"),
    ],
)
def test_spellings_of_one_name_have_one_form(first: str, second: str) -> None:
    assert normalised_speaker(first) == normalised_speaker(second)
    assert list(speaker_spellings([clip(first), clip(second)]).values()) == [dict.fromkeys(sorted([first, second]), 1)]


@pytest.mark.parametrize(("first", "second"), [("3", "30"), ("1", "10"), ("0", "1"), ("a1", "a11"), ("3.0", "3.5")])
def test_different_names_have_different_forms(first: str, second: str) -> None:
    assert normalised_speaker(first) != normalised_speaker(second)
    assert speaker_spellings([clip(first), clip(second)]) == {}


def test_the_same_spelling_in_two_corpora_is_no_finding() -> None:
    assert speaker_spellings([clip("3"), clip("03", corpus="other"), clip("")]) == {}


def test_spellings_are_counted() -> None:
    assert speaker_spellings([clip("3"), clip("3", 1), clip("03"), clip("8")]) == {"toy/3": {"03": 1, "3": 2}}


@pytest.mark.parametrize("name", ["nan", "NaN", " None ", "NULL", "<NA>"])
def test_words_for_a_missing_value_are_no_names(name: str) -> None:
    assert is_absent(name)
    assert absent_speakers([clip(name), clip("Nan Goldin"), clip("")]) == {name: 1}


@pytest.mark.parametrize("name", CORPORA.names)
def test_no_known_corpus_has_such_speakers(name: str) -> None:
    clips = [clip(speaker) for speaker in CORPORA.get(name).speakers]
    assert (speaker_spellings(clips), absent_speakers(clips)) == ({}, {})
