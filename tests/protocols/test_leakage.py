"""The audit finds what was put there, and says so in one line each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotone.errors import RunError
from emotone.protocols import audit, protocol
from emotone.types import Fold, Utterance


def clip(
    name: str,
    *,
    speaker: str = "",
    session: str = "",
    sentence: str = "",
    path: str = "",
    start: float = 0.0,
    label: str = "anger",
) -> Utterance:
    extras = {"sentence": sentence} if sentence else {}
    return Utterance(name, "toy", Path(path or f"{name}.wav"), start, None, speaker, session, label, extras)


def test_nothing_shared() -> None:
    fold = Fold("f", train=("toy/a",), dev=(), test=("toy/b",))
    leakage = audit(
        fold,
        [
            clip("a", speaker="s1", session="x", sentence="1"),
            clip("b", speaker="s2", session="y", sentence="2"),
        ],
        hashes={"toy/a": "aa", "toy/b": "bb"},
    )
    assert leakage.clean
    assert leakage.lines()[:5] == [
        "speakers: none shared",
        "sessions: none shared",
        "sentences: none shared",
        "files: none shared",
        "contents: none shared",
    ]


@pytest.mark.parametrize(
    ("kind", "train", "test", "item", "clean"),
    [
        ("speakers", clip("a", speaker="s"), clip("b", speaker="s"), "toy/s", False),
        ("sessions", clip("a", session="x"), clip("b", session="x"), "toy/x", True),
        ("sentences", clip("a", sentence="7"), clip("b", sentence="7"), "toy/7", True),
        ("files", clip("a", path="long.wav"), clip("b", path="long.wav", start=3.0), "long.wav", False),
    ],
)
def test_each_kind_is_found(kind: str, train: Utterance, test: Utterance, item: str, clean: bool) -> None:
    leakage = audit(Fold("f", train=(train.key,), dev=(), test=(test.key,)), [train, test])
    assert leakage[kind].items == (item,)
    assert leakage[kind].clips == 1
    assert leakage.clean is clean
    assert f"{kind}: 1 shared, by 1 of 1 test clips: {item}" in leakage.lines()


def test_identical_content_is_found_where_hashes_are_given() -> None:
    utterances = [clip("a"), clip("b"), clip("c")]
    fold = Fold("f", train=("toy/a",), dev=(), test=("toy/b", "toy/c"))
    leakage = audit(fold, utterances, hashes={"toy/a": "same", "toy/b": "same", "toy/c": "other"})
    assert leakage["contents"].items == ("same",)
    assert leakage["contents"].clips == 1
    assert not leakage.clean


def test_what_is_not_known_is_not_called_clean() -> None:
    leakage = audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), [clip("a"), clip("b")])
    assert leakage.lines()[:3] == ["speakers: not known", "sessions: not known", "sentences: not known"]
    assert leakage.lines()[4] == "contents: not known"
    assert leakage.to_dict()["shared"]["speakers"]["items"] is None


def test_the_dev_part_counts_as_seen() -> None:
    utterances = [clip("a", speaker="s1"), clip("b", speaker="s2"), clip("c", speaker="s2")]
    leakage = audit(Fold("f", train=("toy/a",), dev=("toy/b",), test=("toy/c",)), utterances)
    assert leakage["speakers"].items == ("toy/s2",)


def test_speakers_with_a_single_emotion() -> None:
    utterances = [
        clip("a", speaker="s1"),
        clip("b", speaker="s1", label="fear"),
        clip("c", speaker="s2"),
        clip("d", speaker="s2"),
        clip("e"),
    ]
    fold = Fold("f", train=("toy/a", "toy/b", "toy/e"), dev=(), test=("toy/c", "toy/d"))
    leakage = audit(fold, utterances)
    assert leakage.single_emotion_speakers == ("toy/s2",)
    assert leakage.lines()[-1] == "speakers with a single emotion: 1: toy/s2"


def test_many_items_are_cut_and_clips_are_counted_once() -> None:
    utterances = [clip(f"{speaker}{number}", speaker=f"s{speaker}") for speaker in range(5) for number in range(6)]
    leakage = audit(protocol("random-3").folds(utterances, seed=0), utterances)
    assert leakage.folds == 3
    assert leakage.tested == 30
    assert leakage.lines()[0] == "speakers: 5 shared, by 30 of 30 test clips: toy/s0, toy/s1, toy/s2 and 2 more"


def test_speaker_independent_folds_are_clean() -> None:
    utterances = [clip(f"{speaker}{number}", speaker=f"s{speaker}") for speaker in range(5) for number in range(6)]
    assert audit(protocol("speaker-folds-3").folds(utterances, seed=0), utterances).clean


def test_plain_values_for_json() -> None:
    utterances = [clip("a", speaker="s"), clip("b", speaker="s")]
    found = audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), utterances).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["shared"]["speakers"] == {"items": ["toy/s"], "clips": 1}
    assert found["clean"] is False


def test_a_fold_of_other_utterances_is_refused() -> None:
    with pytest.raises(RunError, match=r"fold f names 1 utterances that are not given \(first: toy/x\)"):
        audit(Fold("f", train=("toy/x",), dev=(), test=("toy/a",)), [clip("a")])


def test_an_unknown_kind_is_a_key_error() -> None:
    leakage = audit(Fold("f", train=(), dev=(), test=("toy/a",)), [clip("a")])
    with pytest.raises(KeyError, match="voices"):
        leakage["voices"]
