"""A target corpus and others as training data: the folds are those of the target, and notes list the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.protocols import audit, protocol, twin_for
from emotone.types import Utterance

LABELS = ("anger", "fear", "happiness", "neutral")


def clips(corpus: str, *, speakers: int, each: int = 8) -> list[Utterance]:
    return [
        Utterance(f"s{speaker}-{clip}", corpus, Path(f"{clip}.wav"), 0.0, None, f"s{speaker}", "x", LABELS[clip % 4])
        for speaker in range(speakers)
        for clip in range(each)
    ]


TARGET, OTHERS = clips("savee", speakers=4), [*clips("emodb", speakers=3), *clips("crema-d", speakers=2)]


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
        chosen.folds(clips("x", speakers=2), seed=0)


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
    reading = [replace(each, speaker="") for each in clips("reading", speakers=3)]
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
    reading = clips("reading", speakers=9)
    assert twin_for(protocol("random-5", training_only=("reading",)), [*reading, *TARGET]) == "leave-one-speaker-out"


def test_corpora_that_only_train_are_not_enough() -> None:
    chosen = protocol("random-4", training_only=("reading", "savee"))
    with pytest.raises(RunError, match=r"only trains on reading, savee .*; give a corpus with emotions"):
        chosen.folds([*clips("reading", speakers=2), *TARGET], seed=0)
