"""Recipes of networks, and of frozen encoders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.toy import RECIPE_TOML, signature_of, tiny_recipe

import emotone
from emotone.errors import ConfigError, EmotoneError
from emotone.features.windows import Windows
from emotone.recipes.embedding_recipe import EncoderSettings
from emotone.recipes.encoder_recipe import (
    EncoderRecipe,
    EncoderTrainingSettings,
    InputSettings,
    StudentSettings,
    is_encoder_recipe,
    read_encoder_recipe,
)
from emotone.recipes.library import read_net_recipe
from emotone.recipes.recipe import Recipe
from emotone.recipes.source_recipe import SoundFolder
from emotone.recipes.training import TrainingSettings

# ----------------------------------------------------------------------------------------------------------------------
# Recipes of networks: wrong settings are refused with their place, and signatures contain what changes the weights.

PLAIN = signature_of(tiny_recipe())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text(RECIPE_TOML)
    return tmp_path / "recipe.toml"


def test_a_file_gives_the_recipe(path: Path) -> None:
    recipe = read_net_recipe(path)
    assert recipe == replace(tiny_recipe(), net=recipe.net)
    assert recipe.net_spec == tiny_recipe().net_spec
    assert signature_of(recipe) == PLAIN


def test_front_end_and_augmentations_are_built(path: Path) -> None:
    recipe = read_net_recipe(path)
    assert (recipe.feature_name, recipe.feature.rate, recipe.feature.dimension) == ("log-mel", 16000, 64)
    assert [type(augmentation).__name__ for augmentation in recipe.augmentations] == ["SpecMask"]
    assert recipe.training.epochs == 8


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("labels =", "label =", r"recipe.toml: unknown key 'label'; did you mean 'labels'\?"),
        ("epochs", "epoch", r"recipe.toml: training: unknown key 'epoch'; did you mean 'epochs'\?"),
        ("epochs = 8", "epochs = 'x'", r"training: epochs: a value of type int was expected, 'x' was given"),
        ("epochs = 8", "epochs = 0", r"training: epochs must be between 1 and 100000; given 0"),
        ('"emodb"', '"emo-db"', r"unknown label set 'emo-db'; did you mean 'emodb'\?"),
        ('"log-mel-cnn"', '"logmel-cnn"', r"unknown network 'logmel-cnn'; did you mean 'log-mel-cnn'\?"),
        ("embedding", "embeding", r"net: unknown key 'embeding'; did you mean 'embedding'\?"),
        ('name = "log-mel-cnn"\n', "", r"net: missing name; allowed: .*log-mel-cnn"),
        ("spec-mask", "specmask", r"unknown augmentation 'specmask'; did you mean 'spec-mask'\?"),
        ("[augment.spec-mask]", "[augment.spec-mask]\ntime = 1", r"augment.spec-mask: unknown key 'time'; did you"),
        ("[net]", "[front_end]\nname='logmel'\n[net]", r"unknown front end 'logmel'; did you mean 'log-mel'\?"),
        ("[net]", "[front_end]\nname='log-mel'\nhop=0\n[net]", r"0 < hop <= window <= fft .*; given hop=0"),
        ("[net]", "[windows]\nseconds=1.0\nhop=2.0\n[net]", r"windows need 0 < hop <= seconds; given 2.0 and 1.0"),
        ("[net]", "[windows]\nseconds=1.0\n[net]", r"recipe.toml: windows: missing hop"),
        ("[net]", "seed = -1\n[net]", r"seed must not be negative; given -1"),
        ('"toy"', '"My Toy"', r"name 'My Toy' must be lower-case letters, digits, '.', '-' or '_'"),
        ('"toy"', '"../toy"', r"name '../toy' must be lower-case letters"),
        ('name = "toy"\n', "", r"recipe.toml: missing name"),
        (
            "[augment.spec-mask]",
            "[augment.white-noise]",
            r"augment.white-noise supports waveform; the front end is log-mel, which .*: equaliser, noise-floor",
        ),
        (
            "[net]",
            "[front_end]\nname='waveform'\n[net]",
            r"augment.spec-mask supports log-mel; the front end is waveform, .*: tempo-pitch, white-noise",
        ),
        ("[net]", "[windows]\nseconds=1.0\nhop=1.0\nmin_seconds=1.1\n[net]", r"min_seconds <= seconds; given 1.1 and"),
        ("[net]", "[transfer]\nplan='A1'\nsorce='x'\n[net]", r"transfer: unknown key 'sorce'; did you mean 'source'"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_place(path: Path, old: str, new: str, message: str) -> None:
    assert old in RECIPE_TOML
    path.write_text(RECIPE_TOML.replace(old, new, 1))
    with pytest.raises(EmotoneError, match=message):
        read_net_recipe(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read .*gone.toml: No such file"):
        read_net_recipe(tmp_path / "gone.toml")


TRAINING = {
    "epochs": 4,
    "batch_size": 16,
    "learning_rate": 0.02,
    "weight_decay": 0.1,
    "warmup": 0.3,
    "label_smoothing": 0.2,
    "balance": 0.0,
    "crop_seconds": 1.0,
    "ema_decay": 0.1,
    "patience": 3,
}
MORE_TRAINING = {
    "schedule": "constant",
    "grad_clip_norm": 1.0,
    "sampling": "balanced",
    "steps_per_epoch": 200,
    "monitor": "auroc",
    "optimizer": "adadelta",
    "crop_mode": "grid",
    "speech_only": True,
    "mixup": 0.3,
    "annealing": {"patience": 5},
    "precision": "bfloat16",
    "loss": "hinge",
}
NEEDS: dict[str, dict[str, Any]] = {
    "optimizer": {"weight_decay": 0.0},  # AdaDelta has no weight decay
    "speech_only": {"crop_mode": "grid"},  # only windows can be excluded
    "loss": {"label_smoothing": 0.0},  # the hinge loss has no smoothed labels
}


def test_the_signature_is_the_same_on_every_machine_and_in_every_version() -> None:
    recipe = tiny_recipe(training=TRAINING, augment={"warp": {"tempo": 0.2}, "spec-mask": {"times": 1}})
    assert signature_of(recipe) == "d7de5259bf3e"


@pytest.mark.parametrize("change", [{"name": "other"}, {"description": "another"}, {"licence": "MIT"}])
def test_names_do_not_change_the_signature(change: dict[str, Any]) -> None:
    assert signature_of(replace(tiny_recipe(), **change)) == PLAIN


@pytest.mark.parametrize("setting", [*TRAINING, *MORE_TRAINING])
def test_every_training_setting_changes_the_signature(setting: str) -> None:
    beside = NEEDS.get(setting, {})
    plain = signature_of(tiny_recipe(training=beside))
    changed = tiny_recipe(training={setting: (TRAINING | MORE_TRAINING)[setting], **beside})
    assert signature_of(changed) != plain


def test_the_training_settings_above_are_complete() -> None:
    assert {*TRAINING, *MORE_TRAINING} == set(TrainingSettings.__dataclass_fields__)


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": 2.0},
        {"hop": 0.5},
        {"min_seconds": 1.0},
        {"speech_only": False},
        {"combine": "vote"},
        {"context": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_of_the_windows_changes_the_signature(change: dict[str, Any]) -> None:
    plain: dict[str, Any] = {"seconds": 3.0, "hop": 1.0}
    assert signature_of(replace(tiny_recipe(), windows=Windows(**plain))) == PLAIN
    assert signature_of(replace(tiny_recipe(), windows=Windows(**plain | change))) != PLAIN


@pytest.mark.parametrize(
    "change",
    [
        {"labels": "seven"},
        {"front_end": {"name": "log-mel", "bands": 40}},
        {"net": {"name": "log-mel-cnn", "hidden": 9}},
        {"augment": {}},
        {"augment": {"spec-mask": {"times": 1}}},
        {"augment": {"spec-mask": {}, "warp": {}}},
        {"seed": 2},
    ],
)
def test_settings_that_change_the_weights_change_the_signature(change: dict[str, Any]) -> None:
    assert signature_of(replace(tiny_recipe(), **change)) != PLAIN


def test_the_order_of_augmentations_is_in_the_signature() -> None:
    first = replace(tiny_recipe(), augment={"spec-mask": {}, "warp": {}})
    second = replace(tiny_recipe(), augment={"warp": {}, "spec-mask": {}})
    assert signature_of(first) != signature_of(second)


def test_the_order_of_settings_is_not() -> None:
    first = replace(tiny_recipe(), net={"name": "log-mel-cnn", "hidden": 9, "embedding": 8})
    second = replace(tiny_recipe(), net={"embedding": 8, "hidden": 9, "name": "log-mel-cnn"})
    assert signature_of(first) == signature_of(second)


def test_a_name_and_labels_are_enough() -> None:
    recipe = Recipe("plain", "seven")
    assert recipe.net_spec.title
    assert recipe.augmentations == ()
    assert recipe.licence == "unstated"


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
