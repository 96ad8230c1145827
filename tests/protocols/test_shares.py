"""Shares of clips: random ones for tests, and smaller training parts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.protocols import audit, protocol, twin_for
from emotone.protocols.protocol import stratified_order
from emotone.types import Utterance

# ----------------------------------------------------------------------------------------------------------------------
# Splits by shares: how closely the shares are met, and that every part gets a speaker.


def clips(corpus: str, counts: list[int], labels: str = "afh") -> list[Utterance]:
    return [
        Utterance(
            f"{who}-{n}", corpus, Path(f"{who}-{n}.wav"), 0.0, None, f"s{who}", f"s{who}", labels[n % len(labels)]
        )
        for who, count in enumerate(counts)
        for n in range(count)
    ]


def sizes(name: str, utterances: list[Utterance], *, seed: int = 0) -> tuple[int, int, int]:
    (fold,) = protocol(name).folds(utterances, seed=seed)
    assert fold.name == "split"
    return len(fold.train), len(fold.dev), len(fold.test)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("random-60-20-20", (60, 20, 20)),
        ("random-8-1-1", (80, 10, 10)),
        ("random-70-0-30", (70, 0, 30)),
        ("random-1-1-1", (34, 33, 33)),
        ("speakers-60-20-20", (60, 20, 20)),
        ("speakers-8-1-1", (80, 10, 10)),
        ("speakers-70-0-30", (70, 0, 30)),
    ],
)
def test_shares_are_met_where_they_can_be(name: str, expected: tuple[int, int, int]) -> None:
    assert sizes(name, clips("toy", [10] * 10)) == expected


def test_nothing_is_left_out() -> None:
    assert sum(sizes("random-60-20-20", clips("toy", [7, 6, 5]))) == 18
    assert sum(sizes("speakers-60-20-20", clips("toy", [7, 6, 5]))) == 18


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    shares=st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(1, 9)),
    seed=st.integers(0, 9),
)
def test_every_stratum_is_divided_like_the_whole(counts: list[int], shares: tuple[int, int, int], seed: int) -> None:
    utterances = clips("toy", [count + 20 for count in counts], labels="aaafh")
    (fold,) = protocol("random-" + "-".join(map(str, shares))).folds(utterances, seed=seed)
    label_of = {utterance.key: utterance.label for utterance in utterances}
    whole = Counter(label_of.values())
    for part, share in zip((fold.train, fold.dev, fold.test), shares, strict=True):
        counted = Counter(label_of[key] for key in part)
        for label, count in whole.items():
            # A run of neighbours begins and ends within one clip of its share.
            assert abs(counted[label] - count * share / sum(shares)) < 2.5


def test_the_ratio_matters_and_not_the_numbers() -> None:
    utterances = clips("toy", [9, 8, 7, 6, 5])
    for kind in ("random", "speakers"):
        assert protocol(f"{kind}-8-1-1").folds(utterances, seed=2) == protocol(f"{kind}-80-10-10").folds(
            utterances, seed=2
        )
    assert protocol("random-08-1-1").name == "random-8-1-1"


@pytest.mark.parametrize("kind", ["random", "speakers"])
def test_another_seed_gives_another_split(kind: str) -> None:
    utterances = clips("toy", [9, 8, 7, 6, 5, 4])
    tested = {protocol(f"{kind}-3-1-1").folds(utterances, seed=seed)[0].test for seed in range(10)}
    assert len(tested) > 3


@pytest.mark.parametrize(
    ("counts", "filled"),
    [([9, 9], (1, 0, 1)), ([90, 5, 5], (1, 1, 1)), ([5, 5, 5, 90], (1, 1, 1)), ([3] * 4, (1, 1, 1))],
)
def test_every_part_gets_a_speaker_of_a_small_corpus(counts: list[int], filled: tuple[int, int, int]) -> None:
    # A second corpus has enough for all: what is asked is that each corpus is in the parts that it can fill.
    utterances = clips("small", counts) + clips("large", [10] * 10)
    for seed in range(5):
        (fold,) = protocol("speakers-8-1-1").folds(utterances, seed=seed)
        corpora = [{key.split("/")[0] for key in part} for part in (fold.train, fold.dev, fold.test)]
        assert tuple(int("small" in names) for names in corpora) == filled
        assert all("large" in names for names in corpora)


def test_too_few_speakers_are_refused() -> None:
    with pytest.raises(RunError, match="speakers-8-1-1 needs at least 3 speakers; toy has 2"):
        sizes("speakers-8-1-1", clips("toy", [5, 5]))


def test_corpora_of_one_speaker_each_can_not_be_divided() -> None:
    utterances = [utterance for corpus in "abc" for utterance in clips(corpus, [5])]
    with pytest.raises(RunError, match="speakers-8-1-1 leaves the test part of fold split empty"):
        sizes("speakers-8-1-1", utterances)


def test_too_few_clips_are_refused() -> None:
    with pytest.raises(RunError, match="random-98-1-1 leaves the test part of fold split empty for these utterances"):
        sizes("random-98-1-1", clips("toy", [3]))


# ----------------------------------------------------------------------------------------------------------------------
# Limited training data: how many clips, which ones, and that nothing else changes.

SHARES = {"anger": 8, "fear": 4, "neutral": 3, "sadness": 1}  # clips of each speaker


def clips_of_labels(corpus: str, *, speakers: int) -> list[Utterance]:
    return [
        Utterance(f"s{speaker}-{label}-{take}", corpus, Path("x.wav"), 0.0, None, f"s{speaker}", "", label)
        for speaker in range(speakers)
        for label, count in SHARES.items()
        for take in range(count)
    ]


TARGET, OTHERS = clips_of_labels("savee", speakers=6), clips_of_labels("emodb", speakers=2)
BY_KEY = {clip.key: clip for clip in [*TARGET, *OTHERS]}


@pytest.mark.parametrize("inner", ["speaker-folds-3", "leave-one-speaker-out", "random-4", "speakers-4-1-1"])
@pytest.mark.parametrize("count", [2, 24])
def test_only_training_data_are_limited(inner: str, count: int) -> None:
    whole = protocol(inner).folds(TARGET, seed=3)
    few = protocol(f"{inner}@{count}").folds(TARGET, seed=3)
    assert [(fold.name, fold.test) for fold in few] == [(fold.name, fold.test) for fold in whole]
    for fold, full in zip(few, whole, strict=True):
        assert len(fold.train) + len(fold.dev) == count
        assert set(fold.train) <= set(full.train)
        assert set(fold.dev) <= set(full.dev)


@settings(max_examples=20, deadline=None)
@given(count=st.integers(2, 60), more=st.integers(0, 4), seed=st.integers(0, 20))
def test_draws_are_nested(count: int, more: int, seed: int) -> None:
    small, large = (protocol(f"speaker-folds-3@{n}").folds(TARGET, seed=seed) for n in (count, count + more))
    for of_small, of_large in zip(small, large, strict=True):
        assert {*of_small.train, *of_small.dev} <= {*of_large.train, *of_large.dev}


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 96), seed=st.integers(0, 20))
def test_any_first_clips_have_every_label_and_the_whole_ones_proportion(count: int, seed: int) -> None:
    counted = Counter(BY_KEY[key].label for key in stratified_order(TARGET, seed=seed)[:count])
    assert len(counted) == min(count, len(SHARES))
    for label, share in SHARES.items():
        exact = count * share / sum(SHARES.values())
        assert exact - len(SHARES) <= counted[label] <= exact + 1


def test_another_seed_draws_others_and_the_order_of_a_table_none() -> None:
    assert stratified_order(TARGET, seed=0) == stratified_order(TARGET[::-1], seed=0)
    assert stratified_order(TARGET, seed=0) != stratified_order(TARGET, seed=1)
    assert sorted(stratified_order(TARGET, seed=0)) == sorted(clip.key for clip in TARGET)


def test_clips_are_of_many_speakers() -> None:
    assert len({BY_KEY[key].speaker for key in stratified_order(TARGET, seed=0)[:24]}) == 6


def test_onto_a_corpus_the_others_keep_all_of_theirs() -> None:
    alone = protocol("speaker-folds-3@10").folds(TARGET, seed=1)
    onto = protocol("onto-savee-speaker-folds-3@10").folds([*OTHERS, *TARGET], seed=1)
    others = {clip.key for clip in OTHERS}
    assert [set(fold.train) for fold in onto] == [set(fold.train) | others for fold in alone]
    assert [(fold.dev, fold.test) for fold in onto] == [(fold.dev, fold.test) for fold in alone]


def test_each_corpus_has_as_many() -> None:
    first, *_ = protocol("speaker-folds-2@12").folds([*OTHERS, *TARGET], seed=0)
    assert Counter(BY_KEY[key].corpus for key in (*first.train, *first.dev)) == {"savee": 12, "emodb": 12}


def test_the_name_defines_speakers_scaling_and_twin() -> None:
    few = protocol("random-5@50+speaker-scaled")
    assert (few.name, few.twin) == ("random-5@50+speaker-scaled", "speaker-folds-5@50+speaker-scaled")
    assert not few.speaker_independent
    assert protocol("speaker-folds-5@50").twin is None
    assert protocol("speaker-folds-5@50").description.endswith(
        "; training data limited to 50 clips of each divided corpus"
    )
    assert protocol("onto-savee-random-5@50").twin == "onto-savee-speaker-folds-5@50"
    assert twin_for(protocol("random-9@10"), TARGET) == "leave-one-speaker-out@10"


def test_other_numbers_are_other_runs() -> None:
    assert protocol("random-5@50").signature == ("random-5@50", 1, 1)


def test_lists_of_ones_own_can_be_thinned(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('train = ["s0", "s1"]\ntest = ["s2", "s3", "s4", "s5"]\n')
    few = protocol(f"fixed:{tmp_path}/mine.toml@9")
    (fold,) = few.folds(TARGET, seed=0)
    assert len(fold.train) == 9
    assert protocol(few.name).name == few.name


def test_clips_that_are_left_out_are_noted() -> None:
    few = protocol("speakers-4-0-2@6")
    (note,) = few.notes(TARGET)
    assert note == "left out: all clips that are not tested, except for 6 of each corpus"
    assert len(audit(few.folds(TARGET, seed=0), TARGET).left_out) == 4 * 16 - 6
    assert protocol("speaker-folds-3@6").notes(TARGET) == ()


def test_more_than_there_are_is_refused() -> None:
    message = r"@60 needs 60 training clips of each corpus, but fold savee\.s0 has 16 of savee; give a smaller number"
    with pytest.raises(RunError, match=message):
        protocol("leave-one-speaker-out@60").folds(clips_of_labels("savee", speakers=2), seed=0)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_training_clips_are_refused(count: int) -> None:
    with pytest.raises(
        UsageError, match=rf"'random-5@{count}' leaves {count} clips to train on; give 2 or more.*plan A1"
    ):
        protocol(f"random-5@{count}")


@pytest.mark.parametrize("name", ["@50", "random-5@", "random-5@x", "nothing@50", "onto-savee@50"])
def test_what_names_no_protocol_or_no_number_is_no_name(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown protocol '{name}'"):
        protocol(name)
