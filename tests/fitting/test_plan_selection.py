"""Selecting a plan: scores on unseen speakers, equal selections for equal data, and storing them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.toy import LABELS, one_thread, tiny_recipe

from emotone.errors import RunError, UsageError
from emotone.fitting.plan_selection import (
    INNER_FOLDS,
    NONE,
    PLANS,
    SELECTION,
    PlanScore,
    PlanSelection,
    by_plan,
    find_selection,
    select_plan,
    selection_signature,
    write_selection,
)
from emotone.fitting.resolve import recipe_from_model, resolve
from emotone.fitting.train import TrainingJob, prepare
from emotone.recipes.transfer import Transfer
from emotone.transfer.plans import PLANS as NAMED_PLANS
from emotone.transfer.plans import uses_groups

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def job(trained: Path, corpus: tuple[Utterance, ...]) -> TrainingJob:
    """Three of the speakers, four clips of each: a plan takes a second."""
    asked = recipe_from_model(str(trained), plan="A2")
    some = tuple(each for each in corpus if each.speaker != "03" and each.id[2:5] in {"a01", "a02"})
    return prepare(resolve(replace(asked, training=replace(asked.training, epochs=1))), some, labels=LABELS)


def test_all_plans_that_fit_every_network_are_scored() -> None:
    assert set(PLANS) == {name for name in NAMED_PLANS if uses_groups(name)} | {NONE}


def test_plans_are_ordered_by_number_of_trained_layers() -> None:
    def free(name: str) -> int:
        plan = NAMED_PLANS[name]
        return plan.stages - (plan.stages if plan.freeze is None else plan.freeze)

    learned = [free(name) for name in PLANS if name != NONE]
    assert learned == sorted(learned)


def test_the_best_plan_on_unseen_speakers_is_selected(job: TrainingJob) -> None:
    done: list[int] = []
    selection = select_plan(job, progress=done.append)
    assert len(done) == INNER_FOLDS * len(PLANS)
    assert [each.plan for each in selection.candidates] == list(PLANS)
    assert (selection.protocol, selection.clips, selection.speakers) == ("speaker-folds-3", len(job.utterances), 3)
    scores = {each.plan: each.uar or 0.0 for each in selection.candidates}
    assert scores[selection.plan] == max(scores.values())
    assert scores["A1"] > scores[NONE]  # trained on these very speakers, against one epoch from nothing
    assert all(
        len(each.folds) == INNER_FOLDS and all(0 <= one <= 1 for one in each.folds) for each in selection.candidates
    )
    assert select_plan(job) == selection
    assert selection.shared == ("emodb",)
    assert selection.lines()[-1].startswith(
        "the start was trained on emodb too: if it knows the speakers, the scores of plans"
    )


def test_a_plan_that_can_not_be_used_is_listed_with_the_reason(job: TrainingJob) -> None:
    names = {"anger": "anger", "sadness": "neutral"}
    relabelled = tuple(replace(each, label=names[each.label]) for each in job.utterances)
    relabelled = tuple(replace(each, corpus="calls") for each in relabelled)
    features = {each.key: job.features[f"emodb/{each.id}"] for each in relabelled}
    selection = select_plan(replace(job, utterances=relabelled, features=features, labels=("anger", "neutral")))
    assert selection.shared == ()
    first = selection.candidates[0]
    assert (first.plan, first.uar) == ("A1", None)
    assert "no scores for neutral" in first.refused
    assert selection.plan != "A1"
    assert selection.lines()[0].startswith("plan A1: can't be used: toy can't be used unchanged for anger, neutral")


def test_the_signature_depends_on_clips_labels_training_and_weights(job: TrainingJob, exported: Path) -> None:
    fewer = replace(job, utterances=job.utterances[:-1])
    other = job.with_recipe(job.resolved.with_seed(2))
    names = {selection_signature(each) for each in (job, fewer, other, replace(job, labels=LABELS[::-1]))}
    assert len(names) == 4
    assert selection_signature(job.with_recipe(by_plan(job.resolved, "A7"))) == selection_signature(job)
    moved = resolve(replace(job.resolved.recipe, transfer=Transfer(str(exported), plan="A2")))
    assert selection_signature(job.with_recipe(moved)) == selection_signature(job)  # the same weights


def test_no_transfer_is_a_plan_too(job: TrainingJob, trained: Path) -> None:
    assert by_plan(job.resolved, NONE).recipe.transfer is None
    assert by_plan(job.resolved, NONE).plan is None
    layers = Transfer(str(trained), load=("conv1",), freeze=("conv1",))
    named = by_plan(resolve(replace(job.resolved.recipe, transfer=layers)), "A3")
    assert named.recipe.transfer is not None
    assert (named.recipe.transfer.plan, named.recipe.transfer.load) == ("A3", ())
    assert named.plan == by_plan(job.resolved, "A3").plan


def test_one_speaker_is_refused(job: TrainingJob) -> None:
    alone = tuple(each for each in job.utterances if each.speaker == "08")
    with pytest.raises(
        RunError, match=r"all clips are from one speaker; give clips of others too, or name a plan, e.g. A5"
    ):
        select_plan(replace(job, utterances=alone))


def test_a_selection_needs_weights(job: TrainingJob) -> None:
    with pytest.raises(UsageError, match="give the weights with --from RUN, MODEL or FILE"):
        select_plan(job.with_recipe(resolve(tiny_recipe())))


def test_an_inner_fold_with_one_label_is_refused(job: TrainingJob) -> None:
    apart = tuple(each for each in job.utterances if (each.speaker == "08") == (each.label == "anger"))
    two = tuple(each for each in apart if each.speaker != "10")
    assert {(each.speaker, each.label) for each in two} == {("08", "anger"), ("09", "sadness")}
    with pytest.raises(RunError, match=r"inner fold .* of auto: .* fewer than two labels; name a plan instead of auto"):
        select_plan(replace(job, utterances=two))


TRIED = (PlanScore("A1", None, refused="no."), PlanScore("A5", 0.75, (0.5, 1.0)), PlanScore("A2", 0.5, (0.5, 0.5)))
MADE = PlanSelection("A5", "speaker-folds-2", 40, 2, TRIED, "f00d")


def test_a_selection_as_text() -> None:
    chance = "where differences below about 0.19 may be chance"
    data = "scored on 40 clips of 2 speakers with speaker-folds-2"
    assert MADE.lines() == [
        "plan A1: can't be used: no.",
        "plan A5: inner UAR 0.750 (folds 0.500, 1.000)",
        "plan A2: inner UAR 0.500 (folds 0.500, 0.500)",
        f"selected: A5: best inner UAR; next is A2 with 0.500; {data}, {chance}",
    ]
    even = replace(MADE, candidates=(*TRIED[:2], replace(TRIED[2], uar=0.75)))
    assert even.lines()[-1].startswith("selected: A5: as good as A2, with fewer trained layers; ")
    alone = replace(MADE, candidates=TRIED[:2])
    assert alone.lines()[-1].startswith("selected: A5: the only one that can be used; ")


def test_whether_training_beats_the_unchanged_model_is_said() -> None:
    unchanged = PlanScore("A1", 0.7, (0.7, 0.7))
    close = replace(MADE, candidates=(unchanged, *TRIED[1:]))
    assert close.lines()[-1] == "the unchanged model (A1) has 0.700: whether the training helps is not certain"
    clear = replace(MADE, candidates=(replace(unchanged, uar=0.5), *TRIED[1:]))
    assert clear.lines()[-1].startswith("selected: A5: ")
    none = replace(MADE, plan="A1", candidates=(replace(unchanged, uar=0.8), *TRIED[1:]))
    assert none.lines()[-1] == "plan A1 wins: no training on these clips was better than the unchanged model"


def test_a_selection_is_found_by_its_signature(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / SELECTION).write_text("no JSON")
    (tmp_path / "b" / SELECTION).write_text(json.dumps({"signature": "f00d"}))
    write_selection(tmp_path / "c", MADE)
    assert find_selection(tmp_path, "f00d") == MADE
    write_selection(tmp_path / "c", replace(MADE, shared=("emodb",)))
    assert find_selection(tmp_path, "f00d") == replace(MADE, shared=("emodb",))
    assert find_selection(tmp_path, "beef") is None
    assert find_selection(tmp_path / "gone", "f00d") is None
