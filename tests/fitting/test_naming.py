"""Names and descriptions of exported models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.toy import tiny_recipe

from emotone.bundles.library import SHIPPED
from emotone.errors import ConfigError, UsageError
from emotone.fitting.card import model_card
from emotone.fitting.naming import renamed, what_was_trained
from emotone.fitting.training_run import TrainingRun
from emotone.transfer.report import TransferReport

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
