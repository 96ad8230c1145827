"""Two-stage training: the data of each stage, the shared weights, resuming, and that test data are never used."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.numpy import load_file
from tests.toy import RATE, emodb_utterances, one_thread, tiny_recipe, write_emodb

from emotone.config import from_mapping, to_mapping
from emotone.errors import ConfigError, RunError
from emotone.files import cache_dir
from emotone.fitting.fit import CHECKPOINT
from emotone.fitting.pretraining import (
    ABOUT,
    FOLDER,
    WEIGHTS,
    PretrainedWeights,
    TwoStageResult,
    divide,
    fit_two_stages,
    pretrain,
)
from emotone.fitting.resolve import recipe_signature, resolve
from emotone.protocols import protocol
from emotone.recipes.recipe import Recipe
from emotone.recipes.training import TrainingSettings
from emotone.recipes.transfer import Pretraining, Transfer

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.training.loop import Epoch
    from emotone.types import Fold, Utterance

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

LABELS = ("anger", "fear", "sadness")
QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01, "crop_seconds": 0.5, "ema_decay": 0.5}
CONVOLUTIONS = Transfer(load=("conv[12345]",), freeze=("conv[12]",))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    """The target "emodb" with two labels, and two other corpora, one of which knows a third."""
    tree = emodb_utterances(write_emodb(tmp_path_factory.mktemp("a") / "emodb", sentences=("a01", "a02")))
    others = emodb_utterances(write_emodb(tmp_path_factory.mktemp("b") / "emodb", sentences=("a04", "a05")))
    afraid = [replace(each, label="fear") if each.id[2:5] == "a05" else each for each in others]
    return (
        *tree,
        *(replace(each, corpus="other") for each in afraid),
        *(replace(each, corpus="third", path=each.path) for each in others[:8]),
    )


@pytest.fixture
def fold(recordings: tuple[Utterance, ...]) -> Fold:
    return protocol("onto-emodb-speaker-folds-2").folds(recordings, seed=1)[0]


def staged_recipe(
    *,
    transfer: Transfer = CONVOLUTIONS,
    training: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
    **changes: Any,
) -> Recipe:
    first = Pretraining(training=TrainingSettings(**{**QUICK, **(before or {})}), **changes)
    return tiny_recipe(training={**QUICK, **(training or {})}, transfer=transfer, pretraining=first)


def staged(recipe: Recipe, utterances: tuple[Utterance, ...], fold: Fold, **options: Any) -> TwoStageResult:
    return fit_two_stages(resolve(recipe), utterances, fold, labels=LABELS, **options)


def weights(result: TwoStageResult) -> dict[str, np.ndarray[Any, Any]]:
    return {name: value.numpy() for name, value in result.network.net.state_dict().items()}


def keys(utterances: tuple[Utterance, ...], corpus: str) -> set[str]:
    return {each.key for each in utterances if each.corpus == corpus}


@pytest.mark.parametrize("scenario", ["S1", "S2"])
def test_the_first_stage_uses_the_other_corpora_and_in_s1_the_targets_training_part(
    scenario: str, recordings: tuple[Utterance, ...], fold: Fold
) -> None:
    first, second = divide(resolve(staged_recipe(scenario=scenario)), recordings, fold)
    own = keys(recordings, "emodb") - set(fold.test)
    others = keys(recordings, "other") | keys(recordings, "third")
    assert {each.key for each in first.utterances} == (others | own if scenario == "S1" else others)
    assert set(first.fold.train) == {each.key for each in first.utterances}
    assert first.fold.dev == first.fold.test == ()
    assert {each.key for each in second.utterances} == own
    assert (set(second.fold.train), second.fold.dev) == (own - set(fold.dev), fold.dev)


def test_development_parts_are_not_trained_on_in_the_first_stage(recordings: tuple[Utterance, ...], fold: Fold) -> None:
    held = tuple(fold.train[:2])
    assert held[0].startswith("emodb/")
    fold = replace(fold, train=fold.train[2:], dev=held)
    stops_later = staged_recipe(scenario="S1", training={"patience": 1})
    first, second = divide(resolve(stops_later), recordings, fold)
    assert not {each.key for each in first.utterances} & set(held)
    assert second.fold.dev == held
    both_stop = staged_recipe(scenario="S1", training={"patience": 1}, before={"patience": 1})
    first, _ = divide(resolve(both_stop), recordings, fold)
    speakers = {each.speaker_key for each in recordings if each.key in set(first.fold.dev) - set(held)}
    assert set(held) <= set(first.fold.dev)
    assert speakers
    assert all(not speaker.startswith("emodb/") for speaker in speakers)
    assert not speakers & {each.speaker_key for each in recordings if each.key in set(first.fold.train)}
    none_stops, _ = divide(resolve(staged_recipe(scenario="S1")), recordings, fold)
    assert set(held) <= set(none_stops.fold.train)


def test_corpora_can_be_left_out(recordings: tuple[Utterance, ...], fold: Fold) -> None:
    first, _ = divide(resolve(staged_recipe(without=("third",))), recordings, fold)
    assert {each.key for each in first.utterances} == keys(recordings, "other")
    first, second = divide(resolve(staged_recipe(without=("third",), scenario="S1")), recordings, fold)
    assert {each.corpus for each in first.utterances} == {"other", "emodb"}
    assert {each.corpus for each in second.utterances} == {"emodb"}


@pytest.mark.parametrize(
    ("without", "message"),
    [
        (("emodb",), "pretraining.without names emodb, which is the target of fold fold-1"),
        (("oter",), "unknown given corpus 'oter'; did you mean 'other'"),
        (("other", "third"), "no corpus to pre-train on: the target is emodb, left out: other, third"),
    ],
)
def test_corpora_that_can_not_be_left_out_are_refused(
    without: tuple[str, ...],
    message: str,
    recordings: tuple[Utterance, ...],
    fold: Fold,
) -> None:
    with pytest.raises(RunError, match=message):
        divide(resolve(staged_recipe(without=without)), recordings, fold)


def test_without_a_test_part_there_is_no_target(recordings: tuple[Utterance, ...], fold: Fold) -> None:
    with pytest.raises(RunError, match="fold fold-1 has no test part; use emotone evaluate with a protocol"):
        divide(resolve(staged_recipe()), recordings, replace(fold, test=()))
    with pytest.raises(RunError, match="recipe toy has no table"):
        divide(resolve(tiny_recipe()), recordings, fold)


@pytest.mark.parametrize(("scenario", "patience"), [("S1", 0), ("S1", 1), ("S2", 0)])
def test_test_clips_change_no_weight(
    scenario: str,
    patience: int,
    recordings: tuple[Utterance, ...],
    fold: Fold,
    tmp_path: Path,
) -> None:
    recipe = staged_recipe(scenario=scenario, training={"patience": patience})
    clean = weights(staged(recipe, recordings, fold))
    poisoned = []
    for number, each in enumerate(recordings):
        if each.key in fold.test:
            path = tmp_path / f"{number}.wav"
            soundfile.write(path, np.random.default_rng(number).uniform(-1, 1, 3 * RATE), RATE)
            poisoned.append(replace(each, path=path, label="fear"))
        else:
            poisoned.append(each)
    shutil.rmtree(cache_dir() / FOLDER)  # so that the first stage is trained again
    dirty = weights(staged(recipe, tuple(poisoned), fold))
    absent = tuple(each for each in poisoned if each.key != fold.test[0])
    without = weights(staged(recipe, absent, replace(fold, test=fold.test[1:])))
    assert (cache_dir() / FOLDER).is_dir()
    for other in (dirty, without):
        assert [name for name, value in clean.items() if not np.array_equal(value, other[name])] == []


def test_frozen_tensors_are_the_pretrained_ones_and_the_rest_has_moved(
    recordings: tuple[Utterance, ...], fold: Fold
) -> None:
    result = staged(staged_recipe(), recordings, fold)
    (folder,) = (cache_dir() / FOLDER).iterdir()
    before, after = load_file(folder / WEIGHTS), weights(result)
    report = result.network.transfer
    assert report is not None
    assert {name for name in before if np.array_equal(before[name], after[name])} >= set(report.names("frozen"))
    moved = {name for name in report.names("tuned", "fresh") if name.endswith("weight")}
    assert all(not np.array_equal(before[name], after[name]) for name in moved)
    assert result.about["tensors"] == {state: list(report.names(state)) for state in ("frozen", "tuned", "fresh")}
    assert sum(map(len, result.about["tensors"].values())) == len(after)
    stored = json.loads((folder / ABOUT).read_text())
    assert result.about["pretraining"] == stored
    assert (stored["corpora"], stored["epochs"], stored["signature"]) == ({"other": 16, "third": 8}, 2, folder.name)
    assert not (folder / CHECKPOINT).exists()


@pytest.mark.parametrize(("plan", "epochs"), [("A1", 0), ("A3", 2), ("A8", 2)])
def test_plans_load_the_weights_of_the_first_stage(
    plan: str, epochs: int, recordings: tuple[Utterance, ...], fold: Fold
) -> None:
    result = staged(staged_recipe(transfer=Transfer(plan=plan)), recordings, fold)
    (folder,) = (cache_dir() / FOLDER).iterdir()
    before, after = load_file(folder / WEIGHTS), weights(result)
    same = {name for name in before if np.array_equal(before[name], after[name])}
    frozen = set(result.about["tensors"]["frozen"])
    assert frozen <= same
    assert (same == set(before)) is (plan == "A1")
    assert len(result.network.history) == epochs


def test_two_processes_that_need_the_same_first_stage_train_it_once(
    recordings: tuple[Utterance, ...], fold: Fold
) -> None:
    recipe = resolve(staged_recipe())
    data, _ = divide(recipe, recordings, fold)
    epochs: list[int] = []

    def train(_: int) -> PretrainedWeights:
        return pretrain(recipe, data, labels=LABELS, progress=lambda epoch: epochs.append(epoch.number))

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(train, range(2)))
    assert epochs == [1, 2]
    assert both[0] == both[1]


def test_labels_missing_from_the_targets_training_part(recordings: tuple[Utterance, ...], fold: Fold) -> None:
    result = staged(staged_recipe(), recordings, fold)
    assert result.absent == ("fear",)
    assert result.about["absent"] == ["fear"]
    assert result.network.labels == LABELS
    assert result.problems == ()


@pytest.mark.parametrize(("scenario", "trainings"), [("S1", 2), ("S2", 1)])
def test_plans_share_the_first_stage_and_in_s2_folds_do_too(
    scenario: str, trainings: int, recordings: tuple[Utterance, ...]
) -> None:
    heard: list[int] = []
    for each in protocol("onto-emodb-speaker-folds-2").folds(recordings, seed=1):
        for transfer in (CONVOLUTIONS, Transfer(load=("conv1",), freeze=("conv1",))):
            recipe = staged_recipe(scenario=scenario, transfer=transfer)
            staged(recipe, recordings, each, progress=lambda epoch: heard.append(epoch.number))
    assert heard.count(1) == trainings  # a first stage from the cache reports no epoch
    assert len(list((cache_dir() / FOLDER).iterdir())) == trainings


@pytest.mark.parametrize(
    "change",
    [
        {"before": {"epochs": 1}},
        {"scenario": "S1"},
        {"without": ("third",)},
        {"seed": 2},
    ],
    ids=["epochs", "scenario", "without", "seed"],
)
def test_settings_of_the_first_stage_change_its_weights(
    change: dict[str, Any], recordings: tuple[Utterance, ...], fold: Fold
) -> None:
    recipe = staged_recipe(**{name: value for name, value in change.items() if name != "seed"})
    recipe = replace(recipe, seed=change.get("seed", 1))
    staged(staged_recipe(), recordings, fold)
    staged(recipe, recordings, fold)
    assert len(list((cache_dir() / FOLDER).iterdir())) == 2
    assert recipe_signature(recipe) != recipe_signature(staged_recipe())


class Stop(Exception):  # noqa: N818 - it is no error
    """What interrupts a training in these tests."""


@pytest.mark.parametrize("stage", [1, 2])
def test_an_interrupted_stage_resumes_with_the_same_result(
    stage: int, recordings: tuple[Utterance, ...], fold: Fold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = staged_recipe()
    heard: list[int] = []

    def hear(epoch: Epoch) -> None:
        heard.append(epoch.number)
        if epoch.number == 2 * stage - 1 and heard.count(epoch.number) == 1:
            raise Stop

    with pytest.raises(Stop):
        staged(recipe, recordings, fold, folder=tmp_path / "fold", progress=hear)
    (folder,) = (cache_dir() / FOLDER).iterdir()
    assert (folder / CHECKPOINT).exists() is (stage == 1)
    assert (tmp_path / "fold" / CHECKPOINT).exists() is (stage == 2)
    resumed = weights(staged(recipe, recordings, fold, folder=tmp_path / "fold", progress=hear))
    assert heard == [1, 1, 2, 3, 4] if stage == 1 else [1, 2, 3, 3, 4]
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path / "another"))
    straight = weights(staged(recipe, recordings, fold))
    assert [name for name, value in straight.items() if not np.array_equal(value, resumed[name])] == []


def test_damaged_weights_are_trained_again(recordings: tuple[Utterance, ...], fold: Fold) -> None:
    recipe = resolve(staged_recipe())
    part, _ = divide(recipe, recordings, fold)
    whole = pretrain(recipe, part, labels=LABELS).path
    content = whole.read_bytes()
    whole.write_bytes(content[:100])
    assert pretrain(recipe, part, labels=LABELS).path.read_bytes() == content


def test_a_changed_recording_is_another_training(recordings: tuple[Utterance, ...], fold: Fold, tmp_path: Path) -> None:
    recipe = resolve(staged_recipe())
    part, _ = divide(recipe, recordings, fold)
    first = pretrain(recipe, part, labels=LABELS).path
    signal, rate = soundfile.read(part.utterances[0].path)
    soundfile.write(tmp_path / "changed.wav", signal[::-1], rate)
    changed = replace(part.utterances[0], path=tmp_path / "changed.wav")
    other = replace(part, utterances=(changed, *part.utterances[1:]))
    assert pretrain(recipe, other, labels=LABELS).path != first


def test_the_table_of_a_recipe() -> None:
    recipe = staged_recipe(scenario="S1", without=("afew",))
    text = to_mapping(recipe)
    assert text["pretraining"]["scenario"] == "S1"
    again = from_mapping(Recipe, text, where="recipe.toml")
    assert (again.pretraining, recipe_signature(again)) == (recipe.pretraining, recipe_signature(recipe))
    assert resolve(recipe).epochs == 4
    with pytest.raises(ConfigError, match="unknown value 'S3'"):
        from_mapping(Recipe, {**text, "pretraining": {"scenario": "S3"}}, where="recipe.toml")


def test_a_recipe_without_pretraining() -> None:
    plain = tiny_recipe()
    assert "pretraining" not in to_mapping(plain)
    assert resolve(plain).epochs == 8


@pytest.mark.parametrize(
    ("transfer", "message"),
    [
        (None, r"pretraining needs a plan for its weights: add \[transfer\]"),
        (Transfer("soundnet5-open", load=("conv1",)), "transfer loads its weights: remove transfer.source"),
    ],
)
def test_a_pretraining_needs_a_plan_and_no_other_source(transfer: Transfer | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_recipe(transfer=transfer, pretraining=Pretraining())


def test_torch_settings_are_restored(recordings: tuple[Utterance, ...], fold: Fold) -> None:
    staged(staged_recipe(), recordings, fold)
    assert not torch.are_deterministic_algorithms_enabled()
