"""The leakage audit: shared speakers and sentences, near-duplicates, and what a report says about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.errors import RunError
from emotone.protocols import Leakage, audit, protocol
from emotone.protocols.audit import NearDuplicate, near_pairs
from emotone.scoring.finished_run import finished_runs, read_description
from emotone.scoring.packed_runs import MANIFEST
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from numpy.typing import NDArray


# ----------------------------------------------------------------------------------------------------------------------
# The audit finds what training and test parts share, and reports it in one line each.

RESULTS = Path(__file__).resolve().parent.parent.parent / "results"
PACKS = sorted(path.parent for path in RESULTS.rglob(MANIFEST))


def clip(name: str, *, sentence: str = "", path: str = "", start: float = 0.0, **given: str) -> Utterance:
    speaker, session, label = given.get("speaker", ""), given.get("session", ""), given.get("label", "anger")
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


@pytest.mark.parametrize(
    ("train", "test", "items"),
    [
        ("3", "03", ("toy/03 ~ toy/3",)),
        ("anna", "ANNA", ("toy/ANNA ~ toy/anna",)),
        ("7.0", "7", ("toy/7 ~ toy/7.0",)),
        ("s1", "nan", ("toy/nan (no name)",)),
        ("None", "s1", ("toy/None (no name)",)),
        ("s1", "s2", ()),
        ("", "s2", ()),
    ],
)
def test_doubtful_speakers_are_not_speaker_independent(train: str, test: str, items: tuple[str, ...]) -> None:
    utterances = [clip("a", speaker=train), clip("b", speaker=test)]
    leakage = audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), utterances)
    assert leakage["speakers"].items == ()
    assert leakage["speaker-spellings"].items == items
    assert leakage.clean is leakage.speaker_independent is (not items)
    line = f"speaker-spellings: 1 doubtful, by 1 of 1 test clips: {''.join(items)}"
    assert (line in leakage.lines()) is bool(items)
    assert leakage.to_dict()["speaker_independent"] is (not items)


def test_two_spellings_in_one_part_are_not_leakage() -> None:
    utterances = [clip("a", speaker="3"), clip("b", speaker="03"), clip("c", speaker="4")]
    fold = Fold("f", train=("toy/a", "toy/b"), dev=(), test=("toy/c",))
    assert audit(fold, utterances).speaker_independent


def test_a_protocol_over_two_spellings_of_one_speaker_is_not_speaker_independent() -> None:
    utterances = [clip(f"{speaker}-{number}", speaker=speaker) for speaker in ("3", "03", "8") for number in range(3)]
    leakage = audit(protocol("leave-one-speaker-out").folds(utterances, seed=0), utterances)
    assert leakage.speaker_independent is False
    assert leakage["speaker-spellings"].clips == 6


def test_speaker_independence_is_not_known_without_speakers() -> None:
    leakage = audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), [clip("a"), clip("b")])
    assert leakage.speaker_independent is None


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
    with pytest.raises(KeyError, match="unknown"):
        leakage["unknown"]


def test_near_duplicates_are_not_known_without_fingerprints() -> None:
    leakage = audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), [clip("a"), clip("b")])
    assert "near-duplicates: not known" in leakage.lines()
    assert leakage.to_dict()["shared"]["near-duplicates"] == {"items": None, "clips": 0}
    assert leakage.clean


def test_near_duplicates_are_named_in_pairs() -> None:
    utterances = [clip("a"), clip("b"), clip("c"), clip("d")]
    fold = Fold("f", train=("toy/a",), dev=("toy/b",), test=("toy/c", "toy/d"))
    fingerprints = {
        "toy/a": np.array([1.0, 0.0]),
        "toy/b": np.array([0.0, 1.0]),
        "toy/c": np.array([0.6, 0.8]),
        "toy/d": np.array([0.0, 1.0]),
    }
    leakage = audit(fold, utterances, fingerprints=fingerprints)
    assert leakage["near-duplicates"].items == ("toy/d ~ toy/b (1.000)",)
    assert "near-duplicates: 1 shared, by 1 of 2 test clips: toy/d ~ toy/b (1.000)" in leakage.lines()
    assert not leakage.clean
    lower = audit(fold, utterances, fingerprints=fingerprints, near_duplicate=0.7)
    assert lower["near-duplicates"].items == ("toy/c ~ toy/b (0.800)", "toy/d ~ toy/b (1.000)")
    assert lower["near-duplicates"].clips == 2


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.01, float("nan")])
def test_a_threshold_that_is_no_cosine_of_alike_clips_is_refused(threshold: float) -> None:
    with pytest.raises(RunError, match="near_duplicate is a cosine above 0, up to 1; given"):
        audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), [clip("a"), clip("b")], near_duplicate=threshold)


def test_statistics_of_test_speakers_are_reported() -> None:
    utterances = [clip("a", speaker="s1"), clip("b", speaker="s2"), clip("c", speaker="s2")]
    fold = Fold("f", train=("toy/a",), dev=(), test=("toy/b", "toy/c"))
    strict, scaled = audit(fold, utterances), audit(fold, utterances, scaling="speaker")
    assert "statistics: of the training parts only" in strict.lines()
    assert strict.to_dict()["statistics"] == {
        "normalisation": "train",
        "fitted_on_test": False,
        "speakers": [],
        "clips": 0,
    }
    assert (
        "statistics: 1 test speakers are scaled with their own unlabelled clips, 2 of 2 test clips: toy/s2"
        in scaled.lines()
    )
    assert scaled.to_dict()["statistics"] == {
        "normalisation": "speaker",
        "fitted_on_test": True,
        "speakers": ["toy/s2"],
        "clips": 2,
    }
    assert scaled.clean is strict.clean is True  # statistics have a record of their own


def test_labels_that_a_fold_lacks() -> None:
    utterances = [clip("a"), clip("b", label="fear"), clip("c", label="joy"), clip("d"), clip("e", label="fear")]
    first = Fold("first", train=("toy/a",), dev=("toy/b",), test=("toy/c", "toy/d", "toy/e"))
    second = Fold("second", train=("toy/b", "toy/c", "toy/d"), dev=(), test=("toy/a",))
    leakage = audit([first, second], utterances)
    assert leakage.lines()[-2:] == [
        "labels tested but not trained on: in 1 of 2 folds: first (fear, joy)",  # a dev part is not trained on
        "labels absent from test parts: in 1 of 2 folds: second (fear, joy)",
    ]
    assert leakage.to_dict()["absent_labels"] == {
        "first": {"untrained": ["fear", "joy"], "untested": []},
        "second": {"untrained": [], "untested": ["fear", "joy"]},
    }


def test_no_line_about_labels_where_none_is_absent() -> None:
    utterances = [clip("a"), clip("b")]
    leakage = audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), utterances)
    assert not any("labels" in line for line in leakage.lines())
    assert leakage.missing_labels == ()


def test_what_the_protocol_leaves_out_is_named() -> None:
    utterances = [clip(name) for name in "abcdefg"]
    leakage = audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), utterances)
    assert leakage.left_out == ("toy/c", "toy/d", "toy/e", "toy/f", "toy/g")
    assert leakage.lines()[-1] == "left out by the protocol: 5 of 7: toy/c, toy/d, toy/e and 2 more"
    assert leakage.to_dict()["left_out"] == ["toy/c", "toy/d", "toy/e", "toy/f", "toy/g"]


def test_the_keys_of_finished_runs_are_still_there() -> None:
    found = audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), [clip("a"), clip("b")]).to_dict()
    assert {"folds", "tested", "clean", "shared", "single_emotion_speakers"} <= found.keys()
    assert list(found["shared"])[:5] == ["speakers", "sessions", "sentences", "files", "contents"]


def found_everything() -> Leakage:
    """Return an audit with something in every record."""
    utterances = [
        clip("a", speaker="s1", session="x", sentence="1"),
        clip("b", speaker="s1", session="x", sentence="1"),
        clip("c", speaker="s2", label="fear"),
        clip("d", speaker="s3"),
    ]
    vectors = {"toy/a": np.array([1.0, 0.0]), "toy/b": np.array([1.0, 0.0]), "toy/c": np.array([0.0, 1.0])}
    return audit(
        Fold("f", train=("toy/a",), dev=(), test=("toy/b", "toy/c")),
        utterances,
        scaling="speaker",
        hashes={"toy/a": "same", "toy/b": "same"},
        fingerprints=vectors,
    )


def test_an_audit_comes_back_from_json_as_it_was() -> None:
    leakage = found_everything()
    assert leakage.missing_labels
    assert leakage.left_out == ("toy/d",)
    assert Leakage.from_dict(json.loads(json.dumps(leakage.to_dict()))) == leakage


def test_what_is_not_known_comes_back_as_not_known() -> None:
    leakage = audit(Fold("f", train=("toy/a",), dev=(), test=("toy/b",)), [clip("a"), clip("b")])
    again = Leakage.from_dict(json.loads(json.dumps(leakage.to_dict())))
    assert again == leakage
    assert again.lines() == leakage.lines()


def test_what_older_records_lack_is_not_known_or_empty() -> None:
    record = found_everything().to_dict()
    for key in ("statistics", "absent_labels", "left_out", "given"):
        del record[key]
    del record["shared"]["near-duplicates"]
    del record["shared"]["speaker-spellings"]
    old = Leakage.from_dict(record)
    assert old["near-duplicates"].line(tested=2) == "near-duplicates: not known"
    assert "statistics: of the training parts only" in old.lines()
    assert (old.missing_labels, old.left_out, old.given) == ((), (), 2)
    assert old["speakers"] == found_everything()["speakers"]


@pytest.mark.parametrize("root", PACKS, ids=lambda root: root.name)
def test_audits_of_the_runs_in_results_are_read(root: Path) -> None:
    for record in audits(root):
        again = Leakage.from_dict(record)
        assert (again.folds, again.tested) == (record["folds"], record["tested"])
        assert again.clean is record["clean"]
        assert again.to_dict()["shared"] | record["shared"] == again.to_dict()["shared"]
        assert again.lines()


def test_there_are_runs_in_results() -> None:
    assert any(audits(root) for root in PACKS)  # an empty glob would test nothing


def audits(root: Path) -> list[dict[str, Any]]:
    """Return the audits in a folder of runs; evaluations of finished models have none."""
    return [found for run in finished_runs(root) if (found := read_description(run)["leakage"])]


# ----------------------------------------------------------------------------------------------------------------------
# Near-duplicates compared with the obvious implementation: the cosine of every pair, in a double loop.

Prints = dict[str, "NDArray[np.float32]"]


def unit(matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), dtype=np.float32)


def slow(parts: list[tuple[list[str], list[str]]], prints: Prints, *, threshold: float) -> list[NearDuplicate]:
    best: dict[str, NearDuplicate] = {}
    for train, test in parts:
        for tested in test:
            for trained in train:
                cosine = float(prints[tested] @ prints[trained])
                if cosine >= threshold and (tested not in best or cosine > best[tested].cosine):
                    best[tested] = NearDuplicate(tested, trained, cosine)
    return [best[key] for key in sorted(best)]


@pytest.mark.parametrize("block", [3, 7, 1024])
def test_blocks_find_what_the_double_loop_finds(rng: np.random.Generator, block: int) -> None:
    names = [f"toy/{number:02d}" for number in range(40)]
    prints = dict(zip(names, unit(rng.normal(size=(40, 4))), strict=True))
    parts = [(names[10:], names[:10]), (names[:20], names[20:])]
    known, found = near_pairs(parts, prints, threshold=0.8, block=block)
    expected = slow(parts, prints, threshold=0.8)
    assert known
    assert expected
    assert [(pair.test, pair.train) for pair in found] == [(pair.test, pair.train) for pair in expected]
    np.testing.assert_allclose([pair.cosine for pair in found], [pair.cosine for pair in expected], rtol=1e-5)


def test_only_pairs_across_a_fold_are_compared() -> None:
    prints = {name: np.array([1.0, 0.0], np.float32) for name in ("a", "b", "c")}
    assert near_pairs([(["c"], ["a", "b"])], {"a": prints["a"], "b": prints["b"]}, threshold=0.9) == (False, ())
    known, found = near_pairs([(["b"], ["a"]), (["c"], [])], prints, threshold=0.9)
    assert known
    assert [str(pair) for pair in found] == ["a ~ b (1.000)"]


def test_the_threshold_is_met_by_equality() -> None:
    prints = {"a": np.array([1.0, 0.0], np.float32), "b": np.array([0.6, 0.8], np.float32)}
    cosine = float(np.float32(0.6))
    assert len(near_pairs([(["b"], ["a"])], prints, threshold=cosine)[1]) == 1
    assert near_pairs([(["b"], ["a"])], prints, threshold=cosine + 1e-6)[1] == ()


@pytest.mark.parametrize("wrong", [[0.5, 0.0], [0.0, 0.0], [float("nan"), 0.0]])
def test_a_fingerprint_of_another_length_is_refused(wrong: list[float]) -> None:
    prints = {"a": np.array([1.0, 0.0]), "b": np.array(wrong)}
    with pytest.raises(RunError, match=r"the fingerprint of b has length .*; it must be 1"):
        near_pairs([(["b"], ["a"])], prints, threshold=0.9)


@pytest.mark.parametrize("wrong", [np.array([1.0]), np.array([[1.0, 0.0]])])
def test_fingerprints_of_several_shapes_are_refused(wrong: NDArray[np.float64]) -> None:
    prints = {"a": np.array([1.0, 0.0]), "b": wrong}
    with pytest.raises(RunError, match="fingerprints must be vectors of one length; given shapes:"):
        near_pairs([(["c"], ["c"]), (["a", "b"], ["a"])], {**prints, "c": prints["a"]}, threshold=0.9)
