"""Splits by shares: how closely the shares are met, and that every part gets a speaker."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.errors import RunError
from emotone.protocols import protocol
from emotone.types import Utterance


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
