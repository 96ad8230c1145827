"""Training in stages: from transferred weights, and after a stage with a head per corpus."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tests.toy import LABELS, TINY_NET, emodb_utterances, one_thread, separable, signature_of, tiny_recipe, write_emodb

from emotone.bundles.contents import TrainingData
from emotone.config import from_mapping, to_mapping
from emotone.errors import ConfigError, EmotoneError, RunError, SourceError, UnknownNameError, UsageError
from emotone.files import cache_dir, sha256_file
from emotone.fitting import weights as module
from emotone.fitting.export import write_net
from emotone.fitting.fit import CHECKPOINT, TrainedNetwork, fit
from emotone.fitting.pretraining import ABOUT, FOLDER, WEIGHTS, CorpusHeads, divide, fit_two_stages
from emotone.fitting.resolve import recipe_signature, resolve, transfer_plan
from emotone.fitting.training_run import RUN, TrainingRun, load_net, load_run, save_run
from emotone.fitting.weights import find_weights, locate
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.protocols import protocol
from emotone.recipes.library import load_net_recipe, read_net_recipe
from emotone.recipes.recipe import Recipe, with_transfer
from emotone.recipes.training import TrainingSettings
from emotone.recipes.transfer import Pretraining, Transfer
from emotone.transfer.plans import Plan
from emotone.transfer.weights import SourceWeights, write_weights
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from emotone.training.loop import Epoch


# ----------------------------------------------------------------------------------------------------------------------
# Training from transferred weights: locating them, the signature, and the trained network.

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

EXAMPLES = separable(24)
UTTERANCES = tuple(
    Utterance(f"{number:02d}", "toy", Path(f"{number}.wav"), 0.0, None, f"s{number % 4}", "x", LABELS[label])
    for number, label in enumerate(EXAMPLES.labels)
)
FEATURES = {utterance.key: rows for utterance, rows in zip(UTTERANCES, EXAMPLES.features, strict=True)}
FOLD = Fold("all", train=tuple(FEATURES), dev=(), test=())


def weights_file(path: Path, *, seed: int = 9) -> Path:
    torch.manual_seed(seed)
    source = LogMelCnn(**TINY_NET).build(64, 5)
    tensors = {name: values.numpy().copy() for name, values in source.state_dict().items()}
    write_weights(path, SourceWeights("general-sound", tensors, licence="CC0-1.0"))
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return weights_file(tmp_path / "source.safetensors")


def taking(source: Path | str, **changes: Any) -> Recipe:
    transfer = Transfer(str(source), **{"load": ("conv[123]",), "freeze": ("conv[12]",), **changes})
    return tiny_recipe(training={"epochs": 2}, transfer=transfer)


def fitted(recipe: Recipe, **options: Any) -> TrainedNetwork:
    return fit(resolve(recipe), UTTERANCES, FEATURES, FOLD, labels=LABELS, **options)


def test_frozen_tensors_are_unchanged_and_the_others_are_trained(source: Path) -> None:
    result = fitted(taking(source))
    given, state = load_file(source), {name: value.numpy() for name, value in result.net.state_dict().items()}
    assert result.transfer is not None
    assert (result.transfer.source, result.transfer.licence) == ("general-sound", "CC0-1.0")
    assert result.transfer.sha256 == sha256_file(source)
    frozen, tuned = result.transfer.names("frozen"), result.transfer.names("tuned")
    assert {name.split(".")[1] for name in frozen} == {"conv1", "conv2"}
    assert {name.split(".")[1] for name in tuned} == {"conv3"}
    assert set(result.transfer.names("frozen", "tuned", "fresh")) == set(state)
    for name in frozen:
        np.testing.assert_array_equal(state[name], given[name])
    assert not np.array_equal(state["blocks.conv3.convolution.weight"], given["blocks.conv3.convolution.weight"])


def test_a_network_with_frozen_layers_is_exported(source: Path, tmp_path: Path) -> None:
    recipe, result = taking(source), fitted(taking(source))
    data = TrainingData(("toy",), "none", recipe.name, result.signature)
    bundle = write_net(tmp_path / "bundle", recipe, result.net, labels=LABELS, data=data)
    rows = EXAMPLES.features[0][None]
    with torch.inference_mode():
        expected = torch.softmax(result.net(torch.from_numpy(rows), None), dim=1).numpy()
    np.testing.assert_allclose(bundle.probabilities(rows), expected, atol=1e-5)


class Stop(Exception):  # noqa: N818 - it is no error
    """What interrupts a training in these tests."""


def test_an_interrupted_training_resumes_exactly(source: Path, tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> None:
        raise Stop

    straight = fitted(taking(source))
    with pytest.raises(Stop):
        fitted(taking(source), folder=tmp_path, progress=stop)
    assert (tmp_path / CHECKPOINT).exists()
    resumed = fitted(taking(source), folder=tmp_path)
    assert resumed.transfer == straight.transfer
    torch.testing.assert_close(resumed.net.state_dict(), straight.net.state_dict(), atol=0, rtol=0)
    other = weights_file(tmp_path / "other.safetensors", seed=10)
    with pytest.raises(RunError, match="belongs to the training"):
        fitted(taking(other), folder=tmp_path)


def test_layers_and_weights_are_in_the_signature_but_not_paths(source: Path, tmp_path: Path) -> None:
    recipe = taking(source)
    copied = tmp_path / "elsewhere" / "copy.safetensors"
    copied.parent.mkdir()
    copied.write_bytes(source.read_bytes())
    assert signature_of(taking(copied)) == signature_of(recipe)
    names = {
        signature_of(tiny_recipe(training={"epochs": 2})),
        signature_of(recipe),
        signature_of(taking(source, freeze=())),
        signature_of(taking(source, load=("conv[12]",))),
        signature_of(taking(weights_file(tmp_path / "other.safetensors", seed=10))),
    }
    assert len(names) == 5
    assert recipe_signature(resolve(recipe).recipe) == signature_of(recipe)


def test_a_run_stores_name_and_hash_of_the_weights_and_the_report(source: Path, tmp_path: Path) -> None:
    recipe, result = taking(source), fitted(taking(source))
    run = TrainingRun(resolve(recipe).recipe, LABELS, {}, {}, result.signature, result.best, (), result.transfer)
    save_run(tmp_path, run, result.net)
    text, name = (tmp_path / RUN).read_text(), signature_of(recipe)
    assert str(tmp_path) not in text
    assert json.loads(text)["recipe"]["transfer"]["source"] == "general-sound"
    source.unlink()
    found = load_run(tmp_path)
    assert found.transfer == result.transfer
    assert recipe_signature(found.recipe) == name
    assert found.recipe == run.recipe
    net = load_net(tmp_path, found)
    torch.testing.assert_close(net.state_dict(), result.net.state_dict(), atol=0, rtol=0)


def test_a_pinned_hash_refuses_other_files(source: Path) -> None:
    recipe = taking(source, sha256=sha256_file(source))
    assert signature_of(recipe) == signature_of(taking(source))
    assert fitted(recipe).transfer is not None
    with pytest.raises(SourceError, match=r"source\.safetensors has SHA-256 .*; the recipe requires 0000"):
        fitted(taking(source, sha256="0" * 64))


def test_sources_are_files_folders_of_sources_and_shipped_names(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    source.rename(run / "weights.safetensors")
    assert find_weights(str(run)).source == "general-sound"
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "shipped")
    with pytest.raises(UnknownNameError, match="unknown source file, folder or source 'soundnet'"):
        locate("soundnet")
    (tmp_path / "shipped").mkdir()
    weights_file(tmp_path / "shipped" / "soundnet5-open.safetensors")
    assert find_weights("soundnet5-open").source == "general-sound"
    with pytest.raises(UnknownNameError, match="did you mean 'soundnet5-open'"):
        locate("soundnet5-opn")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("", UsageError, "name their source with --from FILE or transfer.source"),
        ("gone.safetensors", SourceError, "gone.safetensors: can't be read: No such file"),
        ("words.txt", SourceError, r"is not a file of weights: .*\.safetensors, .*\.npz, .*; given '\.txt'"),
        ("words.npz", SourceError, "is not an archive of plain arrays"),
    ],
)
def test_files_that_are_no_weights_are_refused(
    tmp_path: Path, name: str, error: type[EmotoneError], message: str
) -> None:
    if name.startswith("words"):
        (tmp_path / name).write_text("no weights")
    given = str(tmp_path / name) if name else ""
    with pytest.raises(error, match=message):
        resolve(taking(given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "transfer needs either a plan, e.g. anger-2, or layers to load"),
        ({"plan": "A1", "load": ("conv1",)}, "either a plan, e.g. anger-2, or layers"),
        ({"plan": "A1", "freeze": ("conv1",)}, "plan A1 already names the frozen layers; remove freeze"),
    ],
)
def test_a_transfer_is_a_plan_or_layers(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Transfer("x.safetensors", **given)


def test_plans_fit_nets_of_so_many_stages() -> None:
    recipe = load_net_recipe("anger-soundnet")
    assert transfer_plan(recipe) == Plan(("conv1", "conv2", "conv3"), ("conv1", "conv2"))
    with pytest.raises(ConfigError, match=r"plan anger-2 is for networks of 5 stages; given \d+: "):
        transfer_plan(tiny_recipe(transfer=Transfer(plan="anger-2")))
    grouped = transfer_plan(tiny_recipe(transfer=Transfer(plan="A7")))
    convolutions = tuple(f"conv{number}" for number in range(1, 6))
    assert grouped == Plan(convolutions, convolutions)
    with pytest.raises(UnknownNameError, match=r"unknown plan 'anger2'; did you mean 'anger-2'\?"):
        with_transfer(recipe, plan="anger2")


def test_another_source_or_plan_for_a_recipe(source: Path) -> None:
    scratch = load_net_recipe("anger-soundnet-scratch")
    assert with_transfer(scratch) is scratch
    taken = with_transfer(scratch, source=str(source), plan="anger-3")
    assert taken.transfer == Transfer(str(source), plan="anger-3")
    assert with_transfer(taken, plan="anger-0").transfer == Transfer(str(source), plan="anger-0")
    pinned = replace(taken, transfer=Transfer("a.safetensors", load=("conv1",), sha256="0" * 64))
    assert with_transfer(pinned, source="b.safetensors").transfer == Transfer("b.safetensors", load=("conv1",))
    with pytest.raises(ConfigError, match="transfer needs either a plan"):
        with_transfer(scratch, source=str(source))


def test_a_relative_source_starts_at_the_folder_of_the_recipe(source: Path, tmp_path: Path) -> None:
    text = 'base = "anger-soundnet"\nname = "mine"\ntransfer.source = "soundnet5-open"\n'
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert read_net_recipe(path).transfer == Transfer("soundnet5-open", plan="anger-2")
    path.write_text(text.replace('"soundnet5-open"', '"source.safetensors"'))
    assert read_net_recipe(path).transfer == Transfer(str(source), plan="anger-2")


def test_the_papers_recipes_differ_in_the_transfer_only() -> None:
    transfer, scratch = (load_net_recipe(f"anger-soundnet{end}") for end in ("", "-scratch"))
    assert transfer.transfer is not None
    assert signature_of(replace(transfer, transfer=None)) == signature_of(scratch)
    training = scratch.training
    assert (training.batch_size, training.steps_per_epoch, training.learning_rate) == (10, 200, 5e-3)
    assert [type(augmentation).__name__ for augmentation in scratch.augmentations] == ["TempoPitch", "WhiteNoise"]


# ----------------------------------------------------------------------------------------------------------------------
# A first stage with a head per corpus: the merged head, and the signature.

STAGED_LABELS = ("anger", "fear", "sadness")
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
    result = fit_two_stages(resolve(recipe), recordings, fold, labels=STAGED_LABELS)
    (folder,) = (cache_dir() / FOLDER).iterdir()
    about = json.loads((folder / ABOUT).read_text())
    assert about["heads"] == taken
    assert result.about["pretraining"] == about
    kept = load_file(folder / WEIGHTS)
    assert kept["blocks.classifier.output.weight"].shape[0] == len(STAGED_LABELS)
    state = result.network.net.state_dict()
    assert all(np.array_equal(state[name].numpy(), values) for name, values in kept.items())
    report = result.network.transfer
    assert report is not None
    assert set(report.names("frozen")) == set(state)


@pytest.mark.parametrize("plan", ["A2", "A5", "A8"])
def test_every_tensor_is_listed_under_every_plan(plan: str, recordings: tuple[Utterance, ...], fold: Fold) -> None:
    result = fit_two_stages(resolve(staged_recipe(plan=plan, scenario="S1")), recordings, fold, labels=STAGED_LABELS)
    assert sum(map(len, result.about["tensors"].values())) == len(result.network.net.state_dict())
    assert len(result.network.history) == 2


def test_a_development_part_is_scored_by_its_own_heads(recordings: tuple[Utterance, ...], fold: Fold) -> None:
    recipe = staged_recipe(scenario="S1", before={"patience": 3, "epochs": 3})
    fold = replace(fold, train=fold.train[4:], dev=tuple(key for key in fold.train[:4] if key.startswith("emodb/")))
    result = fit_two_stages(resolve(recipe), recordings, fold, labels=STAGED_LABELS)
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
        fit_two_stages(resolve(recipe), recordings, fold, labels=STAGED_LABELS)
    assert len(list((cache_dir() / FOLDER).iterdir())) == 2
