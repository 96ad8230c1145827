"""Recipes of baselines: signatures contain what changes the predictions, and wrong settings are refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.toy import signature_of

from emotone.config import to_mapping
from emotone.errors import ConfigError, UnknownNameError
from emotone.recipes.classical_recipe import ClassicalRecipe


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
    "of", ["emotone.classical.classifiers.linear_svm.LinearSvm", "emotone.features.functionals.duration.Duration"]
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
