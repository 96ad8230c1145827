"""Exports: bundles of runs, their cards, and names."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.toy import LABELS, tiny_recipe

from emotone.bundles.bundle import load_bundle
from emotone.bundles.contents import SCHEMA, BundleManifest, Calibration, TrainingData
from emotone.bundles.library import SHIPPED
from emotone.corpora.datasets.emodb import CORPUS
from emotone.errors import ConfigError, OutputError, RunError, UsageError
from emotone.fitting.card import INTENDED_USE, LIMITS, embedding_card, model_card
from emotone.fitting.export import LICENCES, example_signal, export_run, licence_text, renamed, what_was_trained
from emotone.fitting.training_run import RUN, WEIGHTS, HeadRun, TrainingRun, load_net, load_run
from emotone.nets.layers import layer_table, parameter_count
from emotone.recipes.embedding_recipe import EmbeddingRecipe, HeadSettings, HiddenSettings, OrdinarySettings
from emotone.transfer.apply import State, TensorEntry, TransferReport

# ----------------------------------------------------------------------------------------------------------------------
# Exports: bundles of runs, and their cards.

# ----------------------------------------------------------------------------------------------------------------------
# From a training to a bundle: ONNX gives what torch gives, and the folder checks itself.


@pytest.mark.usefixtures("one_thread")
def test_the_bundle_loads_and_checks_itself(exported: Path, trained: Path) -> None:
    bundle = load_bundle(exported)
    assert bundle.check() < 1e-5
    manifest, run = bundle.manifest, load_run(trained)
    assert (manifest.name, manifest.version, manifest.labels) == ("toy", "2.1.0", LABELS)
    assert manifest.licence == "CC0-1.0"
    assert manifest.training.corpora == ("emodb",)
    assert manifest.training.signature == run.signature
    assert manifest.windows == run.recipe.windows
    assert bundle.feature == run.recipe.feature
    assert set(manifest.front_end) == {"name", "rate", "window", "hop", "fft", "bands", "low", "high", "offset"}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("batch", "time"), [(1, 1), (1, 298), (4, 30), (16, 151)])
def test_onnx_gives_what_torch_gives(exported: Path, trained: Path, batch: int, time: int) -> None:
    net = load_net(trained, load_run(trained))
    rows = np.random.default_rng(0).normal(-8, 3, (batch, time, 64)).astype(np.float32)
    with torch.inference_mode():
        expected = torch.softmax(net(torch.from_numpy(rows), None), dim=1).numpy()
    np.testing.assert_allclose(load_bundle(exported).probabilities(rows), expected, atol=1e-5)


@pytest.mark.usefixtures("one_thread")
def test_exported_again_it_is_the_same_to_the_byte(exported: Path, trained: Path, tmp_path: Path) -> None:
    again = shutil.copytree(exported, tmp_path / "again")
    (again / "CARD.md").write_text("changed by hand")
    export_run(trained, again, version="2.1.0", evaluation="UAR: tested.")
    for entry in exported.iterdir():
        assert (again / entry.name).read_bytes() == entry.read_bytes(), entry.name


@pytest.mark.usefixtures("one_thread")
def test_its_weights_are_those_of_the_training(exported: Path, trained: Path) -> None:
    """ONNX melts normalisations into what they follow, so that its tensors can't be trained on."""
    for name in (RUN, WEIGHTS):
        assert (exported / name).read_bytes() == (trained / name).read_bytes()
        assert name in load_bundle(exported).manifest.files


@pytest.mark.usefixtures("one_thread")
def test_the_card_and_the_licence_are_in_it(exported: Path) -> None:
    assert "UAR: tested." in (exported / "CARD.md").read_text()
    assert "Creative Commons Zero" in (exported / "LICENSE").read_text()


@pytest.mark.usefixtures("one_thread")
def test_no_path_of_this_machine_is_in_it(exported: Path, trained: Path) -> None:
    for entry in exported.iterdir():
        data = entry.read_bytes()
        assert b"site-packages" not in data, entry.name
        assert str(trained.parent).encode() not in data, entry.name
        assert b".py" not in data, entry.name


@pytest.mark.usefixtures("one_thread")
def test_what_is_no_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no folder of a finished training"):
        export_run(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("one_thread")
def test_a_folder_with_other_things_is_left_alone(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.fitting.onnx_export.onnx_bytes", lambda *_, **__: b"not looked at")
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="contains other files than a bundle"):
        export_run(trained, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_test_signal_is_loud_varied_and_always_the_same(rate: int) -> None:
    signal = example_signal(rate)
    np.testing.assert_array_equal(signal, example_signal(rate))
    assert signal.shape == (round(2.5 * rate),)
    assert signal.dtype == np.float32
    assert 0.1 < np.abs(signal).max() < 1.0


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("licence", [*LICENCES, "Apache-2.0"])
def test_the_licence_text_names_the_licence(licence: str) -> None:
    text = licence_text(replace(tiny_recipe(), licence=licence))
    assert f"The model 'toy' ({licence}) may be used under {LICENCES.get(licence, licence)}." in text
    assert ("https://creativecommons.org/" in text) == licence.startswith("CC")


# ----------------------------------------------------------------------------------------------------------------------
# The model card: what it contains for every model.

FINISHED = TrainingRun(
    recipe=tiny_recipe(),
    labels=("anger", "sadness"),
    corpora={"emodb": 40, "calls": 7},
    speakers={"emodb": 4, "calls": 2},
    signature="0123456789ab",
    best=3,
    history=(),
)


@pytest.fixture
def card() -> str:
    return model_card(FINISHED, version="1.2.3", evaluation="")


@pytest.mark.parametrize(
    "line",
    [
        "# toy 1.2.3",
        "Two kinds of buzzes.",
        "| labels | anger, sadness |",
        "| licence of the weights | CC0-1.0 |",
        "| front end | log-mel, 16000 Hz, 64 values every 10 ms |",
        "| windows | 3 s every 1 s; the score of a clip is the mean probability of its windows with speech |",
        "signature 0123456789ab |",
        f"| {CORPUS.title} | 40 | 4 | de | CC0-1.0 |",
        "| calls | 7 | 2 | not stated | not stated |",
    ],
)
def test_it_describes_the_model(card: str, line: str) -> None:
    assert line in card


def test_it_names_the_transferred_weights(card: str) -> None:
    assert "transferred from" not in card
    states: tuple[tuple[str, State], ...] = (
        ("conv1", "frozen"),
        ("conv2", "frozen"),
        ("conv3", "tuned"),
        ("conv4", "fresh"),
    )
    entries = tuple(TensorEntry(f"blocks.{name}.weight", "parameter", (1,), state) for name, state in states)
    report = TransferReport("general-sound", "0" * 64, "CC0-1.0", entries, ())
    started = f"| transferred from | general-sound (CC0-1.0, SHA-256 {'0' * 64}); frozen: conv1, conv2; tuned: conv3 |"
    assert f"{started}\n| training |" in model_card(replace(FINISHED, transfer=report), version="1", evaluation="")


def test_the_number_of_parameters_is_the_layer_table_s(card: str) -> None:
    count = parameter_count(layer_table(FINISHED.recipe.net_spec, 64, 2))
    assert f"| network | log-mel-cnn, {count:,} parameters |" in card


def test_limits_and_intended_use_are_always_in_it(card: str) -> None:
    assert LIMITS in card
    assert INTENDED_USE in card
    for word in ("acted", "not a fact about a person", "diagnose", "Spontaneous", "speech: false"):
        assert word in card


def test_a_model_without_an_evaluation(card: str) -> None:
    assert "This model has **not been evaluated**." in card
    tested = model_card(FINISHED, version="1.2.3", evaluation="\nUAR 0.71 on Emo-DB.\n")
    assert "not been evaluated" not in tested
    assert "## Evaluation\n\nUAR 0.71 on Emo-DB.\n\n## Limits" in tested


def test_the_limits_hold_for_a_model_that_was_tested_on_other_languages() -> None:
    card = model_card(FINISHED, version="1", evaluation="UAR 0.54 on nEMO, which is Polish.")
    assert "languages, ages, accents and voices other than those named above are unknown" in card
    assert "are not in the training data were not tested" not in card


def test_corpora_are_sorted(card: str) -> None:
    assert card.index("| calls |") < card.index(f"| {CORPUS.title} |")


def test_the_card_of_a_training_on_disk(trained: Path) -> None:
    card = model_card(load_run(trained), version="1.0.0", evaluation="")
    assert "| training | 8 epochs, seed 1, signature" in card
    assert "not stated" not in card


def test_the_order_of_labels_is_the_net_s() -> None:
    turned = replace(FINISHED, labels=("sadness", "anger"))
    assert "| labels | sadness, anger |" in model_card(turned, version="1", evaluation="")


def head_card(head: HeadSettings) -> str:
    recipe = EmbeddingRecipe("mine", "seven", head=head, licence="CC0-1.0")
    labels = ("anger", "neutral")
    manifest = BundleManifest(
        schema=SCHEMA,
        name="mine",
        version="1.0.0",
        description="Two emotions",
        labels=labels,
        licence="CC0-1.0",
        front_end={"name": "whisper-log-mel"},
        windows=recipe.windows,
        calibration=Calibration(temperature=0.8),
        training=TrainingData(("calls", "readings"), "all speakers", "mine", "0123456789ab"),
        thresholds=dict.fromkeys(labels, 0.5),
    )
    run = HeadRun(recipe, labels, {"calls": 40, "readings": 7}, {"calls": 4, "readings": 2}, "0123456789ab", ())
    return embedding_card(manifest, run, evaluation="")


def test_the_card_of_a_head_states_how_it_classifies() -> None:
    card = head_card(HeadSettings())
    for line in (
        "| classifier | linear, on standardised embeddings, temperature 0.8 |",
        "| unsure | below a probability of 0.50 |",
        "| calls | 40 | 4 | not stated | not stated |",
        "**not been evaluated**",
        INTENDED_USE,
    ):
        assert line in card
    assert "ordinary speech" not in card
    hidden = head_card(HeadSettings(hidden=HiddenSettings(units=64, networks=2)))
    assert "| classifier | mean of 2 networks with a hidden layer of 64 units, on" in hidden


def test_the_card_of_a_head_names_corpora_that_train_no_emotion() -> None:
    card = head_card(HeadSettings(ordinary=OrdinarySettings(("readings", "not given"))))
    assert "Recordings of ordinary speech (readings) trained no emotion" in card


# ----------------------------------------------------------------------------------------------------------------------
# Names and descriptions of exported models.

OUT = Path("mine")
REPORT = TransferReport("default 1.1.0", "0" * 64, "CC0-1.0", (), ())
OWN = TrainingRun(
    recipe=tiny_recipe(),
    labels=("anger", "sadness"),
    corpora={"calls": 7},
    speakers={"calls": 2},
    signature="0123456789ab",
    best=3,
    history=({"number": 1},),
)
TUNED = replace(OWN, recipe=tiny_recipe(name="default"), transfer=REPORT)


def test_own_recipes_keep_their_name_and_description() -> None:
    assert renamed(OWN, OUT) == OWN
    changed = renamed(OWN, OUT, name="calls", description="Calls").recipe
    assert (changed.name, changed.description) == ("calls", "Calls")


def test_a_shipped_model_s_name_and_description_are_replaced() -> None:
    tuned = renamed(TUNED, OUT).recipe
    assert tuned.name == "default-tuned"
    assert tuned.description == "anger, sadness: fine-tuned from default 1.1.0 on calls (7 clips of 2 speakers)"
    again = renamed(replace(TUNED, transfer=None), OUT).recipe
    assert again.name == "default-retrained"
    assert again.description == "anger, sadness: trained with the recipe default on calls (7 clips of 2 speakers)"
    named = renamed(TUNED, OUT, name="calls").recipe
    assert (named.name, named.description) == ("calls", tuned.description)
    with pytest.raises(UsageError, match=r"--name default is the name of a shipped model.* e\.g\. my-default"):
        renamed(OWN, OUT, name="default")
    with pytest.raises(ConfigError, match="name"):
        renamed(OWN, OUT, name="My Calls")


def test_a_shipped_model_itself_keeps_its_name() -> None:
    assert renamed(TUNED, SHIPPED / "default") == TUNED


def test_that_nothing_was_trained_is_said() -> None:
    unchanged = replace(TUNED, history=(), corpora={"calls": 1}, speakers={"calls": 1})
    text = "the network of default 1.1.0 without any training, for the labels of calls (1 clips of 1 speaker)"
    assert what_was_trained(unchanged) == f"anger, sadness: {text}"
    card = model_card(unchanged, version="1", evaluation="")
    assert "Nothing was trained on these 1 clips of 1 speaker; they only gave the labels." in card


def test_the_card_states_clips_speakers_and_protocol() -> None:
    card = model_card(renamed(TUNED, OUT), version="1", evaluation="")
    assert card.startswith("# default-tuned 1\n")
    assert "| calls | 7 | 2 | not stated | not stated |" in card
    assert "Fine-tuned on all 7 clips of 2 speakers (protocol: all speakers). The network started from default" in card
    own = model_card(OWN, version="1", evaluation="")
    assert "Trained on all 7 clips of 2 speakers (protocol: all speakers). A score on these speakers would not" in own
