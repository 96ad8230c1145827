"""What a training starts from: another training or its model says all by itself, and must hear the same."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tests.toy import LABELS, TINY_NET, one_thread, tiny_recipe

from emotone.errors import BundleError, ConfigError, SourceError, UsageError
from emotone.fitting.initialise import check_start, recipe_of, take_over
from emotone.fitting.train import prepare, train_run
from emotone.fitting.training_run import RUN, WEIGHTS, is_run, load_net, load_run
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes.recipe import Recipe, transferring
from emotone.recipes.transfer import Transfer, training_of
from emotone.transfer.weights import SourceWeights, read_tensors, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=["run", "model"])
def start(request: pytest.FixtureRequest, trained: Path, exported: Path) -> Path:
    return trained if request.param == "run" else exported


def test_a_training_and_its_model_say_all_by_themselves(start: Path, trained: Path) -> None:
    asked = recipe_of(str(start), plan="A3")
    before = load_run(trained)
    assert asked.transfer == Transfer(str(start), plan="A3")
    assert replace(asked, transfer=None) == before.recipe
    assert recipe_of(str(start), plan="A3", labels="seven").labels == "seven"
    assert asked.transfer.weights().labels == LABELS
    assert asked.transfer.weights().licence == "CC0-1.0"
    check_start(asked)


def test_all_of_a_training_is_the_net_that_it_made(start: Path, trained: Path) -> None:
    asked = recipe_of(str(start), plan="A1")
    net = asked.net_spec.build(asked.feature.dimension, len(LABELS))
    transferred = take_over(asked, net, labels=LABELS)
    expected = load_net(trained, load_run(trained)).state_dict()
    assert all(torch.equal(values, expected[name]) for name, values in net.state_dict().items())
    assert transferred[0].report.names("tuned", "fresh") == ()
    assert transferred[0].report.source == "toy"


def test_finding_the_scores_draws_nothing(trained: Path) -> None:
    asked = recipe_of(str(trained), plan="A8")
    torch.manual_seed(5)
    net = asked.net_spec.build(64, 2)
    expected = torch.rand(3)
    torch.manual_seed(5)
    net = asked.net_spec.build(64, 2)
    (transferred,) = take_over(asked, net, labels=("anger", "fear"))
    assert torch.equal(torch.rand(3), expected)
    assert transferred.report.names("fresh")[0].startswith("blocks.classifier")


def test_other_labels_draw_the_scores_alone(trained: Path) -> None:
    asked = recipe_of(str(trained), plan="A2")
    (transferred,) = take_over(asked, asked.net_spec.build(64, 2), labels=("anger", "neutral"))
    assert transferred.report.names("fresh") == ("blocks.classifier.output.weight", "blocks.classifier.output.bias")
    assert transferred.report.notes == (
        "toy knows anger, sadness, and not neutral: the scores, in classifier, are drawn anew",
    )


def test_a_training_that_goes_on_keeps_its_report(trained: Path, corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    relabelled = tuple(replace(each, label={"anger": "anger", "sadness": "neutral"}[each.label]) for each in corpus)
    asked = recipe_of(str(trained), plan="A4")
    asked = replace(asked, training=replace(asked.training, epochs=1))
    ready = prepare(asked, relabelled, labels=("anger", "neutral"))
    run = train_run(ready, tmp_path / ready.name)
    found = load_run(tmp_path / ready.name)
    assert found.transfer == run.transfer
    assert found.transfer is not None
    assert "the scores, in classifier, are drawn anew" in found.transfer.notes[0]
    assert found.transfer.source == "toy"
    before, after = load_file(trained / WEIGHTS), load_file(tmp_path / ready.name / WEIGHTS)
    for name in found.transfer.names("frozen"):
        np.testing.assert_array_equal(after[name], before[name])
    assert str(trained) not in (tmp_path / ready.name / RUN).read_text()


def test_used_as_it_is_a_training_judges_as_before(
    trained: Path, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    ready = prepare(recipe_of(str(trained), plan="A1"), corpus, labels=LABELS)
    run = train_run(ready, tmp_path / ready.name)
    assert run.history == ()
    before, after = load_file(trained / WEIGHTS), load_file(tmp_path / ready.name / WEIGHTS)
    assert all(np.array_equal(after[name], values) for name, values in before.items())


def hearing(start: Path, **changes: Any) -> Recipe:
    return tiny_recipe(transfer=Transfer(str(start), plan="A2"), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"front_end": {"name": "log-mel", "rate": 8000, "high": 3800.0}},
            "hears log-mel at 16000 Hz, 64 values every 10 ms, and recipe toy log-mel at 8000 Hz, 64",
        ),
        (
            {"front_end": {"name": "waveform"}, "net": {"name": "soundnet5"}, "augment": {}},
            "is a log-mel-cnn, and recipe toy asks for a soundnet5; leave the recipe out, or say the same in it",
        ),
    ],
)
def test_what_hears_other_things_is_refused(start: Path, changes: dict[str, Any], message: str) -> None:
    asked = hearing(start, **changes)
    with pytest.raises(ConfigError, match=message):
        check_start(asked)
    with pytest.raises(ConfigError, match=message):
        take_over(asked, asked.net_spec.build(asked.feature.dimension, 2), labels=LABELS)


def test_the_same_front_end_in_other_words_is_the_same(start: Path) -> None:
    check_start(hearing(start, front_end={"name": "log-mel", "rate": 16000}))
    check_start(tiny_recipe())
    check_start(transferring(tiny_recipe(), source="soundnet5-open", plan="A2"))  # layers, which say no front end


def test_a_net_of_other_sizes_is_refused_with_its_tensors(start: Path) -> None:
    asked = hearing(start, net={"name": "log-mel-cnn", **TINY_NET, "hidden": 9})
    with pytest.raises(SourceError, match=r"blocks\.classifier\.hidden\.weight is 8 x 16, the net's is 9 x 16"):
        take_over(asked, asked.net_spec.build(64, 2), labels=LABELS)


def test_layers_alone_do_not_say_what_to_train(tmp_path: Path) -> None:
    tensors = {name: values.numpy() for name, values in LogMelCnn(**TINY_NET).build(64, 5).state_dict().items()}
    write_weights(tmp_path / "weights.safetensors", SourceWeights("sound", tensors))
    for source in (tmp_path, tmp_path / "weights.safetensors"):
        with pytest.raises(UsageError, match="holds layers and no training, so it does not say what to train: give a"):
            recipe_of(str(source), plan="A2")


def test_a_model_for_prediction_only_says_where_weights_are(exported: Path, tmp_path: Path) -> None:
    old = shutil.copytree(exported, tmp_path / "old")
    (old / WEIGHTS).unlink()
    with pytest.raises(SourceError, match=r"old is a model for prediction only, .*; give its training's folder, or"):
        recipe_of(str(old), plan="A2")


def test_a_model_that_was_changed_is_not_trained_on(exported: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(exported, tmp_path / "changed")
    data = bytearray((changed / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (changed / WEIGHTS).write_bytes(data)
    with pytest.raises(BundleError, match=r"weights\.safetensors was changed after it was written"):
        recipe_of(str(changed), plan="A2")


@pytest.mark.parametrize("text", ["[]", "no JSON", '{"schema": "emotone.source/1"}'])
def test_another_description_beside_weights_is_no_training(tmp_path: Path, text: str) -> None:
    (tmp_path / RUN).write_text(text)
    (tmp_path / WEIGHTS).write_bytes(b"")
    assert not is_run(tmp_path)
    assert training_of(tmp_path / WEIGHTS) is None


def test_damaged_weights_of_a_training_are_said(trained: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(trained, tmp_path / "broken")
    (broken / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"weights\.safetensors can't be read as weights: "):
        Transfer(str(broken), plan="A2").weights()
    with pytest.raises(SourceError, match="can't be read as weights: "):
        read_tensors(tmp_path / "gone.safetensors")
