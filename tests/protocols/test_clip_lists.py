"""Splits by lists: the published ones, users' own, and errors in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emotone.corpora.base import CORPORA
from emotone.corpora.scan import scan
from emotone.errors import ConfigError, RunError
from emotone.protocols import protocol
from emotone.types import Utterance


def clip(speaker: str, number: int = 0, *, corpus: str = "toy", session: str = "") -> Utterance:
    name = f"{speaker}-{number}"
    return Utterance(name, corpus, Path(f"{name}.wav"), 0.0, None, speaker, session or speaker, "anger")


def everybody(corpus: str) -> list[Utterance]:
    return [clip(speaker, corpus=corpus) for speaker in CORPORA.get(corpus).speakers]


def speakers(keys: tuple[str, ...]) -> str:
    return " ".join(key.split("/")[1].split("-")[0] for key in keys)


@pytest.mark.parametrize(
    ("name", "corpus", "train", "dev", "test"),
    [
        ("emodb-audeering", "emodb", "03 08 09 10 11 13", "", "12 14 15 16"),
        (
            "ravdess-audeering",
            "ravdess",
            "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 18",
            "16 17 19 20",
            "21 22 23 24",
        ),
    ],
)
def test_published_speakers(name: str, corpus: str, train: str, dev: str, test: str) -> None:
    utterances = everybody(corpus)
    (fold,) = protocol(name).folds(utterances, seed=0)
    assert (speakers(fold.train), speakers(fold.dev), speakers(fold.test)) == (train, dev, test)
    assert protocol(name).notes(utterances) == ()  # no clip is left out
    assert protocol(name).folds(utterances, seed=7) == [fold]
    assert "audEERING" in protocol(name).description


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "corpus", "sizes"),
    [("emodb-audeering", "emodb", (304, 0, 231)), ("ravdess-audeering", "ravdess", (960, 240, 240))],
)
def test_published_splits_of_the_complete_corpora(
    shared: Path, name: str, corpus: str, sizes: tuple[int, int, int]
) -> None:
    utterances = scan(CORPORA.get(corpus), shared / "corpora" / corpus).utterances
    (fold,) = protocol(name).folds(utterances, seed=0)
    assert (len(fold.train), len(fold.dev), len(fold.test)) == sizes
    assert sum(sizes) == CORPORA.get(corpus).clips  # nothing is left out


def test_sessions_of_iemocap() -> None:
    utterances = [clip(f"Ses0{s}{who}", corpus="iemocap", session=f"Ses0{s}") for s in range(1, 6) for who in "FM"]
    assert {utterance.speaker for utterance in utterances} == set(CORPORA.get("iemocap").speakers)
    (fold,) = protocol("iemocap-sessions").folds(utterances, seed=0)
    assert speakers(fold.train) == "Ses01F Ses01M Ses02F Ses02M Ses03F Ses03M"
    assert (speakers(fold.dev), speakers(fold.test)) == ("Ses04F Ses04M", "Ses05F Ses05M")


def test_a_speaker_in_two_sessions_of_a_split_is_refused() -> None:
    utterances = [clip(f"Ses0{s}F", corpus="iemocap", session=f"Ses0{s}") for s in range(1, 6)]
    wrong = [*utterances, replace(clip("Ses01F", 1, corpus="iemocap"), session="Ses05")]
    with pytest.raises(
        RunError, match=r"is speaker-independent, but 1 test speakers of fold split .*first: iemocap/Ses01F"
    ):
        protocol("iemocap-sessions").folds(wrong, seed=0)


@pytest.mark.parametrize("given", [["ravdess"], ["emodb", "savee"]])
def test_another_corpus_is_refused(given: list[str]) -> None:
    utterances = [utterance for corpus in given for utterance in everybody(corpus)]
    with pytest.raises(
        RunError, match=rf"emodb-audeering divides the corpus emodb and no other; given: {', '.join(given)}\. Choose"
    ):
        protocol("emodb-audeering").folds(utterances, seed=0)


def test_half_of_a_published_split_is_not_that_split() -> None:
    utterances = [utterance for utterance in everybody("emodb") if utterance.speaker != "14"]
    with pytest.raises(
        ConfigError, match=r"emodb-audeering: test: unknown speaker '14'; did you mean .*Allowed: 03, 0"
    ):
        protocol("emodb-audeering").folds(utterances, seed=0)


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    return tmp_path / "lists.toml"


def test_own_lists(lists: Path) -> None:
    lists.write_text('train = ["a", "toy/b"]\ntest = ["c"]\n')
    chosen = protocol(f"fixed:{lists}")
    utterances = [clip(speaker, number) for speaker in "abcd" for number in (0, 1)]
    (fold,) = chosen.folds(utterances, seed=0)
    assert (speakers(fold.train), fold.dev, speakers(fold.test)) == ("a a b b", (), "c c")
    assert chosen.notes(utterances) == ("2 of 8 utterances are left out: 1 speakers are in no list (first: toy/d)",)
    assert chosen.description == "one split by a list of speakers (2 train, 1 test)"
    assert not chosen.covering


def test_own_lists_over_several_corpora(lists: Path) -> None:
    lists.write_text('train = ["x/a"]\ndev = ["y/a"]\ntest = ["x/b"]\n')
    utterances = [clip(speaker, corpus=corpus) for corpus in "xy" for speaker in "ab"]
    (fold,) = protocol(f"fixed:{lists}").folds(utterances, seed=0)
    assert (fold.train, fold.dev, fold.test) == (("x/a-0",), ("y/a-0",), ("x/b-0",))


def test_the_name_and_the_signature_change_with_the_content_only(tmp_path: Path) -> None:
    texts = {
        "one": 'train = ["a", "b"]\ntest = ["c"]\n',
        "same": '# a remark\ntest = ["c"]\ntrain = ["b", "a"]\ndev = []\n',
        "other": 'train = ["a"]\ntest = ["c"]\n',
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.toml").write_text(text)
    one, same, other = (protocol(f"fixed:{tmp_path / name}.toml") for name in texts)
    assert one.name == same.name != other.name
    assert one.signature == same.signature == (one.name, 1, one.splitter.content)
    assert other.signature != one.signature
    assert one.name == f"fixed-lists-{one.splitter.content[:8]}"


def test_a_stored_name_can_not_be_run(lists: Path) -> None:
    lists.write_text('train = ["a"]\ntest = ["b"]\n')
    stored = protocol(protocol(f"fixed:{lists}").name)
    assert stored.speaker_independent
    assert not stored.covering
    assert stored.description == "lists that were read with fixed:FILE.toml"
    with pytest.raises(
        RunError, match=r"fixed-lists-\w+ is a hash of lists and does not contain them; give fixed:FILE\.toml"
    ):
        stored.folds([clip("a"), clip("b")], seed=0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('train = ["a"]\n', "missing test"),
        ('train = ["a"]\ntest = []\n', "test is empty; list at least one speaker"),
        ('train = ["a"]\ntest = ["b"]\nvalid = ["c"]\n', "unknown key 'valid'"),
        ('train = ["a"]\ntest = [3]\n', "a value of type str was expected, 3 was given"),
        ('train = "a"\ntest = ["b"]\n', "a list was expected"),
        ('train = ["a"]\ntest = ["b", "a"]\n', "'a' is in train and in test; list a speaker once"),
        ('train = ["a", "a"]\ntest = ["b"]\n', "'a' is twice in train; list a speaker once"),
        ("train = [\n", "is not valid TOML"),
    ],
)
def test_unreadable_lists_are_refused(lists: Path, text: str, words: str) -> None:
    lists.write_text(text)
    with pytest.raises(ConfigError, match=rf"lists\.toml.*{words}"):
        protocol(f"fixed:{lists}")


def test_a_missing_file_is_refused(lists: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read .*lists\.toml"):
        protocol(f"fixed:{lists}+speaker-scaled")


@pytest.mark.parametrize(
    ("text", "corpora", "words"),
    [
        (
            'train = ["anna"]\ntest = ["bob"]\n',
            "x",
            r"test: unknown speaker 'bob'; did you mean 'bobo'\? Allowed: anna, bobo",
        ),
        (
            'train = ["anna"]\ntest = ["x/bobo"]\n',
            "xy",
            "train: unknown speaker 'anna'.*Allowed: x/anna, x/bobo, y/anna",
        ),
        ('train = ["anna", "bobo"]\ntest = ["x/anna"]\n', "x", "x/anna is in train and in test; one list each"),
    ],
)
def test_unknown_speakers_are_refused(lists: Path, text: str, corpora: str, words: str) -> None:
    lists.write_text(text)
    utterances = [clip(speaker, corpus=corpus) for corpus in corpora for speaker in ("anna", "bobo")]
    with pytest.raises(ConfigError, match=words):
        protocol(f"fixed:{lists}").folds(utterances, seed=0)


def test_other_corpora_are_tested_whole_and_never_trained_on() -> None:
    at_home = [clip(f"{actor:02d}", corpus="ravdess") for actor in range(1, 25)]
    others = [clip("03", corpus="emodb"), clip("f1", corpus="emovo")]
    (fold,) = protocol("train-on-ravdess").folds([*others, *at_home], seed=0)
    (home,) = protocol("ravdess-audeering").folds(at_home, seed=0)
    assert (fold.train, fold.dev) == (home.train, home.dev)
    assert set(fold.test) == {*home.test, *(each.key for each in others)}


def test_a_home_is_needed() -> None:
    with pytest.raises(RunError, match="train-on-ravdess trains on the corpus ravdess; given: emodb"):
        protocol("train-on-ravdess").folds([clip("03", corpus="emodb"), clip("08", corpus="emodb")], seed=0)
