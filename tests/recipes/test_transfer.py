"""Transfers of recipes: where weights are found, what changes a run's name, and what comes out of a training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tests.toy import LABELS, TINY_NET, one_thread, separable, tiny_recipe

from emotone.bundles.manifest import TrainingData
from emotone.errors import ConfigError, EmotoneError, RunError, SourceError, UnknownNameError, UsageError
from emotone.files import sha256_file
from emotone.fitting.export import write_net
from emotone.fitting.fit import CHECKPOINT, Fitted, fit
from emotone.fitting.training_run import RUN, TrainingRun, load_net, load_run, save_run
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.recipes import transfer as module
from emotone.recipes.library import shipped_path
from emotone.recipes.recipe import Recipe, read_recipe, transferring
from emotone.recipes.transfer import Transfer, find
from emotone.transfer.freeze import Freezer
from emotone.transfer.plan import Plan
from emotone.transfer.weights import SourceWeights, write_weights
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from emotone.training.checkpoint import Epoch

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


def fitted(recipe: Recipe, **options: Any) -> Fitted:
    return fit(recipe, UTTERANCES, FEATURES, FOLD, labels=LABELS, **options)


def test_what_is_frozen_comes_out_as_it_went_in_and_the_rest_has_moved(source: Path) -> None:
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


def test_a_net_with_frozen_layers_is_exported_as_it_is(source: Path, tmp_path: Path) -> None:
    recipe, result = taking(source), fitted(taking(source))
    data = TrainingData(("toy",), "none", recipe.name, result.signature)
    bundle = write_net(tmp_path / "bundle", recipe, result.net, labels=LABELS, data=data)
    rows = EXAMPLES.features[0][None]
    with torch.inference_mode():
        expected = torch.softmax(result.net(torch.from_numpy(rows), None), dim=1).numpy()
    np.testing.assert_allclose(bundle.probabilities(rows), expected, atol=1e-5)


class Stop(Exception):  # noqa: N818 - it is no error
    """What interrupts a training in these tests."""


def test_a_training_that_was_cut_off_goes_on_exactly(source: Path, tmp_path: Path) -> None:
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


def test_what_moved_although_it_was_frozen_is_said(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(Freezer):
        """Watches tensors and keeps none."""

        def __init__(self, net: Any, names: Any) -> None:
            super().__init__(net, ())
            self.names = tuple(names)
            self._fingerprints = self._take()

    monkeypatch.setattr("emotone.transfer.apply.Freezer", Careless)
    with pytest.raises(RunError, match=r"frozen tensors have changed: blocks\.conv1"):
        fitted(taking(source))


def test_the_name_holds_the_layers_and_the_weights_and_not_where_they_lie(source: Path, tmp_path: Path) -> None:
    recipe = taking(source)
    copied = tmp_path / "elsewhere" / "copy.safetensors"
    copied.parent.mkdir()
    copied.write_bytes(source.read_bytes())
    assert taking(copied).signature == recipe.signature
    names = {
        tiny_recipe(training={"epochs": 2}).signature,
        recipe.signature,
        taking(source, freeze=()).signature,
        taking(source, load=("conv[12]",)).signature,
        taking(weights_file(tmp_path / "other.safetensors", seed=10)).signature,
    }
    assert len(names) == 5
    assert recipe.expanded().signature == recipe.signature


def test_a_run_keeps_the_weights_name_and_hash_and_the_report(source: Path, tmp_path: Path) -> None:
    recipe, result = taking(source), fitted(taking(source))
    run = TrainingRun(recipe, LABELS, {}, {}, result.signature, result.best, (), result.transfer)
    save_run(tmp_path, run, result)
    text, name = (tmp_path / RUN).read_text(), recipe.signature
    assert str(tmp_path) not in text
    assert json.loads(text)["recipe"]["transfer"]["source"] == "general-sound"
    source.unlink()
    found = load_run(tmp_path)
    assert found.transfer == result.transfer
    assert found.recipe.signature == name
    assert found.recipe.expanded() == found.recipe
    net = load_net(tmp_path, found)
    torch.testing.assert_close(net.state_dict(), result.net.state_dict(), atol=0, rtol=0)


def test_a_recipe_may_ask_for_one_file_and_no_other(source: Path) -> None:
    recipe = taking(source, sha256=sha256_file(source))
    assert recipe.signature == taking(source).signature
    assert fitted(recipe).transfer is not None
    with pytest.raises(SourceError, match=r"source\.safetensors has SHA-256 .*; the recipe asks for 0000"):
        fitted(taking(source, sha256="0" * 64))


def test_sources_are_files_folders_of_sources_and_shipped_names(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    source.rename(run / "weights.safetensors")
    assert Transfer(str(run), plan="A1").weights().source == "general-sound"
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "shipped")
    with pytest.raises(UnknownNameError, match="unknown source file, folder or shipped source 'soundnet'"):
        find("soundnet")
    (tmp_path / "shipped").mkdir()
    weights_file(tmp_path / "shipped" / "soundnet5-open.safetensors")
    assert Transfer("soundnet5-open", plan="A1").weights().source == "general-sound"
    with pytest.raises(UnknownNameError, match="did you mean 'soundnet5-open'"):
        find("soundnet5-opn")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("", UsageError, "say from where, with --source FILE or transfer.source"),
        ("gone.safetensors", SourceError, "gone.safetensors: can't be read: No such file"),
        ("words.txt", SourceError, r"weights end in .safetensors, .*.npz, .*.t7; given '.txt'"),
        ("words.npz", SourceError, "is no archive of plain arrays"),
    ],
)
def test_what_can_not_be_transferred_from_is_said(
    tmp_path: Path, name: str, error: type[EmotoneError], message: str
) -> None:
    if name.startswith("words"):
        (tmp_path / name).write_text("no weights")
    given = str(tmp_path / name) if name else ""
    with pytest.raises(error, match=message):
        taking(given).transfer.weights()  # type: ignore[union-attr]
    if not name.startswith("words"):
        with pytest.raises(error, match=message):
            _ = taking(given).signature
    with pytest.raises(error, match=message):
        taking(given).expanded()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "transfer needs a plan, e.g. anger-2, or layers to load, and not both"),
        ({"plan": "A1", "load": ("conv1",)}, "and not both"),
        ({"plan": "A1", "freeze": ("conv1",)}, "plan A1 says what is frozen; leave freeze out"),
    ],
)
def test_a_transfer_is_a_plan_or_layers(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Transfer("x.safetensors", **given)


def test_plans_fit_nets_of_so_many_stages() -> None:
    recipe = read_recipe(shipped_path("anger-soundnet"))
    assert recipe.transfer_plan == Plan(("conv1", "conv2", "conv3"), ("conv1", "conv2"))
    with pytest.raises(ConfigError, match=r"plan anger-2 is for nets of 5 stages; given \d+: "):
        tiny_recipe(transfer=Transfer(plan="anger-2"))
    grouped = tiny_recipe(transfer=Transfer(plan="A7")).transfer_plan
    convolutions = tuple(f"conv{number}" for number in range(1, 6))
    assert grouped == Plan(convolutions, convolutions)
    with pytest.raises(UnknownNameError, match=r"unknown plan 'anger2'; did you mean 'anger-2'\?"):
        transferring(recipe, plan="anger2")


def test_another_source_or_plan_for_a_recipe(source: Path) -> None:
    scratch = read_recipe(shipped_path("anger-soundnet-scratch"))
    assert transferring(scratch) is scratch
    taken = transferring(scratch, source=str(source), plan="anger-3")
    assert taken.transfer == Transfer(str(source), plan="anger-3")
    assert transferring(taken, plan="anger-0").transfer == Transfer(str(source), plan="anger-0")
    pinned = replace(taken, transfer=Transfer("a.safetensors", load=("conv1",), sha256="0" * 64))
    assert transferring(pinned, source="b.safetensors").transfer == Transfer("b.safetensors", load=("conv1",))
    with pytest.raises(ConfigError, match="transfer needs a plan"):
        transferring(scratch, source=str(source))


def test_in_a_file_a_source_starts_at_its_folder(source: Path, tmp_path: Path) -> None:
    text = shipped_path("anger-soundnet").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert read_recipe(path).transfer == Transfer("soundnet5-open", plan="anger-2")
    path.write_text(text.replace('"soundnet5-open"', '"source.safetensors"'))
    assert read_recipe(path).transfer == Transfer(str(source), plan="anger-2")


def test_the_papers_recipes_differ_in_the_transfer_only() -> None:
    transfer, scratch = (read_recipe(shipped_path(f"anger-soundnet{end}")) for end in ("", "-scratch"))
    assert transfer.transfer is not None
    assert replace(transfer, transfer=None).signature == scratch.signature
    assert (scratch.training.batch_size, scratch.training.steps_per_epoch, scratch.training.learning_rate) == (10, 200, 5e-3)
    assert [type(augmentation).__name__ for augmentation in scratch.augmentations] == ["TempoPitch", "WhiteNoise"]
