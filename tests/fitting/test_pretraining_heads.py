"""A first stage with a head per corpus: the merged head, and the signature."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.toy import emodb_utterances, one_thread, tiny_recipe, write_emodb

from emotone.config import from_mapping, to_mapping
from emotone.errors import ConfigError
from emotone.files import cache_dir
from emotone.fitting.pretraining import ABOUT, FOLDER, WEIGHTS, CorpusHeads, divide, fit_two_stages
from emotone.fitting.resolve import recipe_signature, resolve
from emotone.protocols import protocol
from emotone.recipes.recipe import Recipe
from emotone.recipes.training import TrainingSettings
from emotone.recipes.transfer import Pretraining, Transfer

if TYPE_CHECKING:
    from emotone.types import Fold, Utterance

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

LABELS = ("anger", "fear", "sadness")
QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01, "crop_seconds": 0.5, "ema_decay": 0.5}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    """The target "emodb" with two labels, and another corpus, which has fear for sadness."""
    tree = emodb_utterances(write_emodb(tmp_path_factory.mktemp("a") / "emodb", sentences=("a01", "a02")))
    others = emodb_utterances(write_emodb(tmp_path_factory.mktemp("b") / "emodb", sentences=("a04", "a05")))
    other = {"anger": "anger", "sadness": "fear"}
    return (*tree, *(replace(each, corpus="other", label=other[each.label]) for each in others))


@pytest.fixture
def fold(recordings: tuple[Utterance, ...]) -> Fold:
    return protocol("onto-emodb-speaker-folds-2").folds(recordings, seed=1)[0]


def staged_recipe(*, plan: str = "A2", before: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    first = Pretraining(training=TrainingSettings(**{**QUICK, **(before or {})}), **{"heads": "corpus", **changes})
    return tiny_recipe(training=QUICK, transfer=Transfer(plan=plan), pretraining=first)


@pytest.mark.parametrize(
    ("scenario", "taken"),
    [
        ("S1", {"anger": ["emodb"], "fear": ["other"], "sadness": ["emodb"]}),
        ("S2", {"anger": ["other"], "fear": ["other"], "sadness": []}),
    ],
)
def test_the_merged_head_is_the_targets_own_or_the_mean_of_the_others(
    scenario: str, taken: dict[str, list[str]], recordings: tuple[Utterance, ...], fold: Fold
) -> None:
    recipe = staged_recipe(scenario=scenario, plan="A1")
    result = fit_two_stages(resolve(recipe), recordings, fold, labels=LABELS)
    (folder,) = (cache_dir() / FOLDER).iterdir()
    about = json.loads((folder / ABOUT).read_text())
    assert about["heads"] == taken
    assert result.about["pretraining"] == about
    kept = load_file(folder / WEIGHTS)
    assert kept["blocks.classifier.output.weight"].shape[0] == len(LABELS)
    state = result.network.net.state_dict()
    assert all(np.array_equal(state[name].numpy(), values) for name, values in kept.items())
    report = result.network.transfer
    assert report is not None
    assert set(report.names("frozen")) == set(state)


@pytest.mark.parametrize("plan", ["A2", "A5", "A8"])
def test_every_tensor_is_listed_under_every_plan(plan: str, recordings: tuple[Utterance, ...], fold: Fold) -> None:
    result = fit_two_stages(resolve(staged_recipe(plan=plan, scenario="S1")), recordings, fold, labels=LABELS)
    assert sum(map(len, result.about["tensors"].values())) == len(result.network.net.state_dict())
    assert len(result.network.history) == 2


def test_a_development_part_is_scored_by_its_own_heads(recordings: tuple[Utterance, ...], fold: Fold) -> None:
    recipe = staged_recipe(scenario="S1", before={"patience": 3, "epochs": 3})
    fold = replace(fold, train=fold.train[4:], dev=tuple(key for key in fold.train[:4] if key.startswith("emodb/")))
    result = fit_two_stages(resolve(recipe), recordings, fold, labels=LABELS)
    scores = [epoch["score"] for epoch in result.about["pretraining"]["history"]]
    assert len(scores) == 3
    assert all(0 <= score <= 1 for score in scores)


def test_heads_change_the_signature_and_the_first_stage(recordings: tuple[Utterance, ...], fold: Fold) -> None:
    several, one = staged_recipe(), staged_recipe(heads="one")
    assert recipe_signature(several) != recipe_signature(one)
    again = from_mapping(Recipe, to_mapping(several), where="recipe.toml")
    assert (again.pretraining, recipe_signature(again)) == (several.pretraining, recipe_signature(several))
    with pytest.raises(ConfigError, match="unknown value 'each'"):
        from_mapping(Recipe, {**to_mapping(one), "pretraining": {"heads": "each"}}, where="recipe.toml")
    first, second = divide(resolve(several), recordings, fold)
    assert first.heads == CorpusHeads((("other", "anger"), ("other", "fear")))
    assert second.heads is None
    assert divide(resolve(one), recordings, fold)[0].heads is None
    for recipe in (several, one):
        fit_two_stages(resolve(recipe), recordings, fold, labels=LABELS)
    assert len(list((cache_dir() / FOLDER).iterdir())) == 2
