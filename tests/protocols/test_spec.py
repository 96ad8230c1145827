"""Names of protocols: the short spelling, its parts, targets, and their errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.protocols import ProtocolSpec, audit, protocol, twin_for
from emotone.types import Utterance

# ----------------------------------------------------------------------------------------------------------------------
# Specifications of protocols: the record and its short spelling are two forms of one thing.

BASES = (
    "random-5",
    "speaker-folds-10",
    "leave-one-speaker-out",
    "random-8-1-1",
    "emodb-audeering",
    "fixed:my-a+b.toml",
)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("random-5", ProtocolSpec("random-5")),
        ("random-5+speaker-scaled", ProtocolSpec("random-5", scaling="speaker")),
        ("random-5@50", ProtocolSpec("random-5", train_clips=50)),
        ("onto-emodb-random-5", ProtocolSpec("random-5", target="emodb")),
        ("onto-crema-d-random-8-1-1", ProtocolSpec("random-8-1-1", target="crema-d")),
        ("onto-emodb-emodb-audeering", ProtocolSpec("emodb-audeering", target="emodb")),
        (
            "onto-my-calls-leave-one-speaker-out-session-dev@7+speaker-scaled",
            ProtocolSpec("leave-one-speaker-out-session-dev", target="my-calls", train_clips=7, scaling="speaker"),
        ),
        ("fixed:a-b/c+d.toml@9", ProtocolSpec("fixed:a-b/c+d.toml", train_clips=9)),
        ("onto-emodb-fixed:a-b.toml", ProtocolSpec("fixed:a-b.toml", target="emodb")),
        ("emobox:C:\\EmoBox:emodb@50", ProtocolSpec("emobox:C:\\EmoBox:emodb", train_clips=50)),
    ],
)
def test_a_name_is_parsed_and_printed(name: str, spec: ProtocolSpec) -> None:
    assert ProtocolSpec.parse(name) == spec
    assert str(spec) == name


@given(
    base=st.sampled_from(BASES),
    target=st.none() | st.from_regex(r"[a-z]+(-[a-z]+)?", fullmatch=True),
    clips=st.none() | st.integers(2, 10_000),
    scaled=st.booleans(),
)
def test_printing_and_parsing_are_inverse(base: str, target: str | None, clips: int | None, scaled: bool) -> None:
    spec = ProtocolSpec(base, target=target, train_clips=clips, scaling="speaker" if scaled else "train")
    assert ProtocolSpec.parse(str(spec)) == spec


def test_a_record_gives_the_same_protocol_as_its_name() -> None:
    spec = ProtocolSpec("random-5", target="emodb", train_clips=50)
    assert protocol(spec) == protocol("onto-emodb-random-5@50")
    assert protocol(spec).spec == spec


def test_numbers_are_printed_without_leading_zeros() -> None:
    assert protocol("onto-emodb-random-05@050").name == "onto-emodb-random-5@50"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_clips": 1}, "'random-5@1' leaves 1 clips to train on; give 2 or more"),
        ({"target": ""}, "the target of a protocol is empty"),
        ({"scaling": "none"}, r"unknown scaling 'none'.*Allowed: speaker, train"),
    ],
)
def test_fields_out_of_range_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ProtocolSpec("random-5", **fields)


def test_an_unknown_base_of_a_record_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown protocol 'random-5@50'"):
        protocol(ProtocolSpec("random-5@50"))


# ----------------------------------------------------------------------------------------------------------------------
# The speaker-independent twin of a protocol: one that can be run on the given utterances.


def clips(speakers: int, *, each: int = 6, corpus: str = "toy") -> list[Utterance]:
    return [
        Utterance(f"{speaker}-{number}", corpus, Path("x"), 0.0, None, f"s{speaker}", "", "anger")
        for speaker in range(speakers)
        for number in range(each)
    ]


@pytest.mark.parametrize(
    ("name", "speakers", "twin"),
    [
        ("random-5", 5, "speaker-folds-5"),
        ("random-5", 4, "leave-one-speaker-out"),
        ("random-5", 2, "leave-one-speaker-out"),
        ("random-5", 1, None),
        ("random-2", 2, "speaker-folds-2"),
        ("random-5+speaker-scaled", 5, "speaker-folds-5+speaker-scaled"),
        ("random-5+speaker-scaled", 4, "leave-one-speaker-out+speaker-scaled"),
        ("random-5+speaker-scaled", 1, None),
        ("speaker-folds-5", 5, None),
        ("leave-one-speaker-out", 5, None),
    ],
)
def test_the_twin_is_one_that_these_speakers_allow(name: str, speakers: int, twin: str | None) -> None:
    found = twin_for(protocol(name), clips(speakers))
    assert found == twin
    if found is not None:
        chosen = protocol(found)
        assert chosen.speaker_independent
        assert chosen.scaling == protocol(name).scaling
        assert chosen.folds(clips(speakers), seed=0)


def test_speakers_without_a_name_have_no_twin() -> None:
    nameless = [Utterance(str(number), "toy", Path("x"), 0.0, None, "", "", "anger") for number in range(10)]
    assert twin_for(protocol("random-5"), nameless) is None


@pytest.mark.parametrize(
    ("first", "second", "twin"), [(8, 3, "speaker-folds-5"), (3, 3, "speaker-folds-5"), (2, 2, "leave-one-speaker-out")]
)
def test_the_speakers_of_all_corpora_count_together(first: int, second: int, twin: str | None) -> None:
    assert twin_for(protocol("random-5"), [*clips(first), *clips(second, corpus="other")]) == twin


# ----------------------------------------------------------------------------------------------------------------------
# A target corpus and others as training data: the folds are those of the target, and notes list the others.

LABELS = ("anger", "fear", "happiness", "neutral")


def clips_of_corpus(corpus: str, *, speakers: int, each: int = 8) -> list[Utterance]:
    return [
        Utterance(f"s{speaker}-{clip}", corpus, Path(f"{clip}.wav"), 0.0, None, f"s{speaker}", "x", LABELS[clip % 4])
        for speaker in range(speakers)
        for clip in range(each)
    ]


TARGET, OTHERS = (
    clips_of_corpus("savee", speakers=4),
    [*clips_of_corpus("emodb", speakers=3), *clips_of_corpus("crema-d", speakers=2)],
)


@pytest.mark.parametrize("inner", ["random-4", "speaker-folds-2", "leave-one-speaker-out", "random-8-1-1"])
def test_the_folds_are_those_of_the_target_alone_and_the_others_are_trained_on(inner: str) -> None:
    alone = protocol(inner).folds(TARGET, seed=3)
    folds = protocol(f"onto-savee-{inner}").folds([*OTHERS, *TARGET], seed=3)
    others = {utterance.key for utterance in OTHERS}
    assert [(fold.name, fold.dev, fold.test) for fold in folds] == [(fold.name, fold.dev, fold.test) for fold in alone]
    assert [set(fold.train) for fold in folds] == [set(fold.train) | others for fold in alone]


@pytest.mark.parametrize(
    ("name", "corpus", "inner"),
    [
        ("onto-crema-d-random-5", "crema-d", "random-5"),
        ("onto-emodb-emodb-audeering", "emodb", "emodb-audeering"),
        ("onto-my-calls-speakers-8-1-1", "my-calls", "speakers-8-1-1"),
        ("onto-savee-leave-one-speaker-out", "savee", "leave-one-speaker-out"),
    ],
)
def test_corpora_and_protocols_may_have_hyphens(name: str, corpus: str, inner: str) -> None:
    chosen = protocol(name)
    assert chosen.name == name
    with pytest.raises(RunError, match=rf"tests the corpus {corpus} and trains on others too; given: x\..*{inner}"):
        chosen.folds(clips_of_corpus("x", speakers=2), seed=0)


def test_the_twin_is_speaker_independent_on_the_target() -> None:
    assert protocol("onto-savee-random-5").twin == "onto-savee-speaker-folds-5"
    assert protocol("onto-savee-random-5+speaker-scaled").twin == "onto-savee-speaker-folds-5+speaker-scaled"
    assert protocol("onto-savee-speaker-folds-5").twin is None


def test_with_fewer_speakers_than_folds_the_twin_has_a_fold_per_speaker_of_the_target() -> None:
    both = [*OTHERS, *TARGET]
    assert twin_for(protocol("onto-savee-random-4"), both) == "onto-savee-speaker-folds-4"
    assert twin_for(protocol("onto-savee-random-5"), both) == "onto-savee-leave-one-speaker-out"
    scaled = "onto-savee-leave-one-speaker-out+speaker-scaled"
    assert twin_for(protocol("onto-savee-random-5+speaker-scaled"), both) == scaled
    assert twin_for(protocol("random-5"), TARGET) == "leave-one-speaker-out"


def test_corpora_that_are_trained_on_and_never_tested_are_noted() -> None:
    note = "trained on and never tested: crema-d 16, emodb 24"
    assert protocol("onto-savee-random-5").notes([*OTHERS, *TARGET]) == (note,)


def test_without_others_there_is_nothing_to_come_from() -> None:
    with pytest.raises(RunError, match=r"given: savee\. Give both, or choose random-5"):
        protocol("onto-savee-random-5").folds(TARGET, seed=0)


def test_the_audit_hears_the_others_too() -> None:
    chosen = protocol("onto-savee-leave-one-speaker-out")
    found = audit(chosen.folds([*OTHERS, *TARGET], seed=0), [*OTHERS, *TARGET])
    assert found["speakers"].items == ()
    assert found.left_out == ()
    lacking = [replace(each, label="surprise") if each.corpus == "savee" else each for each in [*OTHERS, *TARGET]]
    assert audit(chosen.folds(lacking, seed=0), lacking)["speakers"].items == ()


def test_a_split_of_another_corpus_is_refused() -> None:
    with pytest.raises(RunError, match="ravdess-audeering divides the corpus ravdess and no other; given: savee"):
        protocol("onto-savee-ravdess-audeering").folds([*OTHERS, *TARGET], seed=0)


@pytest.mark.parametrize("name", ["onto", "onto-emodb", "onto-random-5", "onto--random-5", "onto-emodb-onto-savee-x"])
def test_what_names_no_corpus_or_no_protocol_is_no_name(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown protocol '{name}'"):
        protocol(name)


def test_a_base_with_wrong_numbers_is_refused() -> None:
    with pytest.raises(UsageError, match="asks for 1 folds"):
        protocol("onto-emodb-random-1")


def test_another_version_of_the_inner_protocol_is_another_run() -> None:
    chosen = protocol("onto-emodb-random-5")
    assert chosen.signature == ("onto-emodb-random-5", 1, 1)


@pytest.mark.parametrize("name", ["random-4", "speaker-folds-2", "leave-one-speaker-out", "onto-savee-random-4"])
def test_corpora_that_only_train_are_in_every_training_part_and_never_tested(name: str) -> None:
    reading = [replace(each, speaker="") for each in clips_of_corpus("reading", speakers=3)]
    tested = [*TARGET, *OTHERS]
    alone = protocol(name).folds(tested, seed=3)
    chosen = protocol(name, training_only=("reading",))
    folds = chosen.folds([*reading, *tested], seed=3)
    keys = {each.key for each in reading}
    assert [(fold.name, fold.dev, fold.test) for fold in folds] == [(fold.name, fold.dev, fold.test) for fold in alone]
    assert [set(fold.train) for fold in folds] == [set(fold.train) | keys for fold in alone]
    assert "reading 24" in chosen.notes([*reading, *tested])[0]
    assert not chosen.covering
    assert chosen.signature != protocol(name).signature
    assert "never tested" in chosen.description


def test_the_twin_does_not_test_corpora_that_only_train() -> None:
    reading = clips_of_corpus("reading", speakers=9)
    assert twin_for(protocol("random-5", training_only=("reading",)), [*reading, *TARGET]) == "leave-one-speaker-out"


def test_corpora_that_only_train_are_not_enough() -> None:
    chosen = protocol("random-4", training_only=("reading", "savee"))
    with pytest.raises(RunError, match=r"only trains on reading, savee .*; give a corpus with emotions"):
        chosen.folds([*clips_of_corpus("reading", speakers=2), *TARGET], seed=0)
