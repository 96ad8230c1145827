"""Every plan is tried on speakers that it did not learn from; the choice is the same when asked again, and is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.toy import LABELS, one_thread, tiny_recipe

from emotone.errors import RunError, UsageError
from emotone.fitting.initialise import recipe_of
from emotone.fitting.plan_selection import (
    CHOICE,
    INNER_FOLDS,
    NONE,
    PLANS,
    Candidate,
    Choice,
    by_plan,
    choice_signature,
    choose,
    find_choice,
    write_choice,
)
from emotone.fitting.train import Ready, prepare
from emotone.recipes.transfer import Transfer
from emotone.transfer.plans import ROWS, speaks_of_groups

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def ready(trained: Path, corpus: tuple[Utterance, ...]) -> Ready:
    """Three of the speakers, four clips of each: a plan takes a second."""
    asked = recipe_of(str(trained), plan="A2")
    some = tuple(each for each in corpus if each.speaker != "03" and each.id[2:5] in {"a01", "a02"})
    return prepare(replace(asked, training=replace(asked.training, epochs=1)), some, labels=LABELS)


def test_all_plans_that_fit_every_net_are_tried() -> None:
    assert set(PLANS) == {name for name in ROWS if speaks_of_groups(name)} | {NONE}


def test_plans_go_from_what_learns_least_to_what_learns_all() -> None:
    def free(name: str) -> int:
        row = ROWS[name]
        return row.stages - (row.stages if row.freeze is None else row.freeze)

    learned = [free(name) for name in PLANS if name != NONE]
    assert learned == sorted(learned)


def test_the_best_on_new_speakers_is_chosen_and_chosen_again(ready: Ready) -> None:
    done: list[int] = []
    choice = choose(ready, progress=done.append)
    assert len(done) == INNER_FOLDS * len(PLANS)
    assert [each.plan for each in choice.candidates] == list(PLANS)
    assert (choice.protocol, choice.clips, choice.speakers) == ("speaker-folds-3", len(ready.utterances), 3)
    scores = {each.plan: each.uar or 0.0 for each in choice.candidates}
    assert scores[choice.plan] == max(scores.values())
    assert scores["A1"] > scores[NONE]  # trained on these very speakers, against one epoch from nothing
    assert all(
        len(each.folds) == INNER_FOLDS and all(0 <= one <= 1 for one in each.folds) for each in choice.candidates
    )
    assert choose(ready) == choice
    assert choice.heard == ("emodb",)
    assert choice.lines()[-1].startswith(
        "the start learned from emodb too: where it knows the speakers, plans that keep"
    )


def test_what_can_not_be_used_as_it_is_is_not_tried(ready: Ready) -> None:
    names = {"anger": "anger", "sadness": "neutral"}
    relabelled = tuple(replace(each, label=names[each.label]) for each in ready.utterances)
    relabelled = tuple(replace(each, corpus="calls") for each in relabelled)
    features = {each.key: ready.features[f"emodb/{each.id}"] for each in relabelled}
    choice = choose(replace(ready, utterances=relabelled, features=features, labels=("anger", "neutral")))
    assert choice.heard == ()
    first = choice.candidates[0]
    assert (first.plan, first.uar) == ("A1", None)
    assert "does not know neutral" in first.refused
    assert choice.plan != "A1"
    assert choice.lines()[0].startswith("plan A1: could not be tried: toy can't be used as it is for anger, neutral")


def test_the_choice_depends_on_clips_labels_training_and_source(ready: Ready, exported: Path) -> None:
    fewer = replace(ready, utterances=ready.utterances[:-1])
    other = replace(ready, recipe=replace(ready.recipe, seed=2))
    names = {choice_signature(each) for each in (ready, fewer, other, replace(ready, labels=LABELS[::-1]))}
    assert len(names) == 4
    assert choice_signature(replace(ready, recipe=by_plan(ready.recipe, "A7"))) == choice_signature(ready)
    moved = replace(ready.recipe, transfer=Transfer(str(exported), plan="A2"))
    assert choice_signature(replace(ready, recipe=moved)) == choice_signature(ready)  # the same weights


def test_no_transfer_is_a_plan_too(ready: Ready) -> None:
    assert by_plan(ready.recipe, NONE).transfer is None
    named = by_plan(ready.recipe, "A6").transfer
    assert named is not None
    assert named.plan == "A6"
    layers = replace(ready.recipe, transfer=Transfer("x", load=("conv1",), freeze=("conv1",)))
    assert by_plan(layers, "A3").transfer == Transfer("x", plan="A3")


def test_one_speaker_is_too_few(ready: Ready) -> None:
    alone = tuple(each for each in ready.utterances if each.speaker == "08")
    with pytest.raises(
        RunError, match=r"all clips are of one speaker; give clips of others too, or name a plan, e.g. A5"
    ):
        choose(replace(ready, utterances=alone))


def test_there_must_be_something_to_take_over(ready: Ready) -> None:
    for recipe in (tiny_recipe(), tiny_recipe(transfer=Transfer(plan="A2"))):
        with pytest.raises(UsageError, match="say from where, with --from RUN, MODEL or FILE"):
            choose(replace(ready, recipe=recipe))


def test_an_inner_fold_of_one_label_is_said(ready: Ready) -> None:
    apart = tuple(each for each in ready.utterances if (each.speaker == "08") == (each.label == "anger"))
    two = tuple(each for each in apart if each.speaker != "10")
    assert {(each.speaker, each.label) for each in two} == {("08", "anger"), ("09", "sadness")}
    with pytest.raises(
        RunError, match=r"inner fold .* of auto: .* fewer than two labels .*; name a plan instead of auto"
    ):
        choose(replace(ready, utterances=two))


TRIED = (Candidate("A1", None, refused="no."), Candidate("A5", 0.75, (0.5, 1.0)), Candidate("A2", 0.5, (0.5, 0.5)))
MADE = Choice("A5", "speaker-folds-2", 40, 2, TRIED, "f00d")


def test_a_choice_says_why() -> None:
    chance = "where differences below about 0.19 may be chance"
    tried = "tried on 40 clips of 2 speakers by speaker-folds-2"
    assert MADE.lines() == [
        "plan A1: could not be tried: no.",
        "plan A5: inner UAR 0.750 (folds 0.500, 1.000)",
        "plan A2: inner UAR 0.500 (folds 0.500, 0.500)",
        f"chosen: A5: the best inner UAR; next is A2 with 0.500; {tried}, {chance}",
    ]
    even = replace(MADE, candidates=(*TRIED[:2], replace(TRIED[2], uar=0.75)))
    assert even.lines()[-1].startswith("chosen: A5: as good as A2, and less of it learns; ")
    alone = replace(MADE, candidates=TRIED[:2])
    assert alone.lines()[-1].startswith("chosen: A5: the only one that could be tried; ")


def test_a_choice_is_found_again_by_what_it_depends_on(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / CHOICE).write_text("no JSON")
    (tmp_path / "b" / CHOICE).write_text(json.dumps({"signature": "f00d"}))
    write_choice(tmp_path / "c", MADE)
    assert find_choice(tmp_path, "f00d") == MADE
    write_choice(tmp_path / "c", replace(MADE, heard=("emodb",)))
    assert find_choice(tmp_path, "f00d") == replace(MADE, heard=("emodb",))
    assert find_choice(tmp_path, "beef") is None
    assert find_choice(tmp_path / "gone", "f00d") is None
