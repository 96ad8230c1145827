"""Which corpora and clips are taken: names of corpora, selections, and speakers."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.corpora.base import CORPORA
from emotone.corpora.findings import absent_speakers, is_absent, normalised_speaker, speaker_spellings
from emotone.corpora.labels import label_set
from emotone.corpora.resolve import SELECTIONS, VARIABLE, load, resolve, select, selections_of
from emotone.errors import CorpusError, UnknownNameError, UsageError
from emotone.types import Utterance

# ----------------------------------------------------------------------------------------------------------------------
#


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with copies of two corpora, and a table of one recording."""
    for name in ("emodb/wav/03a01Fa.wav", "savee/DC/a01.wav", "else/call.wav"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "calls.csv").write_text("file,label\nelse/call.wav,anger\n", "utf-8")
    (tmp_path / "emovo").touch()  # a file is no corpus folder
    return tmp_path


def test_options_come_in_their_order(home: Path) -> None:
    found = resolve([f"savee={home}/savee", f"emodb={home}/emodb", f"my-calls={home}/calls.csv"])
    assert list(found) == ["savee", "emodb", "my-calls"]
    assert [scan.utterances[0].key for scan in found.values()] == [
        "savee/DC_a01",
        "emodb/03a01Fa",
        "my-calls/else/call.wav",
    ]


def test_the_shell_leaves_the_tilde_to_us(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    assert len(resolve(["emodb=~/emodb"])["emodb"].utterances) == 1


def test_the_variable_names_a_folder_with_one_folder_per_corpus(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(home))
    assert list(resolve()) == ["emodb", "savee"]


def test_an_option_wins_over_the_variable_and_a_name_alone_uses_it(home: Path) -> None:
    environment = {VARIABLE: str(home)}
    assert list(resolve(["savee"], environment=environment)) == ["savee"]
    assert list(resolve([f"t={home}/calls.csv"], environment=environment)) == ["t"]


def test_nothing_asked_for_is_nothing() -> None:
    assert resolve((), environment={}) == {}


def test_a_table_may_have_the_name_of_a_known_corpus(home: Path) -> None:
    assert resolve([f"emodb={home}/calls.csv"])["emodb"].utterances[0].label == "anger"


def test_a_folder_called_like_a_table_is_a_folder(home: Path) -> None:
    (home / "emodb").rename(home / "emodb.csv")
    assert len(load("emodb", home / "emodb.csv").utterances) == 1


def test_an_unknown_corpus_gets_a_suggestion_and_the_way_out() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'emodb'\? .*; any other as a table: emo-db=FILE.csv"):
        resolve(["emo-db=somewhere"])
    with pytest.raises(UnknownNameError, match="did you mean 'emodb'"):
        load("emo-db", Path("somewhere"))


@pytest.mark.parametrize("option", ["", "=x", "emodb=", "other", "a/b=x.csv", "=", ".x=y.csv"])
def test_an_option_of_another_form(option: str) -> None:
    with pytest.raises(UsageError, match=rf"^'{option}' was given; allowed: NAME=DIR"):
        resolve([option], environment={})


def test_a_corpus_without_a_folder() -> None:
    with pytest.raises(UsageError, match="'emodb' was given without a folder; allowed: emodb=DIR, or set EMOTONE_CORP"):
        resolve(["emodb"], environment={})


def test_a_name_given_twice(home: Path) -> None:
    with pytest.raises(UsageError, match="the corpus 'emodb' is given twice"):
        resolve([f"emodb={home}/emodb", f"emodb={home}/calls.csv"])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        resolve([f"emodb={tmp_path}/none"])


@pytest.mark.parametrize(("folder", "seen"), [("else", "1 other recordings"), ("empty", "no recordings at all")])
def test_a_folder_without_clips_of_the_corpus_is_refused_with_an_example(home: Path, folder: str, seen: str) -> None:
    (home / "empty").mkdir()
    with pytest.raises(
        CorpusError, match=rf"contains no clip of emodb, but {seen}; expected are files such as wav/03a01Fa.wav"
    ):
        resolve([f"emodb={home}/{folder}"])


def test_recordings_whose_labels_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "cc_001.sph").touch()
    with pytest.raises(CorpusError, match=r"has no usable clip of emoprosody; .*1 recording has no"):
        load("emoprosody", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("file,label\n", ": it has a header only"), ("file,label\nnone.wav,anger\n", "the first problem: .*no such file")],
)
def test_a_table_without_a_usable_row(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text, "utf-8")
    with pytest.raises(CorpusError, match=f"has no usable row.*{message}"):
        resolve([f"t={tmp_path}/t.csv"])


def test_a_variable_that_names_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"{VARIABLE} names .*none, which is not a folder"):
        resolve(environment={VARIABLE: str(tmp_path / "none")})


def test_a_variable_that_names_a_folder_without_corpora(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=f"{VARIABLE} names .* which contains none of the folders afew, crema-d, emodb"
    ):
        resolve(environment={VARIABLE: str(tmp_path)})


def test_a_label_map_is_for_tables_and_every_word_must_match(tmp_path: Path) -> None:
    for name in ("a.wav", "wav/03a01Fa.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "t.csv").write_text("file,label\na.wav,Freude\n")
    options = [f"calls={tmp_path}/t.csv", f"emodb={tmp_path}/wav"]
    found = resolve(options, label_map={"freude": "surprise"})
    assert [scan.utterances[0].label for scan in found.values()] == ["surprise", "happiness"]
    with pytest.raises(UsageError, match=r"matches no label: unknown word 'wut'\. Allowed: freude"):
        resolve(options, label_map={"wut": "anger"})


# ----------------------------------------------------------------------------------------------------------------------
#

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


# ----------------------------------------------------------------------------------------------------------------------
# Names of speakers: spellings of one name, and words for a missing value.


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
