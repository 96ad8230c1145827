"""Adaptation to unlabelled and to few clips, and cleaning of inputs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tests.toy import LABELS, emodb_utterances, signature_of, tiny_recipe, write_emodb

from emotone.config import from_mapping
from emotone.errors import ConfigError, RunError
from emotone.fitting.fit import TrainedNetwork, fit
from emotone.fitting.network import CLEANING, clip_probabilities, fit_cleaning
from emotone.fitting.pretraining import TwoStageResult, fit_two_stages
from emotone.fitting.resolve import recipe_from_model, resolve
from emotone.fitting.train import MIN_BATCHES, Length, TrainingJob, length_of, prepare, train_run, with_enough_batches
from emotone.fitting.training_run import WEIGHTS, load_net, load_run
from emotone.nets.base import NETS
from emotone.protocols import protocol
from emotone.recipes.recipe import Recipe, with_transfer
from emotone.recipes.training import TrainingSettings
from emotone.recipes.transfer import Pretraining, Transfer
from emotone.training.batches import Examples, Task
from emotone.transfer.statistics import TENSORS
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# Adaptation without labels: the result depends on audio and weights only, never on labels.

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


def continuing(trained: Path, **changes: Any) -> Recipe:
    recipe = recipe_from_model(str(trained), plan="A2")
    return replace(recipe, training=TrainingSettings(**QUICK), transfer=Transfer(str(trained), **changes))


def fitted(recipe: Recipe, utterances: tuple[Utterance, ...]) -> TrainedNetwork:
    everything = Fold("all", train=tuple(each.key for each in utterances), dev=(), test=())
    resolved = resolve(recipe)
    return fit(resolved, utterances, resolved.extract(utterances).features, everything, labels=LABELS)


def same(first: TrainedNetwork, second: TrainedNetwork) -> bool:
    one, two = first.net.state_dict(), second.net.state_dict()
    return all(torch.equal(values, two[name]) for name, values in one.items())


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("changes", KINDS)
def test_shuffled_labels_change_nothing(changes: dict[str, Any], trained: Path, others: tuple[Utterance, ...]) -> None:
    recipe, wrong = continuing(trained, **changes), shuffled(others, "other")
    assert sum(one.label != two.label for one, two in zip(others, wrong, strict=True)) == 12
    right, poisoned = fitted(recipe, others), fitted(recipe, wrong)
    assert same(right, poisoned)
    assert right.signature == poisoned.signature
    assert right.adaptation == poisoned.adaptation


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("changes", KINDS)
def test_shuffled_labels_of_the_target_change_nothing_in_two_stages(
    changes: dict[str, Any], corpus: tuple[Utterance, ...], others: tuple[Utterance, ...]
) -> None:
    first = Pretraining("S2", training=TrainingSettings(**{**QUICK, "epochs": 8}))
    recipe = tiny_recipe(training=QUICK, transfer=Transfer(**changes), pretraining=first)
    results = []
    for given in ((*corpus, *others), shuffled((*corpus, *others), "other")):
        fold = protocol("onto-other-speaker-folds-2").folds((*corpus, *others), seed=1)[0]
        results.append(fit_two_stages(resolve(recipe), given, fold, labels=(*LABELS, "surprise")))
    right, poisoned = results
    assert same(right.network, poisoned.network)
    assert right.absent == ()  # without labels, that there is no surprise is unknown
    assert right.about["adaptation"] == poisoned.about["adaptation"]
    assert right.about["adaptation"]["clips"] == 8
    every_tensor_is_listed(right)


def every_tensor_is_listed(result: TwoStageResult) -> None:
    """Check that every tensor is listed once, under its state."""
    names = [name for state in result.about["tensors"].values() for name in state]
    assert sorted(names) == sorted(result.network.net.state_dict())


@pytest.mark.usefixtures("one_thread")
def test_statistics_are_estimated_and_everything_else_is_unchanged(
    trained: Path, others: tuple[Utterance, ...]
) -> None:
    result = fitted(continuing(trained, plan="A1", unlabelled="statistics"), others)
    before, after = load_file(trained / WEIGHTS), result.net.state_dict()
    changed = {name for name, values in before.items() if not np.array_equal(values, after[name].numpy())}
    assert changed == {name for name in before if name.endswith(TENSORS)}
    assert result.transfer is not None
    assert set(result.transfer.names("estimated")) == changed
    assert set(result.transfer.names("frozen", "estimated")) == set(before)
    assert result.transfer.notes == ("adapted without labels: batch-normalisation statistics of 16 clips",)
    assert result.history == ()
    assert set(result.about()["tensors"]["estimated"]) == changed


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("top_share", "rank"), [(1.0, 4), (0.3, 0), (0.9, 6)])
def test_pseudo_labels_are_the_confident_predictions(
    top_share: float, rank: int, trained: Path, others: tuple[Utterance, ...]
) -> None:
    """Against counting, for each clip, those with the same prediction and more confidence."""
    run = load_run(trained)
    net, features = load_net(trained, run), resolve(run.recipe).extract(others).features
    said = {key: clip_probabilities(run.recipe, net, rows) for key, rows in features.items()}
    least = float(np.sort([values.max() for values in said.values()])[rank])
    sure = {}
    for key, values in said.items():
        alike = [other for other in said.values() if other.argmax() == values.argmax()]
        surer = sum(other.max() > values.max() for other in alike)
        if values.max() >= least and surer < top_share * len(alike):
            sure[key] = LABELS[int(values.argmax())]
    counts = {label: list(sure.values()).count(label) for label in LABELS}
    asked = {"plan": "A2", "unlabelled": "pseudo-labels", "top_share": top_share, "min_confidence": least}
    result = fitted(continuing(trained, **asked), others)
    assert result.adaptation is not None
    assert result.adaptation.to_dict() == {
        "method": "pseudo-labels",
        "clips": 16,
        "top_share": top_share,
        "min_confidence": least,
        "pseudo_labels": {label: count for label, count in counts.items() if count},
    }
    assert result.transfer is not None
    assert f"{len(sure)} of 16 clips are training data with their predicted label, the most" in result.transfer.notes[0]
    taught = tuple(replace(each, label=sure[each.key]) for each in others if each.key in sure)
    assert same(result, fitted(continuing(trained, plan="A2"), taught))


@pytest.mark.usefixtures("one_thread")
def test_too_few_confident_predictions_are_refused(trained: Path, others: tuple[Utterance, ...]) -> None:
    recipe = continuing(trained, plan="A5", unlabelled="pseudo-labels", min_confidence=1.0)
    with pytest.raises(RunError, match=r"of 16 clips without labels are predicted .* at least 1, .* lower transfer"):
        fitted(recipe, others)


@pytest.mark.usefixtures("one_thread")
def test_labels_without_an_output_are_refused(trained: Path, others: tuple[Utterance, ...]) -> None:
    recipe = resolve(continuing(trained, plan="A5", unlabelled="pseudo-labels"))
    with pytest.raises(ConfigError, match="toy can't be used unchanged for anger, fear: it has no scores for fear"):
        fit(
            recipe,
            others,
            recipe.extract(others).features,
            Fold("all", (others[0].key,), (), ()),
            labels=("anger", "fear"),
        )


@pytest.mark.usefixtures("one_thread")
def test_an_adapted_run_stores_its_report(trained: Path, others: tuple[Utterance, ...], tmp_path: Path) -> None:
    nameless = tuple(replace(each, label="unknown") for each in others)
    recipe = recipe_from_model(str(trained), plan="A1", unlabelled="statistics")
    ready = prepare(resolve(recipe), nameless, labels=LABELS)
    run = train_run(ready, tmp_path / ready.name)
    found = load_run(tmp_path / ready.name)
    assert found.transfer == run.transfer
    assert found.signature in ready.name
    assert found.recipe.transfer is not None
    assert found.recipe.transfer.unlabelled == "statistics"


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unlabelled": "statistics", "plan": "A2"}, 'without training: set plan = "A1"; given A2'),
        ({"unlabelled": "statistics", "load": ("*",)}, 'set plan = "A1"; given layers to load'),
        ({"unlabelled": "pseudo-labels", "plan": "A1"}, "plan A1 freezes every layer; use A2, A5 or another"),
        ({"unlabelled": "pseudo-labels", "plan": "A2", "min_confidence": 1.2}, "must be between 0 and 1; given 1.2"),
        ({"unlabelled": "pseudo-labels", "plan": "A2", "top_share": 0.0}, "must be between 0.01 and 1; given 0"),
    ],
)
def test_plans_that_do_not_fit_the_method_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Transfer(**changes)


@pytest.mark.usefixtures("one_thread")
def test_settings_that_need_labels_are_refused() -> None:
    pseudo = Transfer(plan="A2", unlabelled="pseudo-labels")
    with pytest.raises(ConfigError, match=r'does not use the target\'s labels, .* set pretraining.scenario = "S2"'):
        tiny_recipe(transfer=pseudo, pretraining=Pretraining("S1"))
    with pytest.raises(ConfigError, match=r"early stopping needs labels, .* set training.patience = 0; given 3"):
        tiny_recipe(transfer=pseudo, training={"patience": 3})
    with pytest.raises(ConfigError, match="unknown value 'labels'"):
        from_mapping(
            Recipe, {"name": "toy", "labels": "six", "transfer": {"plan": "A2", "unlabelled": "labels"}}, where=""
        )


@pytest.mark.usefixtures("one_thread")
def test_statistics_need_a_batch_normalisation() -> None:
    recipe = tiny_recipe(
        front_end={"name": "waveform"},
        net={"name": "multidomain"},
        augment={},
        transfer=Transfer(plan="A1", unlabelled="statistics"),
        pretraining=Pretraining("S2"),
    )
    with pytest.raises(ConfigError, match=r"multidomain has no batch normalisation; .*log-mel-cnn, .*mn04, "):
        resolve(recipe)
    resolve(replace(recipe, net={"name": "log-mel-cnn"}, front_end={"name": "log-mel"}))
    assert "multidomain" in NETS.names


@pytest.mark.usefixtures("one_thread")
def test_settings_of_the_adaptation_change_the_signature(trained: Path) -> None:
    recipes = [
        continuing(trained, plan="A1"),
        continuing(trained, plan="A1", unlabelled="statistics"),
        continuing(trained, plan="A2"),
        continuing(trained, plan="A2", unlabelled="pseudo-labels"),
        continuing(trained, plan="A2", unlabelled="pseudo-labels", min_confidence=0.5),
        continuing(trained, plan="A2", unlabelled="pseudo-labels", top_share=1.0),
    ]
    assert len({signature_of(recipe) for recipe in recipes}) == len(recipes)
    adapted = with_transfer(recipes[2], plan="A5", unlabelled="pseudo-labels")
    assert adapted.transfer is not None
    assert (adapted.transfer.plan, adapted.transfer.unlabelled) == ("A5", "pseudo-labels")


# ----------------------------------------------------------------------------------------------------------------------
# How long a training on few clips is.


def job(clips: int, **training: Any) -> TrainingJob:
    """Return a training on clips that are never read, in batches of 4."""
    keys = tuple(f"emodb/{number}" for number in range(clips))
    return TrainingJob(resolve(tiny_recipe(training=training)), (), LABELS, {}, Fold("all", keys, (), ()), ())


def test_epochs_are_the_fewest_with_enough_batches() -> None:
    longer = with_enough_batches(job(40, epochs=8, ema_decay=0.99)).resolved.recipe.training
    assert longer.epochs == 20  # of 10 batches
    assert 1 / (1 - longer.ema_decay) == pytest.approx(MIN_BATCHES / 6)
    assert length_of(job(1, epochs=8)).batches_per_epoch == 1


def test_longer_trainings_and_shorter_averages_are_kept() -> None:
    enough = job(40, epochs=20, ema_decay=0.99)
    assert with_enough_batches(enough) is enough
    short = with_enough_batches(job(40, epochs=1, ema_decay=0.5)).resolved.recipe.training
    assert (short.epochs, short.ema_decay) == (20, 0.5)
    assert with_enough_batches(job(40, epochs=1, ema_decay=0.0)).resolved.recipe.training.ema_decay == 0.0


def test_epochs_of_the_user_are_kept_and_the_average_fits_them() -> None:
    named = with_enough_batches(job(40, epochs=3, ema_decay=0.99), keep_epochs=True).resolved.recipe.training
    assert named.epochs == 3
    assert named.ema_decay == pytest.approx(1 - 6 / 30)
    one = with_enough_batches(job(4, epochs=1, ema_decay=0.99), keep_epochs=True).resolved.recipe.training
    assert one.ema_decay == 0.0


def test_an_average_must_leave_the_initial_weights() -> None:
    assert Length(1, 2, 2.0).enough_epochs == 6
    assert not Length(1, 2, 2.0).is_enough
    assert Length(1, 6, 2.0).is_enough
    assert Length(1, 1, 1.0).is_enough
    assert length_of(job(40, epochs=2, steps_per_epoch=7)).batches == 14


def test_the_length_changes_the_signature() -> None:
    short = job(40, epochs=8)
    assert with_enough_batches(short).resolved.signature != short.resolved.signature
    assert with_enough_batches(replace(short, labels=())).labels == ()


# ----------------------------------------------------------------------------------------------------------------------
# Statistics of the input are those of the training part, reported and kept in the model.

NET = {"name": "spectrogram-cnn", "filters": (3,), "units": 4}


def task(rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Task:
    part = Examples((rows,), np.zeros(1, np.int64), np.zeros(1, np.int64))
    return Task(part, part, hop_seconds=0.008, window=64, hop=64, signature="", seed=1)


def test_a_network_without_cleaning_has_nothing_to_fit() -> None:
    from emotone.nets.architectures.segment_networks import SegmentMlp

    assert fit_cleaning(SegmentMlp().build(64, 4), task(np.zeros((64, 64), np.float32))) is None


def test_the_statistics_are_those_of_the_cleaned_rows(rng: np.random.Generator) -> None:
    from emotone.nets.architectures.chunk_networks import SpectrogramCnn

    net = SpectrogramCnn(filters=(3,), anomalies=0.01).build(128, 7)
    rows = rng.normal(-5, 2, (1000, 128)).astype(np.float32)
    report = fit_cleaning(net, task(rows))
    assert report is not None
    assert report.values == rows.size
    assert 0.008 < report.replaced / rows.size <= 0.011
    x = torch.from_numpy(rows)
    for name in ("limits", "centre"):
        x, _ = net.blocks[name](x, None)
    np.testing.assert_allclose(x.mean(dim=0).numpy(), 0, atol=1e-4)


def test_a_training_fits_them_to_its_training_part_only(tmp_path: Path) -> None:
    utterances = emodb_utterances(write_emodb(tmp_path / "emodb"))
    recipe = Recipe(
        name="toy",
        labels="emodb",
        front_end={"name": "two-channel-spectrogram"},
        net=NET,
        training=TrainingSettings(epochs=1, batch_size=4, crop_seconds=0.512, ema_decay=0.0),
    )
    resolved = resolve(recipe)
    features = resolved.extract(utterances).features
    keys = [utterance.key for utterance in utterances]
    fold = Fold("a", train=tuple(keys[:20]), dev=(), test=tuple(keys[20:]))
    fitted = fit(resolved, utterances, features, fold, labels=("anger", "sadness"), folder=tmp_path)
    rows = np.concatenate([features[key] for key in keys[:20]])
    low = np.quantile(rows, 0.0025, axis=0)
    np.testing.assert_allclose(fitted.net.get_buffer("blocks.limits.low").numpy(), low, rtol=1e-5)
    written = json.loads((tmp_path / CLEANING).read_text(encoding="utf-8"))
    assert fitted.about()["cleaning"] == written
    assert written["recordings"] == 20
    assert written["values"] == rows.size
