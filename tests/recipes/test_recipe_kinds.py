"""Recipes of each kind: settings that are allowed, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import signature_of

from emotone.config import to_mapping
from emotone.errors import ConfigError, UnknownNameError
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.recogniser_recipe import (
    CtcSettings,
    RecogniserRecipe,
    is_recogniser_recipe,
    read_recogniser_recipe,
)
from emotone.recipes.source_recipe import (
    DistillationSettings,
    ExcerptSettings,
    SoundFolder,
    SourceRecipe,
    read_source_recipe,
)
from emotone.recipes.training import Annealing, TrainingSettings

if TYPE_CHECKING:
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# Recipes of baselines: signatures contain what changes the predictions, and wrong settings are refused.


def recipe(**changes: Any) -> ClassicalRecipe:
    fields: dict[str, Any] = {
        "name": "toy",
        "labels": "every",
        "functionals": {"name": "duration"},
        "classifier": {"name": "linear-svm", "cost": [1.0]},
        **changes,
    }
    return ClassicalRecipe(**fields)


def test_a_recipe_written_out_is_the_same_recipe() -> None:
    given = ClassicalRecipe("toy", "every", classifier={"name": "mlp", "hidden": 16})
    full = given.written_out()
    assert signature_of(full) == signature_of(given)
    assert full.written_out() == full
    assert to_mapping(full)["classifier"] == {"name": "mlp", "hidden": 16, "penalty": [0.1, 1.0, 10.0], "epochs": 60}
    assert full.functionals == {"name": "opensmile", "feature_set": "IS10"}


def test_every_setting_is_written() -> None:
    assert to_mapping(recipe())["adaptation"] == "none"
    assert to_mapping(recipe(adaptation="coral"))["adaptation"] == "coral"


@pytest.mark.parametrize("change", [{"name": "other"}, {"description": "something else"}])
def test_names_do_not_change_the_signature(change: dict[str, Any]) -> None:
    assert signature_of(recipe(**change)) == signature_of(recipe())


@pytest.mark.parametrize(
    "change",
    [
        {"labels": "seven"},
        {"functionals": {"name": "loudness"}},
        {"classifier": {"name": "linear-svm", "cost": [2.0]}},
        {"classifier": {"name": "logistic-regression", "cost": [1.0]}},
        {"selection": "iemocap-two-raters"},
        {"seed": 2},
        {"adaptation": "corpora"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_settings_that_change_predictions_change_the_signature(change: dict[str, Any]) -> None:
    assert signature_of(recipe(**change)) != signature_of(recipe())


@pytest.mark.parametrize(
    "of", ["emotone.classical.classifiers.svm.LinearSvm", "emotone.features.functionals.cues.Duration"]
)
def test_versions_of_the_code_are_in_the_signature(of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signature_of(recipe())
    monkeypatch.setattr(f"{of}.version", 99)
    assert signature_of(recipe()) != before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": "My Net"}, ConfigError, "name 'My Net' must be lower-case letters"),
        ({"seed": -1}, ConfigError, "seed must not be negative; given -1"),
        ({"labels": "svn"}, UnknownNameError, "unknown label set 'svn'"),
        ({"selection": "iemocap-two-rater"}, UnknownNameError, "did you mean 'iemocap-two-raters'"),
        ({"functionals": {"name": "opensmil"}}, UnknownNameError, "did you mean 'opensmile'"),
        ({"functionals": {}}, ConfigError, "functionals: missing name; allowed: "),
        (
            {"functionals": {"name": "opensmile", "feature_set": "IS11"}},
            ConfigError,
            "feature_set: unknown value 'IS11'",
        ),
        ({"adaptation": "corall"}, ConfigError, "adaptation: unknown value 'corall'; did you mean 'coral'"),
        ({"classifier": {"name": "svm"}}, UnknownNameError, "unknown classifier 'svm'; did you mean"),
    ],
)
def test_wrong_settings_are_refused(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        recipe(**change)


# ----------------------------------------------------------------------------------------------------------------------
#

SOUND = {"rain": SoundFolder(group="(.)", licence="CC0-1.0")}
TEXT = """
name = "mine"
teacher = "mn04"
[sound.rain]
group = '^(\\d)-'
licence = "CC0-1.0"
held_out = ["5"]
[excerpts]
seconds = 2
[training]
precision = "bfloat16"
"""


def test_a_recipe_is_read_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TEXT)
    recipe = read_source_recipe(tmp_path / "mine.toml")
    assert recipe.sound["rain"].held_out == ("5",)
    assert recipe.excerpts.seconds == 2.0
    assert recipe.training == DistillationSettings(precision="bfloat16")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seconds = 2", "second = 2", "did you mean 'seconds'"),
        ("bfloat16", "float16", "unknown value 'float16'; did you mean 'bfloat16'"),
        ("(\\d)-", "\\d-", "needs one pair of parentheses; it has 0"),
        ("(\\d)-", "(\\d-", "is not a regular expression"),
        ('"mine"', '"Mine!"', "must be lower-case"),
        ("seconds = 2", "mix_probability = 2", "excerpts: mix_probability must be between 0 and 1; given 2"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(TEXT.replace(old, new))
    with pytest.raises(ConfigError, match=message.replace("(", r"\(").replace("?", r"\?")):
        read_source_recipe(tmp_path / "mine.toml")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SourceRecipe("a", {}), "at least one"),
        (lambda: SourceRecipe("a", SOUND, seed=-1), "seed must not be negative"),
        (lambda: replace(SOUND["rain"], weight=0.0), "weight must be above 0"),
        (lambda: replace(SOUND["rain"], held_out_share=1.0), "held_out_share must be between"),
        (lambda: ExcerptSettings(max_shift=2.0), "max_shift must be between 0 and 1.5"),
        (lambda: DistillationSettings(temperature=0.0), "temperature"),
        (lambda: DistillationSettings(batch_size=1), "batch_size must be between 2"),
    ],
)
def test_numbers_out_of_range_are_errors(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_the_signature_counts_what_changes_the_weights_only() -> None:
    recipe = SourceRecipe("a", SOUND)
    told = replace(SOUND["rain"], licence="CC-BY-4.0", attribution="someone")
    assert replace(recipe, name="b", licence="MIT", description="x", sound={"rain": told}).signature == recipe.signature
    changed = [
        replace(recipe, seed=2),
        replace(recipe, level=-25.0),
        replace(recipe, sound={"rain": replace(SOUND["rain"], weight=2.0)}),
        replace(recipe, excerpts=ExcerptSettings(mix_probability=0.1)),
        replace(recipe, training=DistillationSettings(steps=5)),
    ]
    assert len({one.signature for one in (recipe, *changed)}) == len(changed) + 1


def test_a_recipe_survives_its_own_mapping() -> None:
    from emotone.config import from_mapping

    recipe = SourceRecipe("a", SOUND)
    assert from_mapping(SourceRecipe, to_mapping(recipe), where="test") == recipe


# ----------------------------------------------------------------------------------------------------------------------
# Training settings: every number has a range, and says it.


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, r"training: epochs must be between 1 and 100000; given 0"),
        ("batch_size", 1, r"training: batch_size must be between 2 and 65536; given 1"),
        ("learning_rate", 0.0, r"learning_rate must be between 1e-09 and 10; given 0"),
        ("learning_rate", math.nan, r"learning_rate must be between 1e-09 and 10; given nan"),
        ("weight_decay", -1.0, r"weight_decay must be between 0 and 10; given -1"),
        ("warmup", 1.0, r"warmup must be between 0 and 0.9; given 1"),
        ("label_smoothing", 0.95, r"label_smoothing must be between 0 and 0.9; given 0.95"),
        ("balance", 1.5, r"balance must be between 0 and 1; given 1.5"),
        ("crop_seconds", 0.05, r"crop_seconds must be between 0.1 and 600; given 0.05"),
        ("ema_decay", 1.0, r"ema_decay must be between 0 and 0.99999; given 1"),
        ("patience", -1, r"patience must be between 0 and 100000; given -1"),
        ("grad_clip_norm", -1.0, r"grad_clip_norm must be between 0 and 1e\+06; given -1"),
        ("steps_per_epoch", -1, r"steps_per_epoch must be between 0 and 1e\+06; given -1"),
    ],
)
def test_a_number_out_of_range_is_refused(name: str, value: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingSettings(**{name: value})  # type: ignore[arg-type]


def test_adadelta_has_no_weight_decay() -> None:
    assert TrainingSettings(optimizer="adadelta", weight_decay=0.0, learning_rate=1.0).optimizer == "adadelta"
    with pytest.raises(ConfigError, match=r"training: adadelta has no weight decay; set weight_decay = 0, given 0.02"):
        TrainingSettings(optimizer="adadelta")


def test_shuffled_examples_make_as_many_batches_as_they_fill() -> None:
    with pytest.raises(
        ConfigError,
        match=r"number of batches follows from the number of examples; set steps_per_epoch = 0, given 9",
    ):
        TrainingSettings(sampling="shuffled", steps_per_epoch=9)


def test_the_defaults_are_in_range() -> None:
    assert TrainingSettings() == TrainingSettings()


def test_windows_without_speech_are_left_out_where_windows_are_learned() -> None:
    assert TrainingSettings(speech_only=True, crop_mode="grid").speech_only
    with pytest.raises(ConfigError, match=r'speech_only excludes windows and needs crop_mode = "grid".*given "random"'):
        TrainingSettings(speech_only=True)


@pytest.mark.parametrize(
    ("scores", "share"),
    [
        ([], 1.0),
        ([None, None, None], 1.0),
        ([0.1, 0.2, 0.3], 1.0),
        ([0.3, 0.2], 1.0),
        ([0.3, 0.2, 0.3], 0.1),  # an equal score is no improvement
        ([0.3, 0.2, 0.1, 0.2, 0.1], 0.01),
        ([0.3, 0.2, 0.1, 0.2, 0.4, 0.1], 0.1),  # the count starts again with an improvement
    ],
)
def test_the_learning_rate_is_annealed_after_epochs_without_improvement(
    scores: list[float | None], share: float
) -> None:
    assert Annealing(patience=2, factor=0.1).share(scores) == pytest.approx(share)


def test_training_stops_at_the_minimum_in_spite_of_rounding() -> None:
    annealing = Annealing(patience=1, factor=0.1, minimum=1e-6)
    assert annealing.stops(1e-4 * annealing.share([1.0, 0.0, 0.0]))
    assert not annealing.stops(1e-4 * annealing.share([1.0, 0.0]))


def test_annealing_is_within_its_ranges() -> None:
    with pytest.raises(ConfigError, match=r"training.annealing: factor must be between 0.001 and 0.999; given 1"):
        Annealing(factor=1.0)


def test_sorted_examples_have_as_many_batches_as_there_are_examples_for() -> None:
    with pytest.raises(ConfigError, match=r"set steps_per_epoch = 0, given 5"):
        TrainingSettings(sampling="sorted-first", steps_per_epoch=5)


def test_the_hinge_loss_has_no_smoothed_labels() -> None:
    with pytest.raises(ConfigError, match=r"set label_smoothing = 0, given 0.1"):
        TrainingSettings(loss="hinge")
    assert TrainingSettings(loss="hinge", label_smoothing=0.0).loss == "hinge"


# ----------------------------------------------------------------------------------------------------------------------
# Recipes of recognisers: defaults of the paper, ranges, and what tells them from recipes of students.

TOML = 'name = "mine"\ncorpora = ["librispeech"]\nunits = 8\n[training]\nepochs = 2\n'


def test_defaults_are_those_of_the_paper(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    recipe = read_recogniser_recipe(tmp_path / "mine.toml")
    assert (recipe.units, recipe.layers, recipe.max_seconds) == (8, 5, 15.0)
    assert (recipe.training.epochs, recipe.training.learning_rate, recipe.training.division) == (2, 3e-4, 1.1)
    assert recipe.recogniser.units == 8


def test_the_key_corpora_tells_a_recogniser_from_a_student(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    (tmp_path / "student.toml").write_text('name = "mine"\n')
    assert is_recogniser_recipe(tmp_path / "mine.toml")
    assert not is_recogniser_recipe(tmp_path / "student.toml")


def test_the_signature_depends_on_what_affects_the_weights() -> None:
    recipe = RecogniserRecipe("mine", ("librispeech",))
    assert recipe.signature == RecogniserRecipe("other", ("librispeech",), description="x").signature
    assert recipe.signature != RecogniserRecipe("mine", ("librispeech",), layers=4).signature
    assert recipe.signature != RecogniserRecipe("mine", ("librispeech",), training=CtcSettings(momentum=0.9)).signature


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"corpora": ()}, ConfigError, r"needs corpora to train on; there are librispeech, manifest, ted-lium"),
        ({"corpora": ("librispech",)}, UnknownNameError, r"unknown transcribed corpus 'librispech'; did you mean"),
        ({"held_out_share": 0.0}, ConfigError, r"held_out_share must be between 0.001 and 0.9; given 0"),
        ({"characters": "AA"}, ConfigError, r"each once; given 'AA'"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        RecogniserRecipe(**{"name": "mine", "corpora": ("librispeech",), **changes})


def test_numbers_of_the_training_are_in_their_ranges() -> None:
    with pytest.raises(ConfigError, match=r"training: division must be between 1 and 10; given 0.9"):
        CtcSettings(division=0.9)
