from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import emotone
from emotone.errors import ConfigError
from emotone.recipes.embedding_recipe import EncoderSettings
from emotone.recipes.encoder_recipe import (
    EncoderRecipe,
    EncoderTrainingSettings,
    InputSettings,
    StudentSettings,
    is_encoder_recipe,
    read_encoder_recipe,
)
from emotone.recipes.source_recipe import SoundFolder

SHIPPED = Path(emotone.__file__).parent / "recipes" / "shipped" / "sources"
TALK = SoundFolder(group=r"(\w)", licence="CC0-1.0")
RECIPE = EncoderRecipe("tiny", {"talk": TALK, "rain": TALK}, noise=("rain",))


def test_the_shipped_recipe_is_found_by_its_table() -> None:
    path = SHIPPED / "speech-student.toml"
    assert is_encoder_recipe(path)
    assert not is_encoder_recipe(SHIPPED / "soundnet5-open.toml")
    recipe = read_encoder_recipe(path)
    assert recipe.teacher.layers == (2, 3, 4)
    assert not {"emovo", "savee"} & set(recipe.sound)


def test_names_and_licences_are_not_in_the_signature() -> None:
    renamed = replace(RECIPE, name="other", licence="MIT", description="another text")
    assert renamed.signature == RECIPE.signature
    assert replace(RECIPE, inputs=InputSettings(plain=0.1)).signature != RECIPE.signature
    assert replace(RECIPE, noise=()).signature != RECIPE.signature


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": ("rian",)}, "noise: .*did you mean 'rain'"),
        ({"noise": ("rain", "talk")}, r"at least one \[sound.NAME\] table that is not noise"),
        ({"seed": -1}, "seed must not be negative; given -1"),
        ({"teacher": EncoderSettings("hf:a/b")}, "teacher: source must be one of emotone's.*given hf:a/b"),
    ],
)
def test_recipes_are_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(RECIPE, **changes)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (StudentSettings, {"kernel": 4}, "kernel must be odd; given 4"),
        (StudentSettings, {"layers": 3}, r"read must be ascending and end with the last layer, 3; given \[2, 4\]"),
        (StudentSettings, {"width": 0}, "student"),
        (InputSettings, {"copies": ("speed/0.9",)}, "inputs: .*speed/0.9"),
        (InputSettings, {"copies": ("telephone/mu-law",) * 2}, "each copy may be named once"),
        (InputSettings, {"snr_low": 40.0}, "snr_low"),
        (EncoderTrainingSettings, {"batch_size": 1}, "batch_size"),
    ],
)
def test_settings_are_checked(kind: type[Any], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**settings)
