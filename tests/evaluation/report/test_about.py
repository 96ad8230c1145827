"""Descriptions of runs of any version: missing keys are "not recorded", and no value raises an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from emotone.config import from_mapping, to_mapping
from emotone.evaluation.report.about import NOT_RECORDED, AuditLine, RunDescription
from emotone.recipes.library import read_recipe
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_recorded() -> None:
    about = RunDescription({})
    assert (about.system, about.what(), about.method(), about.normalisation()) == (NOT_RECORDED,) * 4
    assert (about.problems(), about.leakage()) == (None, None)
    assert (about.shortcuts(), about.trained_on, about.recipe_toml()) == ((), (), "")
    command = about.command(("toy",), protocol="random-5", seeds=1)
    assert command == "emotone evaluate RECIPE.toml --corpus toy=DIR --protocol random-5"


@pytest.mark.parametrize("key", ["recipe", "model", "protocol", "problems", "leakage", "shortcuts", "scores"])
@pytest.mark.parametrize("value", [None, [], [3], 3, "text", {}])
def test_values_of_another_type_raise_no_error(key: str, value: Any) -> None:
    about = RunDescription({key: value})
    values = (about.system, about.what(), about.method(), about.normalisation(), about.problems(), about.leakage())
    assert all(found is None or isinstance(found, str | tuple) for found in values)
    assert about.shortcuts() == ()
    assert about.command(("toy",), protocol="p", seeds=2).endswith(" --protocol p --seeds 2")


def test_a_recipe_is_written_as_the_file_it_was_read_from(tmp_path: Path) -> None:
    recipe = from_mapping(Recipe, {"name": "mine", "labels": "four", "description": "Four emotions."}, where="test")
    about = RunDescription({"recipe": to_mapping(recipe.written_out())})
    (tmp_path / "mine.toml").write_text(about.recipe_toml(), encoding="utf-8")
    assert read_recipe(tmp_path / "mine.toml") == recipe.written_out()
    assert about.what() == "recipe mine: Four emotions"


def test_commands() -> None:
    recipe = RunDescription({"recipe": {"name": "mine"}})
    assert recipe.command(("a", "my b"), protocol="speaker-folds-5", seeds=3) == (
        "emotone evaluate mine.toml --corpus a=DIR --corpus 'my b'=DIR --protocol speaker-folds-5 --seeds 3"
    )
    model = RunDescription({"model": {"name": "default", "version": "1.0.0", "sha256": "0123456789abcdef"}})
    assert model.command(("a",), protocol="held-out", seeds=1) == "emotone evaluate default --corpus a=DIR"
    assert model.what() == "finished model default 1.0.0 (SHA-256 0123456789ab)"
    again = RunDescription({"recipe": {"name": "other"}, "again": "python other.py"})
    assert again.command(("a",), protocol="held-out", seeds=1) == "python other.py"
    assert again.recipe_toml() == ""


def test_leakage_of_unknown_kinds() -> None:
    about = RunDescription(
        {
            "leakage": {
                "folds": 5,
                "clean": False,
                "shared": {
                    "speakers": {"items": [], "clips": 0},
                    "contents": {"items": None, "clips": 0},
                    "near-duplicates": {"items": ["a = b", "c = d", "e", "f"], "clips": 7},
                },
                "labels_absent_from_training": {"fold-1": ["fear", "joy"]},
                "statistics": {"fitted_on_test": None, "speakers": ["a", "b", "c", "d"], "none": [], "clips": 3},
                "absent_labels": {"fold-2": {"untrained": ["joy"], "untested": []}},
                "given": None,
                "share": 0.123456,
            }
        }
    )
    assert about.leakage() == (
        AuditLine("speakers", "none shared", 0, ""),
        AuditLine("contents", "unknown", None, ""),
        AuditLine("near-duplicates", "4 shared", 7, "a = b, c = d, e, and 1 more"),
        AuditLine("folds", "5", None, ""),
        AuditLine("clean", "no", None, ""),
        AuditLine("labels absent from training", "1", None, "fold-1: fear, joy"),
        AuditLine("statistics", "fitted on test: unknown; speakers: a, b, c, and 1 more; none: none", 3, ""),
        AuditLine("absent labels", "1", None, "fold-2: untrained: joy; untested: none"),
        AuditLine("given", "unknown", None, ""),
        AuditLine("share", "0.1235", None, ""),
    )


def test_problems_and_normalisation() -> None:
    about = RunDescription(
        {"problems": [{"key": "a/1", "message": "too short"}, {}, "odd"], "protocol": {"normalisation": True}}
    )
    assert about.problems() == (("a/1", "too short"), (NOT_RECORDED, NOT_RECORDED), ("odd", NOT_RECORDED))
    assert about.normalisation() == "yes"
    assert (
        RunDescription({"normalisation": {"by": "speaker", "of": ["a", "b"]}}).normalisation()
        == "by: speaker; of: a, b"
    )


def test_the_method_of_a_baseline_is_its_classifier() -> None:
    about = RunDescription({"recipe": {"name": "svm", "classifier": {"name": "linear-svm"}}})
    assert about.method() == "classifier on functionals of whole recordings"
