"""The model card: what it contains for every model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.toy import tiny_recipe

from emotone.bundles.manifest import SCHEMA, BundleManifest, Calibration, TrainingData
from emotone.corpora.datasets.emodb import CORPUS
from emotone.fitting.card import INTENDED_USE, LIMITS, embedding_card, model_card
from emotone.fitting.head_run import HeadRun
from emotone.fitting.training_run import TrainingRun, load_run
from emotone.nets.layers import layer_table, parameter_count
from emotone.recipes.embedding_recipe import EmbeddingRecipe, HeadSettings, HiddenSettings, OrdinarySettings
from emotone.transfer.report import State, TensorEntry, TransferReport

if TYPE_CHECKING:
    from pathlib import Path

RUN = TrainingRun(
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
    return model_card(RUN, version="1.2.3", evaluation="")


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
    assert f"{started}\n| training |" in model_card(replace(RUN, transfer=report), version="1", evaluation="")


def test_the_number_of_parameters_is_the_layer_table_s(card: str) -> None:
    count = parameter_count(layer_table(RUN.recipe.net_spec, 64, 2))
    assert f"| network | log-mel-cnn, {count:,} parameters |" in card


def test_limits_and_intended_use_are_always_in_it(card: str) -> None:
    assert LIMITS in card
    assert INTENDED_USE in card
    for word in ("acted", "not a fact about a person", "diagnose", "Spontaneous", "speech: false"):
        assert word in card


def test_a_model_without_an_evaluation(card: str) -> None:
    assert "This model has **not been evaluated**." in card
    tested = model_card(RUN, version="1.2.3", evaluation="\nUAR 0.71 on Emo-DB.\n")
    assert "not been evaluated" not in tested
    assert "## Evaluation\n\nUAR 0.71 on Emo-DB.\n\n## Limits" in tested


def test_the_limits_hold_for_a_model_that_was_tested_on_other_languages() -> None:
    card = model_card(RUN, version="1", evaluation="UAR 0.54 on nEMO, which is Polish.")
    assert "languages, ages, accents and voices other than those named above are unknown" in card
    assert "are not in the training data were not tested" not in card


def test_corpora_are_sorted(card: str) -> None:
    assert card.index("| calls |") < card.index(f"| {CORPUS.title} |")


def test_the_card_of_a_training_on_disk(trained: Path) -> None:
    card = model_card(load_run(trained), version="1.0.0", evaluation="")
    assert "| training | 8 epochs, seed 1, signature" in card
    assert "not stated" not in card


def test_the_order_of_labels_is_the_net_s() -> None:
    turned = replace(RUN, labels=("sadness", "anger"))
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
