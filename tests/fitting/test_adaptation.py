"""Clips without labels: no label has a say, and what is made of them is what their net and their sound give."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tests.toy import LABELS, emodb_utterances, one_thread, tiny_recipe, write_emodb

from emotone.config import from_mapping, to_mapping
from emotone.errors import ConfigError, RunError
from emotone.fitting.adaptation import check_unlabelled
from emotone.fitting.clip_probabilities import clip_probabilities
from emotone.fitting.fit import Fitted, fit
from emotone.fitting.initialise import recipe_of
from emotone.fitting.pretraining import Pretraining, Staged, fit_in_stages
from emotone.fitting.train import prepare, train_run
from emotone.fitting.training_run import WEIGHTS, load_net, load_run
from emotone.nets.base import NETS
from emotone.protocols import protocol
from emotone.recipes.recipe import Recipe, transferring
from emotone.recipes.training import TrainingSettings
from emotone.recipes.transfer import Transfer
from emotone.transfer.statistics import TENSORS
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

QUICK: dict[str, Any] = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01, "crop_seconds": 0.5, "ema_decay": 0.5}
KINDS = [
    pytest.param({"unlabelled": "statistics", "plan": "A1"}, id="statistics"),
    pytest.param({"unlabelled": "pseudo-labels", "plan": "A2"}, id="pseudo-labels"),
]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    """Another corpus of the same two emotions."""
    tree = write_emodb(tmp_path_factory.mktemp("other") / "emodb", sentences=("a01", "a04"))
    return tuple(replace(each, corpus="other") for each in emodb_utterances(tree))


def shuffled(utterances: tuple[Utterance, ...], corpus: str) -> tuple[Utterance, ...]:
    """Return utterances with the labels of a corpus turned round among its clips."""
    swapped = dict(zip(LABELS, LABELS[::-1], strict=True))
    changed = {each.key: swapped[each.label] for each in utterances if each.corpus == corpus and each.id[:2] != "03"}
    return tuple(replace(each, label=changed.get(each.key, each.label)) for each in utterances)


def going_on(trained: Path, **changes: Any) -> Recipe:
    recipe = recipe_of(str(trained), plan="A2")
    return replace(recipe, training=TrainingSettings(**QUICK), transfer=Transfer(str(trained), **changes))


def fitted(recipe: Recipe, utterances: tuple[Utterance, ...]) -> Fitted:
    everything = Fold("all", train=tuple(each.key for each in utterances), dev=(), test=())
    return fit(recipe, utterances, recipe.extract(utterances).features, everything, labels=LABELS)


def same(first: Fitted, second: Fitted) -> bool:
    one, two = first.net.state_dict(), second.net.state_dict()
    return all(torch.equal(values, two[name]) for name, values in one.items())


@pytest.mark.parametrize("changes", KINDS)
def test_shuffled_labels_change_nothing(changes: dict[str, Any], trained: Path, others: tuple[Utterance, ...]) -> None:
    recipe, wrong = going_on(trained, **changes), shuffled(others, "other")
    assert sum(one.label != two.label for one, two in zip(others, wrong, strict=True)) == 12
    right, poisoned = fitted(recipe, others), fitted(recipe, wrong)
    assert same(right, poisoned)
    assert right.signature == poisoned.signature
    assert right.unlabelled == poisoned.unlabelled


@pytest.mark.parametrize("changes", KINDS)
def test_shuffled_labels_of_the_target_change_nothing_in_two_stages(
    changes: dict[str, Any], corpus: tuple[Utterance, ...], others: tuple[Utterance, ...]
) -> None:
    first = Pretraining("S2", training=TrainingSettings(**{**QUICK, "epochs": 8}))
    recipe = tiny_recipe(training=QUICK, transfer=Transfer(**changes), pretraining=first)
    results = []
    for given in ((*corpus, *others), shuffled((*corpus, *others), "other")):
        fold = protocol("onto-other-speaker-folds-2").folds((*corpus, *others), seed=1)[0]
        results.append(fit_in_stages(recipe, given, fold, labels=(*LABELS, "surprise")))
    right, poisoned = results
    assert same(right.fitted, poisoned.fitted)
    assert right.absent == ()  # who hears no labels does not know that there is no surprise
    assert right.about["unlabelled"] == poisoned.about["unlabelled"]
    assert right.about["unlabelled"]["clips"] == 8
    told(right)


def told(result: Staged) -> None:
    """Check that every tensor is told once, by what became of it."""
    names = [name for state in result.about["tensors"].values() for name in state]
    assert sorted(names) == sorted(result.fitted.net.state_dict())


def test_statistics_are_estimated_and_everything_else_is_as_it_was(
    trained: Path, others: tuple[Utterance, ...]
) -> None:
    result = fitted(going_on(trained, plan="A1", unlabelled="statistics"), others)
    before, after = load_file(trained / WEIGHTS), result.net.state_dict()
    changed = {name for name, values in before.items() if not np.array_equal(values, after[name].numpy())}
    assert changed == {name for name in before if name.endswith(TENSORS)}
    assert result.transfer is not None
    assert set(result.transfer.names("estimated")) == changed
    assert set(result.transfer.names("frozen", "estimated")) == set(before)
    assert result.transfer.notes == ("heard without labels: 16 clips, whose statistics the normalisations have now",)
    assert result.history == ()
    assert set(result.about()["tensors"]["estimated"]) == changed


@pytest.mark.parametrize(("surest", "rank"), [(1.0, 4), (0.3, 0), (0.9, 6)])
def test_pseudo_labels_are_what_the_net_says_where_it_is_sure(
    surest: float, rank: int, trained: Path, others: tuple[Utterance, ...]
) -> None:
    """Against counting, for each clip, those judged alike that the net is surer of."""
    run = load_run(trained)
    net, features = load_net(trained, run), run.recipe.extract(others).features
    said = {key: clip_probabilities(run.recipe, net, rows) for key, rows in features.items()}
    least = float(np.sort([values.max() for values in said.values()])[rank])
    sure = {}
    for key, values in said.items():
        alike = [other for other in said.values() if other.argmax() == values.argmax()]
        surer = sum(other.max() > values.max() for other in alike)
        if values.max() >= least and surer < surest * len(alike):
            sure[key] = LABELS[int(values.argmax())]
    counts = {label: list(sure.values()).count(label) for label in LABELS}
    asked = {"plan": "A2", "unlabelled": "pseudo-labels", "surest": surest, "confidence": least}
    result = fitted(going_on(trained, **asked), others)
    assert result.unlabelled is not None
    assert result.unlabelled.to_dict() == {
        "kind": "pseudo-labels",
        "clips": 16,
        "surest": surest,
        "confidence": least,
        "taken": {label: count for label, count in counts.items() if count},
    }
    assert result.transfer is not None
    assert f"; {len(sure)} of them teach what they were judged as, the surest " in result.transfer.notes[0]
    taught = tuple(replace(each, label=sure[each.key]) for each in others if each.key in sure)
    assert same(result, fitted(going_on(trained, plan="A2"), taught))


def test_clips_that_nothing_is_sure_of_teach_nothing(trained: Path, others: tuple[Utterance, ...]) -> None:
    recipe = going_on(trained, plan="A5", unlabelled="pseudo-labels", confidence=1.0)
    with pytest.raises(RunError, match=r"of 16 clips without labels \d+ are judged with at least 1, .* lower transfer"):
        fitted(recipe, others)


def test_labels_that_the_start_does_not_know_are_refused(trained: Path, others: tuple[Utterance, ...]) -> None:
    recipe = going_on(trained, plan="A5", unlabelled="pseudo-labels")
    with pytest.raises(ConfigError, match="toy can't be used as it is for anger, fear: it does not know fear"):
        fit(
            recipe,
            others,
            recipe.extract(others).features,
            Fold("all", (others[0].key,), (), ()),
            labels=("anger", "fear"),
        )


def test_a_training_without_labels_is_kept_with_what_it_heard(
    trained: Path, others: tuple[Utterance, ...], tmp_path: Path
) -> None:
    nameless = tuple(replace(each, label="unknown") for each in others)
    recipe = recipe_of(str(trained), plan="A1", unlabelled="statistics")
    ready = prepare(recipe, nameless, labels=LABELS)
    run = train_run(ready, tmp_path / ready.name)
    found = load_run(tmp_path / ready.name)
    assert found.transfer == run.transfer
    assert found.signature in ready.name
    assert found.recipe.transfer is not None
    assert found.recipe.transfer.unlabelled == "statistics"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unlabelled": "statistics", "plan": "A2"}, 'lets nothing learn: set plan = "A1"; given A2'),
        ({"unlabelled": "statistics", "load": ("*",)}, 'set plan = "A1"; given layers to load'),
        ({"unlabelled": "pseudo-labels", "plan": "A1"}, "with plan A1 nothing learns; choose A2, A5 or another"),
        ({"unlabelled": "pseudo-labels", "plan": "A2", "confidence": 1.2}, "confidence must lie between 0 and 1"),
        ({"unlabelled": "pseudo-labels", "plan": "A2", "surest": 0.0}, "surest must lie between 0.01 and 1; given 0"),
    ],
)
def test_plans_that_do_not_go_with_it_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Transfer(**changes)


def test_settings_that_look_at_labels_are_refused() -> None:
    pseudo = Transfer(plan="A2", unlabelled="pseudo-labels")
    with pytest.raises(ConfigError, match=r'hears the target without its labels, .* set pretraining.scenario = "S2"'):
        tiny_recipe(transfer=pseudo, pretraining=Pretraining("S1"))
    with pytest.raises(ConfigError, match=r"chooses an epoch by its labels, .* set training.patience = 0; given 3"):
        tiny_recipe(transfer=pseudo, training={"patience": 3})
    with pytest.raises(ConfigError, match="unknown value 'labels'"):
        from_mapping(
            Recipe, {"name": "toy", "labels": "six", "transfer": {"plan": "A2", "unlabelled": "labels"}}, where=""
        )


def test_nets_without_statistics_say_which_have_some(
    corpus: tuple[Utterance, ...], others: tuple[Utterance, ...]
) -> None:
    recipe = tiny_recipe(
        front_end={"name": "waveform"},
        net={"name": "multidomain"},
        augment={},
        transfer=Transfer(plan="A1", unlabelled="statistics"),
        pretraining=Pretraining("S2"),
    )
    fold = protocol("onto-emodb-speaker-folds-2").folds((*corpus, *others), seed=1)[0]
    with pytest.raises(ConfigError, match=r"multidomain has no batch normalisation .*; log-mel-cnn, mn04, "):
        fit_in_stages(recipe, (*corpus, *others), fold, labels=LABELS)
    check_unlabelled(tiny_recipe(transfer=Transfer(plan="A1", unlabelled="statistics")))
    check_unlabelled(tiny_recipe())
    assert "multidomain" in NETS.names


def test_what_is_heard_without_labels_is_another_training(trained: Path) -> None:
    recipes = [
        going_on(trained, plan="A1"),
        going_on(trained, plan="A1", unlabelled="statistics"),
        going_on(trained, plan="A2"),
        going_on(trained, plan="A2", unlabelled="pseudo-labels"),
        going_on(trained, plan="A2", unlabelled="pseudo-labels", confidence=0.5),
        going_on(trained, plan="A2", unlabelled="pseudo-labels", surest=1.0),
    ]
    assert len({recipe.signature for recipe in recipes}) == len(recipes)
    assert going_on(trained, plan="A2", confidence=0.5).signature == recipes[2].signature
    assert set(to_mapping(recipes[2])["transfer"]) == {"source", "plan", "load", "freeze", "sha256"}
    heard = transferring(recipes[2], plan="A5", unlabelled="pseudo-labels")
    assert heard.transfer is not None
    assert (heard.transfer.plan, heard.transfer.unlabelled) == ("A5", "pseudo-labels")
