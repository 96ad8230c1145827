"""Resolving recipes: what a training starts from, and whether it fits the recipe."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tests.toy import LABELS, TINY_NET, one_thread, tiny_recipe

from emotone.errors import BundleError, ConfigError, RunError, SourceError, UsageError
from emotone.fitting.network import load_transferred
from emotone.fitting.resolve import recipe_for, recipe_from_model, resolve
from emotone.fitting.train import prepare, train_run
from emotone.fitting.training_run import RUN, WEIGHTS, is_run, load_net, load_run
from emotone.fitting.weights import find_weights, training_of
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes.recipe import Recipe, with_transfer
from emotone.recipes.transfer import Pretraining, Transfer
from emotone.transfer.weights import SourceWeights, read_tensors, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=["run", "model"])
def start(request: pytest.FixtureRequest, trained: Path, exported: Path) -> Path:
    return trained if request.param == "run" else exported


def test_a_run_and_its_bundle_contain_their_settings(start: Path, trained: Path) -> None:
    asked = recipe_from_model(str(start), plan="A3")
    before = load_run(trained)
    assert asked.transfer == Transfer(str(start), plan="A3")
    assert replace(asked, transfer=None) == before.recipe
    assert recipe_from_model(str(start), plan="A3", labels="seven").labels == "seven"
    weights = resolve(asked).weights
    assert weights is not None
    assert (weights.labels, weights.read().licence) == (LABELS, "CC0-1.0")


def test_plan_a1_gives_the_trained_network(start: Path, trained: Path) -> None:
    asked = resolve(recipe_from_model(str(start), plan="A1"))
    net = asked.recipe.net_spec.build(asked.recipe.feature.dimension, len(LABELS))
    transferred = load_transferred(asked, net, labels=LABELS)
    expected = load_net(trained, load_run(trained)).state_dict()
    assert all(torch.equal(values, expected[name]) for name, values in net.state_dict().items())
    assert transferred[0].report.names("tuned", "fresh") == ()
    assert transferred[0].report.source == "toy"


def test_finding_the_output_tensors_draws_no_random_numbers(trained: Path) -> None:
    asked = resolve(recipe_from_model(str(trained), plan="A8"))
    torch.manual_seed(5)
    net = asked.recipe.net_spec.build(64, 2)
    expected = torch.rand(3)
    torch.manual_seed(5)
    net = asked.recipe.net_spec.build(64, 2)
    (transferred,) = load_transferred(asked, net, labels=("anger", "fear"))
    assert torch.equal(torch.rand(3), expected)
    assert transferred.report.names("fresh")[0].startswith("blocks.classifier")


def test_other_labels_reinitialise_the_output_tensors_only(trained: Path) -> None:
    asked = resolve(recipe_from_model(str(trained), plan="A2"))
    (transferred,) = load_transferred(asked, asked.recipe.net_spec.build(64, 2), labels=("anger", "neutral"))
    assert transferred.report.names("fresh") == ("blocks.classifier.output.weight", "blocks.classifier.output.bias")
    assert transferred.report.notes == (
        "toy has scores for anger, sadness, but not for neutral: the output layer, classifier, is re-initialised",
    )


def test_a_fine_tuned_run_stores_its_report(trained: Path, corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    relabelled = tuple(replace(each, label={"anger": "anger", "sadness": "neutral"}[each.label]) for each in corpus)
    asked = recipe_from_model(str(trained), plan="A4")
    asked = replace(asked, training=replace(asked.training, epochs=1))
    ready = prepare(resolve(asked), relabelled, labels=("anger", "neutral"))
    run = train_run(ready, tmp_path / ready.name)
    found = load_run(tmp_path / ready.name)
    assert found.transfer == run.transfer
    assert found.transfer is not None
    assert "the output layer, classifier, is re-initialised" in found.transfer.notes[0]
    assert found.transfer.source == "toy"
    before, after = load_file(trained / WEIGHTS), load_file(tmp_path / ready.name / WEIGHTS)
    for name in found.transfer.names("frozen"):
        np.testing.assert_array_equal(after[name], before[name])
    assert str(trained) not in (tmp_path / ready.name / RUN).read_text()


def test_plan_a1_keeps_all_weights(trained: Path, corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    ready = prepare(resolve(recipe_from_model(str(trained), plan="A1")), corpus, labels=LABELS)
    run = train_run(ready, tmp_path / ready.name)
    assert run.history == ()
    before, after = load_file(trained / WEIGHTS), load_file(tmp_path / ready.name / WEIGHTS)
    assert all(np.array_equal(after[name], values) for name, values in before.items())


def continuing(start: Path, **changes: Any) -> Recipe:
    return tiny_recipe(transfer=Transfer(str(start), plan="A2"), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"front_end": {"name": "log-mel", "rate": 8000, "high": 3800.0}},
            "was trained on log-mel at 16000 Hz, 64 values every 10 ms, but recipe toy uses log-mel at 8000 Hz, 64",
        ),
        (
            {"front_end": {"name": "waveform"}, "net": {"name": "soundnet5"}, "augment": {}},
            "is a log-mel-cnn, but recipe toy is a soundnet5; remove the recipe, or use the same settings in it",
        ),
    ],
)
def test_weights_of_another_kind_are_refused(start: Path, changes: dict[str, Any], message: str) -> None:
    asked = continuing(start, **changes)
    with pytest.raises(ConfigError, match=message):
        resolve(asked)


def test_front_ends_are_compared_with_their_defaults(start: Path) -> None:
    resolve(continuing(start, front_end={"name": "log-mel", "rate": 16000}))
    resolve(tiny_recipe())
    resolve(with_transfer(tiny_recipe(), source="soundnet5-open", plan="A2"))  # weights without a front end


def test_a_network_of_other_sizes_is_refused_with_its_tensors(start: Path) -> None:
    asked = continuing(start, net={"name": "log-mel-cnn", **TINY_NET, "hidden": 9})
    with pytest.raises(
        SourceError, match=r"blocks\.classifier\.hidden\.weight has the shape 8 x 16, the network's 9 x 16"
    ):
        load_transferred(resolve(asked), asked.net_spec.build(64, 2), labels=LABELS)


def test_weights_without_settings_need_a_recipe(tmp_path: Path) -> None:
    tensors = {name: values.numpy() for name, values in LogMelCnn(**TINY_NET).build(64, 5).state_dict().items()}
    write_weights(tmp_path / "weights.safetensors", SourceWeights("sound", tensors))
    for source in (tmp_path, tmp_path / "weights.safetensors"):
        with pytest.raises(UsageError, match="holds weights without the settings of a training: give a recipe too"):
            recipe_from_model(str(source), plan="A2")


def test_a_bundle_without_weights_is_refused(exported: Path, tmp_path: Path) -> None:
    old = shutil.copytree(exported, tmp_path / "old")
    (old / WEIGHTS).unlink()
    with pytest.raises(SourceError, match=r"old is a model for prediction only, .*; give the folder of its training"):
        recipe_from_model(str(old), plan="A2")


def test_a_modified_bundle_is_refused(exported: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(exported, tmp_path / "changed")
    data = bytearray((changed / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (changed / WEIGHTS).write_bytes(data)
    with pytest.raises(BundleError, match=r"weights\.safetensors was modified after it was written"):
        recipe_from_model(str(changed), plan="A2")


@pytest.mark.parametrize("text", ["[]", "no JSON", '{"schema": "emotone.source/1"}'])
def test_another_description_next_to_weights_is_no_run(tmp_path: Path, text: str) -> None:
    (tmp_path / RUN).write_text(text)
    (tmp_path / WEIGHTS).write_bytes(b"")
    assert not is_run(tmp_path)
    assert training_of(tmp_path / WEIGHTS) is None


def test_damaged_weights_are_refused(trained: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(trained, tmp_path / "broken")
    (broken / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"weights\.safetensors can't be read as weights: "):
        find_weights(str(broken))
    with pytest.raises(SourceError, match="can't be read as weights: "):
        read_tensors(tmp_path / "gone.safetensors")


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (None, {}, "nothing to train: give a RECIPE"),
        (None, {"source": "small-open"}, "--from small-open needs a plan: --transfer A2 fine-tunes all layers"),
        (tiny_recipe(), {"source": "small-open"}, "--from small-open needs a plan"),
    ],
)
def test_transfer_options_that_do_not_name_a_training_are_refused(
    given: Recipe | None, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        recipe_for(given, **options)  # type: ignore[arg-type]


def test_transfer_options_with_and_without_a_recipe(start: Path, trained: Path) -> None:
    alone = recipe_for(None, source=str(start), plan="A5", labels="seven")
    assert alone == replace(load_run(trained).recipe, labels="seven", transfer=Transfer(str(start), plan="A5"))
    given = recipe_for(tiny_recipe(seed=3), source=str(start), plan="A5")
    assert given == tiny_recipe(seed=3, transfer=Transfer(str(start), plan="A5"))
    statistics = recipe_for(None, source=str(start), unlabelled="statistics")
    assert statistics.transfer == Transfer(str(start), plan="A1", unlabelled="statistics")
    assert recipe_for(tiny_recipe()) == tiny_recipe()


def test_a_pretraining_stage_can_be_refused() -> None:
    recipe = tiny_recipe(transfer=Transfer(plan="A2"), pretraining=Pretraining())
    assert resolve(recipe).weights is None
    with pytest.raises(RunError, match="recipe toy is pre-trained on other corpora than its target"):
        resolve(recipe, two_stages=False)


def test_another_plan_of_a_resolved_recipe_reads_no_file_again(trained: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained, tmp_path / "copy")
    resolved = resolve(recipe_from_model(str(copy), plan="A2"))
    shutil.rmtree(copy)
    assert resolved.with_plan("A7").plan == resolve(recipe_from_model(str(trained), plan="A7")).plan
    assert resolved.with_plan("").recipe == replace(load_run(trained).recipe, transfer=None)
    assert resolved.with_seed(9).signature != resolved.signature


def test_weights_that_change_after_they_were_found_are_refused(trained: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained, tmp_path / "copy")
    found = find_weights(str(copy))
    data = bytearray((copy / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (copy / WEIGHTS).write_bytes(data)
    with pytest.raises(SourceError, match=rf"weights\.safetensors has SHA-256 .*; expected {found.sha256}"):
        found.read()
