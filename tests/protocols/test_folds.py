"""Speaker folds and sessions: disjoint, covering, the same for every order of the utterances."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.config import signature
from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.protocols import Protocol, protocol
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


# ----------------------------------------------------------------------------------------------------------------------
# Folds of named protocols: disjoint, covering, deterministic, and without shared speakers where independent.

LABELS = ("anger", "fear", "joy")
NAMED = ("leave-one-speaker-out", "leave-one-session-out", "speaker-folds-2", "speaker-folds-5", "random-2", "random-5")


def clip(
    number: int, *, corpus: str = "toy", speaker: str = "s0", label: str = "anger", session: str = ""
) -> Utterance:
    name = f"{speaker}-{number:03d}"
    return Utterance(name, corpus, Path(f"{name}.wav"), 0.0, None, speaker, session or speaker, label)


def corpus_of(name: str, clips: Sequence[int]) -> list[Utterance]:
    """Return a corpus whose speakers have the given numbers of clips."""
    return [
        clip(number, corpus=name, speaker=f"s{speaker:02d}", label=LABELS[number % len(LABELS)])
        for speaker, count in enumerate(clips)
        for number in range(count)
    ]


@pytest.mark.parametrize("name", NAMED)
@settings(max_examples=25, deadline=None)
@given(
    corpora=st.lists(st.lists(st.integers(1, 12), min_size=5, max_size=12), min_size=1, max_size=3),
    seed=st.integers(0, 5),
)
def test_folds_are_disjoint_covering_and_speaker_independent(name: str, corpora: list[list[int]], seed: int) -> None:
    utterances = [utterance for index, clips in enumerate(corpora) for utterance in corpus_of(f"corpus{index}", clips)]
    speaker_of = {utterance.key: utterance.speaker_key for utterance in utterances}
    chosen = protocol(name)
    folds = chosen.folds(utterances, seed=seed)
    assert Counter(key for fold in folds for key in fold.test) == Counter(speaker_of.keys())  # covered exactly once
    assert len({fold.name for fold in folds}) == len(folds)
    for fold in folds:
        train, dev, test = set(fold.train), set(fold.dev), set(fold.test)
        assert train
        assert test
        assert train | dev | test == set(speaker_of)
        assert len(fold.train) + len(fold.dev) + len(fold.test) == len(utterances)  # so the parts share nothing
        if chosen.speaker_independent:
            speakers = [{speaker_of[key] for key in part} for part in (train, dev, test)]
            assert sum(map(len, speakers)) == len(set().union(*speakers))


@pytest.mark.parametrize("name", NAMED)
def test_folds_depend_on_the_utterances_and_the_seed_only(name: str, rng: np.random.Generator) -> None:
    utterances = corpus_of("toy", [4, 5, 6, 7, 8, 9])
    folds = protocol(name).folds(utterances, seed=3)
    assert protocol(name).folds(utterances, seed=3) == folds
    shuffled = [utterances[index] for index in rng.permutation(len(utterances))]
    assert protocol(name).folds(shuffled, seed=3) == folds
    assert protocol(name).folds(utterances, seed=4) != folds


def test_folds_never_change_between_machines_and_versions() -> None:
    # Random choices are hashes. If this fails, the folds of published scores have changed: raise the version.
    utterances = corpus_of("toy", [3, 3, 3, 3, 3, 3])
    folds = {name: protocol(name).folds(utterances, seed=0) for name in NAMED}
    assert signature({name: [fold.test for fold in of] for name, of in folds.items()}) == "789cdebd48cb"
    assert signature({name: [fold.dev for fold in of] for name, of in folds.items()}) == "51cd728629cd"
    assert {protocol(name).version for name in NAMED} == {1}


def test_speaker_folds_with_as_many_folds_as_speakers_leave_one_out() -> None:
    utterances = corpus_of("emodb", [49, 58, 43, 38, 55, 35, 61, 69, 56, 71])
    ten_folds = protocol("speaker-folds-10").folds(utterances, seed=0)
    left_out = protocol("leave-one-speaker-out").folds(utterances, seed=0)
    assert {fold.test for fold in ten_folds} == {fold.test for fold in left_out}


def test_speaker_folds_are_balanced_by_clips() -> None:
    utterances = corpus_of("toy", [30, 10, 10, 10, 10, 10, 10])
    sizes = sorted(len(fold.test) for fold in protocol("speaker-folds-3").folds(utterances, seed=0))
    assert sizes == [30, 30, 30]


def test_a_corpus_with_fewer_speakers_than_folds_is_absent_from_the_rest() -> None:
    utterances = corpus_of("small", [5, 5]) + corpus_of("large", [5] * 6)
    folds = protocol("speaker-folds-4").folds(utterances, seed=0)
    small = [{key for key in fold.test if key.startswith("small/")} for fold in folds]
    assert sorted(len(part) for part in small) == [0, 0, 5, 5]
    assert all(any(key.startswith("large/") for key in fold.test) for fold in folds)


def test_two_small_corpora_fill_each_others_gaps() -> None:
    folds = protocol("speaker-folds-4").folds(corpus_of("a", [2, 2]) + corpus_of("b", [2, 2]), seed=0)
    assert [len(fold.test) for fold in folds] == [2, 2, 2, 2]


def test_speakers_of_one_name_in_two_corpora_are_two_speakers() -> None:
    utterances = corpus_of("a", [2, 2]) + corpus_of("b", [2, 2])
    assert [fold.name for fold in protocol("leave-one-speaker-out").folds(utterances, seed=0)] == [
        "a.s00",
        "a.s01",
        "b.s00",
        "b.s01",
    ]


def test_sessions_keep_their_speakers_together() -> None:
    utterances = [
        clip(number, speaker=f"{session}{who}", session=session)
        for session in ("Ses01", "Ses02", "Ses03")
        for who in "FM"
        for number in range(4)
    ]
    folds = protocol("leave-one-session-out").folds(utterances, seed=0)
    assert [fold.name for fold in folds] == ["toy.Ses01", "toy.Ses02", "toy.Ses03"]
    assert {key.split("/")[1][:6] for key in folds[0].test} == {"Ses01F", "Ses01M"}


def test_fold_names_are_fit_for_file_names_and_unique() -> None:
    utterances = [clip(number, speaker=speaker) for number, speaker in enumerate(["a/b", "a?b", "a b"])]
    names = [fold.name for fold in protocol("leave-one-speaker-out").folds(utterances, seed=0)]
    assert sorted(names) == ["toy.a_b", "toy.a_b-2", "toy.a_b-3"]


def test_many_folds_are_numbered_so_that_they_sort() -> None:
    folds = protocol("random-10").folds(corpus_of("toy", [20]), seed=0)
    assert [fold.name for fold in folds] == sorted(fold.name for fold in folds)
    assert folds[0].name == "fold-01"


def test_random_folds_are_stratified_by_corpus_and_label() -> None:
    utterances = corpus_of("a", [30, 30]) + corpus_of("b", [15, 15])
    stratum = {utterance.key: (utterance.corpus, utterance.label) for utterance in utterances}
    everything = Counter(stratum.values())
    for fold in protocol("random-5").folds(utterances, seed=1):
        for part, share in ((fold.test, 0.2), (fold.dev, 0.08)):
            counts = Counter(stratum[key] for key in part)
            for name, count in everything.items():
                assert abs(counts[name] - share * count) <= 1


def test_dev_speakers_are_a_tenth_of_each_corpus_and_rotate() -> None:
    utterances = corpus_of("large", [2] * 21) + corpus_of("small", [2] * 4) + corpus_of("tiny", [2] * 3)
    speaker_of = {utterance.key: utterance.speaker_key for utterance in utterances}
    chosen: Counter[str] = Counter()
    for fold in protocol("leave-one-speaker-out").folds(utterances, seed=0):
        dev = {speaker_of[key] for key in fold.dev}
        assert Counter(speaker.split("/")[0] for speaker in dev) == {"large": 2, "small": 1}
        chosen.update(dev)
    assert set(chosen) == {speaker for speaker in speaker_of.values() if not speaker.startswith("tiny")}


def test_the_last_training_speaker_of_a_corpus_is_never_a_dev_speaker() -> None:
    # One speaker outweighs four: its fold leaves four speakers, the other fold leaves one, who must be trained on.
    folds = protocol("speaker-folds-2").folds(corpus_of("toy", [40, 2, 2, 2, 2]), seed=0)
    assert sorted(len(fold.dev) for fold in folds) == [0, 2]


def test_two_clips_can_be_divided_at_random() -> None:
    folds = protocol("random-2").folds(corpus_of("toy", [2]), seed=0)
    assert [(len(fold.train), len(fold.dev), len(fold.test)) for fold in folds] == [(1, 0, 1), (1, 0, 1)]


def test_protocols_are_values() -> None:
    assert protocol("speaker-folds-5") == protocol("speaker-folds-5")
    assert len({protocol("random-5"), protocol("random-5"), protocol("random-6")}) == 2
    assert protocol("random-05").name == "random-5"
    assert isinstance(protocol("random-5"), Protocol)


def test_a_random_split_is_speaker_dependent_and_has_a_twin() -> None:
    assert not protocol("random-5").speaker_independent
    assert protocol("random-5").twin == "speaker-folds-5"
    assert protocol("leave-one-speaker-out").twin is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [("leave-one-speaker", "leave-one-speaker-out"), ("speaker-folds", "speaker-folds-K"), ("randm-5", "random-K")],
)
def test_an_unknown_protocol_has_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown protocol '{name}'; did you mean '{hint}'"):
        protocol(name)


@pytest.mark.parametrize("name", ["random-1", "random-0", "random--3", "speaker-folds-1"])
def test_fewer_than_two_folds_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="give 2 or more"):
        protocol(name)


@pytest.mark.parametrize("name", ["leave-one-speaker-out", "leave-one-session-out", "speaker-folds-2"])
def test_a_missing_speaker_is_reported_with_its_table(name: str) -> None:
    utterances = [*corpus_of("calls", [3, 3]), clip(9, corpus="calls", speaker="", session="x")]
    with pytest.raises(
        RunError, match=r"1 utterances in the table of corpus 'calls' have no speaker \(first: calls/-009\)"
    ):
        protocol(name).folds(utterances, seed=0)


def test_a_random_split_needs_no_speakers() -> None:
    utterances = [replace(utterance, speaker="") for utterance in corpus_of("toy", [6])]
    assert len(protocol("random-2").folds(utterances, seed=0)) == 2


@pytest.mark.parametrize(
    ("name", "clips", "words"),
    [
        ("leave-one-speaker-out", [5], "needs at least 2 speakers; toy has 1"),
        ("leave-one-session-out", [5], "needs at least 2 sessions; there is 1: toy/s00"),
        ("speaker-folds-5", [5, 5, 5], "needs at least 5 speakers; toy has 3"),
        ("random-5", [3], "needs at least 5 utterances; there are 3"),
        ("random-2", [1], "divides at least 2 utterances; given: 1"),
        ("leave-one-speaker-out", [], "divides at least 2 utterances; given: 0"),
    ],
)
def test_too_few_utterances_or_groups_are_refused(name: str, clips: list[int], words: str) -> None:
    with pytest.raises(RunError, match=words):
        protocol(name).folds(corpus_of("toy", clips), seed=0)


def test_a_speaker_in_two_sessions_is_refused() -> None:
    utterances = [clip(0, session="a"), clip(1, session="b"), clip(2, speaker="s1", session="b")]
    with pytest.raises(RunError, match=r"toy/s0 is in the sessions 'a', 'b'.*choose leave-one-speaker-out"):
        protocol("leave-one-session-out").folds(utterances, seed=0)


def test_a_missing_session_is_refused() -> None:
    utterances = [replace(clip(0), session=""), clip(1, speaker="s1")]
    with pytest.raises(RunError, match="toy/s0-000 has no session"):
        protocol("leave-one-session-out").folds(utterances, seed=0)


def test_a_duplicate_key_is_refused() -> None:
    with pytest.raises(RunError, match=r"1 keys of utterances are not unique \(first: toy/s0-000\)"):
        protocol("random-2").folds([clip(0), clip(0), clip(1)], seed=0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(UsageError, match="seed -1 is negative"):
        protocol("random-2").folds(corpus_of("toy", [4]), seed=-1)


# ----------------------------------------------------------------------------------------------------------------------
# Protocols by session: which speakers are the dev part, and which sessions can't be divided.

NAME = "leave-one-speaker-out-session-dev"


def clip_of_session(speaker: str, session: str, number: int = 0, *, corpus: str = "toy") -> Utterance:
    name = f"{speaker}-{session}-{number}"
    return Utterance(name, corpus, Path(f"{name}.wav"), 0.0, None, speaker, session, "anger")


def sessions(**speakers_of: str) -> list[Utterance]:
    return [
        clip_of_session(speaker, session, number)
        for session, of in speakers_of.items()
        for speaker in of
        for number in (0, 1)
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
    utterances = [clip_of_session(speaker, "s", corpus=corpus) for corpus in ("x", "y") for speaker in "ab"]
    first, *_ = protocol(NAME).folds(utterances, seed=0)
    assert (first.test, first.dev, first.train) == (("x/a-s-0",), ("x/b-s-0",), ("y/a-s-0", "y/b-s-0"))


@pytest.mark.parametrize(
    ("utterances", "words"),
    [
        (sessions(one="a", two="b"), f"{NAME} needs sessions with several speakers, but every session has one"),
        (sessions(one="ab"), f"{NAME} needs at least 2 sessions; there is 1: toy/one"),
        (
            [*sessions(one="ab"), clip_of_session("a", "two")],
            "a is in the sessions 'one', 'two', so .* dev speakers in the training part",
        ),
        ([*sessions(one="ab"), clip_of_session("c", "")], "toy/c--0 has no session"),
    ],
)
def test_unsuitable_sessions_are_refused(utterances: list[Utterance], words: str) -> None:
    with pytest.raises(RunError, match=words):
        protocol(NAME).folds(utterances, seed=0)
