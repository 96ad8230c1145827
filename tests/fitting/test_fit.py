"""Fits in folds, and the selection of a transfer plan."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import LABELS, separable, tiny_recipe

from emotone.errors import RunError, UsageError
from emotone.features.windows import Windows
from emotone.fitting.fit import CHECKPOINT, TrainedNetwork, fit, fit_signature
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
from emotone.training.prefix import Prefix
from emotone.transfer.plans import PLANS as NAMED_PLANS
from emotone.transfer.plans import uses_groups
from emotone.transfer.weights import SourceWeights, write_weights
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from emotone.recipes.recipe import Recipe
    from emotone.types import Array

pytestmark = pytest.mark.usefixtures("one_thread")


# ----------------------------------------------------------------------------------------------------------------------
# Training on a fold: which clips are used, and the signature of the training.

COUNT = 24
EXAMPLES = separable(COUNT)
UTTERANCES = tuple(
    Utterance(f"{number:02d}", "toy", Path(f"{number}.wav"), 0.0, None, f"s{number % 4}", "x", LABELS[label])
    for number, label in enumerate(EXAMPLES.labels)
)
FEATURES: dict[str, Array] = {
    utterance.key: rows for utterance, rows in zip(UTTERANCES, EXAMPLES.features, strict=True)
}
KEYS = tuple(FEATURES)
FOLD = Fold("one", train=KEYS[:14], dev=KEYS[14:18], test=KEYS[18:])
STOPPING = tiny_recipe(training={"patience": 9, "epochs": 2})
PLAIN = tiny_recipe(training={"epochs": 2})


def fitted(recipe: Recipe, fold: Fold = FOLD, **changes: Any) -> TrainedNetwork:
    given: dict[str, Any] = {"utterances": UTTERANCES, "features": FEATURES, **changes}
    return fit(resolve(recipe), given.pop("utterances"), given.pop("features"), fold, labels=LABELS, **given)


def weights(result: TrainedNetwork) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(result.net.parameters())


def test_a_trained_network_has_its_history() -> None:
    result = fitted(STOPPING)
    assert result.labels == LABELS
    assert [epoch.number for epoch in result.history] == [1, 2]
    assert all(epoch.score is not None for epoch in result.history)
    assert 1 <= result.best <= 2
    assert not result.net.training
    assert result.signature == fit_signature(resolve(STOPPING), UTTERANCES, FEATURES, FOLD, labels=LABELS)


def test_without_early_stopping_the_development_part_is_training_data() -> None:
    result = fitted(PLAIN)
    assert [epoch.score for epoch in result.history] == [None, None]
    together = replace(FOLD, train=FOLD.train + FOLD.dev, dev=())
    assert torch.equal(weights(result), weights(fitted(PLAIN, together)))
    assert not torch.equal(weights(result), weights(fitted(STOPPING)))


@pytest.mark.parametrize("recipe", [PLAIN, STOPPING], ids=["plain", "stopping"])
def test_the_test_part_is_not_used(recipe: Recipe) -> None:
    poisoned = {key: np.full_like(rows, np.nan) if key in FOLD.test else rows for key, rows in FEATURES.items()}
    absent = {key: rows for key, rows in FEATURES.items() if key not in FOLD.test}
    result = fitted(recipe)
    assert torch.equal(weights(fitted(recipe, features=poisoned)), weights(result))
    assert torch.equal(weights(fitted(recipe, features=absent)), weights(result))


def test_clips_without_features_are_left_out() -> None:
    absent = {key: rows for key, rows in FEATURES.items() if key != KEYS[0]}
    without = replace(FOLD, train=FOLD.train[1:])
    assert torch.equal(weights(fitted(PLAIN, features=absent)), weights(fitted(PLAIN, without)))


def test_clips_shorter_than_the_minimum_of_a_window_are_left_out() -> None:
    windows = Windows(seconds=0.6, hop=0.3, min_seconds=0.5)
    least = windows.min_frames(PLAIN.feature)
    short = {key for key, rows in FEATURES.items() if len(rows) < least}
    assert 0 < len(short) < 14
    recipe = replace(PLAIN, windows=windows)
    train, dev = (tuple(key for key in part if key not in short) for part in (FOLD.train, FOLD.dev))
    without = replace(FOLD, train=train, dev=dev)
    assert torch.equal(weights(fitted(recipe)), weights(fitted(recipe, without)))


def test_a_single_label_is_refused() -> None:
    fold = Fold("lonely", train=KEYS[0:12:2], dev=(), test=KEYS[1::2])
    with pytest.raises(RunError, match=r"fold lonely: 6 training clips have fewer than two labels"):
        fitted(PLAIN, fold)
    with pytest.raises(RunError, match=r"fold lonely: 0 training clips"):
        fitted(PLAIN, replace(fold, train=()))


def test_a_training_resumes_from_the_checkpoint_in_its_folder(tmp_path: Path) -> None:
    first = fitted(PLAIN, folder=tmp_path)
    assert (tmp_path / CHECKPOINT).exists()
    batches: list[tuple[int, int]] = []
    again = fitted(PLAIN, folder=tmp_path, on_batch=lambda *batch: batches.append(batch))
    assert batches == []
    assert torch.equal(weights(first), weights(again))
    with pytest.raises(RunError, match="belongs to the training"):
        fitted(replace(PLAIN, seed=2), folder=tmp_path)


def signature(**changes: Any) -> str:
    given: dict[str, Any] = {
        "recipe": PLAIN,
        "utterances": UTTERANCES,
        "features": FEATURES,
        "fold": FOLD,
        "labels": LABELS,
        **changes,
    }
    labels = given.pop("labels")
    return fit_signature(resolve(given.pop("recipe")), *given.values(), labels=labels)


def test_the_signature_depends_neither_on_order_nor_on_paths() -> None:
    moved = tuple(replace(utterance, path=Path("/elsewhere") / utterance.path) for utterance in UTTERANCES[::-1])
    turned = replace(FOLD, train=FOLD.train[::-1], dev=FOLD.dev[::-1])
    assert signature(utterances=moved, fold=turned) == signature()


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": replace(PLAIN, seed=2)},
        {"labels": LABELS[::-1]},
        {"utterances": (replace(UTTERANCES[0], label="sadness"), *UTTERANCES[1:])},
        {"features": {**FEATURES, KEYS[0]: FEATURES[KEYS[0]][:-1]}},
        {"features": {key: rows for key, rows in FEATURES.items() if key != KEYS[0]}},
        {"fold": replace(FOLD, train=FOLD.train[1:])},
        {"fold": replace(FOLD, dev=FOLD.dev[1:])},
    ],
    ids=["recipe", "labels", "label", "frames", "absent", "train", "dev"],
)
def test_the_signature_changes_with_the_data(change: dict[str, Any]) -> None:
    assert signature(**change) != signature()


def test_a_plan_that_freezes_all_layers_gives_the_loaded_network(tmp_path: Path) -> None:
    source = fitted(PLAIN)
    named = {name: values.numpy() for name, values in source.net.state_dict().items()}
    write_weights(tmp_path / "source.safetensors", SourceWeights("source", named))
    whole = Transfer(source=str(tmp_path / "source.safetensors"), load=("*",), freeze=("*",))
    result = fitted(replace(PLAIN, seed=5, transfer=whole), folder=tmp_path / "run")
    assert torch.equal(weights(result), weights(source))
    assert (result.history, result.best, result.net.training) == ((), 0, False)
    assert result.transfer is not None
    assert result.transfer.names("tuned", "fresh") == ()


def test_another_seed_or_head_reuses_outputs_of_frozen_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = {name: values.numpy() for name, values in fitted(PLAIN).net.state_dict().items()}
    write_weights(tmp_path / "source.safetensors", SourceWeights("source", source))
    trunk = ("conv?", "mix", "pool")
    recipe = replace(
        PLAIN,
        augment={},
        training=replace(PLAIN.training, crop_mode="grid", sampling="shuffled"),
        windows=Windows(seconds=0.3, hop=0.15),
        transfer=Transfer(source=str(tmp_path / "source.safetensors"), load=trunk, freeze=trunk),
    )
    heard: list[int] = []
    run = Prefix.run

    def listening(self: Prefix, cuts: Any, width: int) -> Any:
        heard.append(len(cuts))
        return run(self, cuts, width)

    monkeypatch.setattr(Prefix, "run", listening)
    first = fitted(recipe)
    assert len(heard) == 1
    other = fitted(replace(recipe, seed=2))
    fitted(replace(recipe, net={**recipe.net, "hidden": 5}))
    assert len(heard) == 1
    assert not torch.equal(weights(first), weights(other))


# ----------------------------------------------------------------------------------------------------------------------
# Selecting a plan: scores on unseen speakers, equal selections for equal data, and storing them.


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
