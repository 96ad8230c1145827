"""`run.json` of any version: what is there is told, what is not is "not recorded", and nothing stops the report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made

from emotone.config import from_mapping, to_mapping
from emotone.errors import ConfigError, RunError
from emotone.evaluation.report.about import NOT_RECORDED, RunDescription, AuditLine, read_about
from emotone.recipes.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_recorded() -> None:
    about = RunDescription({})
    assert (about.system, about.what(), about.how(), about.normalisation()) == (NOT_RECORDED,) * 4
    assert (about.problems(), about.leakage()) == (None, None)
    assert (about.shortcuts(), about.trained_on, about.recipe_toml()) == ((), (), "")
    command = about.command(("toy",), protocol="random-5", seeds=1)
    assert command == "emotone evaluate RECIPE.toml --corpus toy=DIR --protocol random-5"


@pytest.mark.parametrize("key", ["recipe", "model", "protocol", "problems", "leakage", "shortcuts", "scores"])
@pytest.mark.parametrize("value", [None, [], [3], 3, "text", {}])
def test_values_of_another_kind_stop_nothing(key: str, value: Any) -> None:
    about = RunDescription({key: value})
    told = (about.system, about.what(), about.how(), about.normalisation(), about.problems(), about.leakage())
    assert all(found is None or isinstance(found, str | tuple) for found in told)
    assert about.shortcuts() == ()
    assert about.command(("toy",), protocol="p", seeds=2).endswith(" --protocol p --seeds 2")


def test_a_recipe_comes_back_as_the_file_it_was(tmp_path: Path) -> None:
    recipe = from_mapping(Recipe, {"name": "mine", "labels": "four", "description": "Four emotions."}, where="test")
    about = RunDescription({"recipe": to_mapping(recipe.expanded())})
    (tmp_path / "mine.toml").write_text(about.recipe_toml(), encoding="utf-8")
    assert read_recipe(tmp_path / "mine.toml").signature == recipe.signature
    assert about.what() == "the recipe mine: Four emotions"


def test_commands() -> None:
    recipe = RunDescription({"recipe": {"name": "mine"}})
    assert recipe.command(("a", "my b"), protocol="speaker-folds-5", seeds=3) == (
        "emotone evaluate mine.toml --corpus a=DIR --corpus 'my b'=DIR --protocol speaker-folds-5 --seeds 3"
    )
    model = RunDescription({"model": {"name": "default", "version": "1.0.0", "sha256": "0123456789abcdef"}})
    assert model.command(("a",), protocol="held-out", seeds=1) == "emotone evaluate default --corpus a=DIR"
    assert model.what() == "the finished model default 1.0.0 (SHA-256 0123456789ab)"
    again = RunDescription({"recipe": {"name": "other"}, "again": "python other.py"})
    assert again.command(("a",), protocol="held-out", seeds=1) == "python other.py"
    assert again.recipe_toml() == ""


def test_leakage_of_kinds_that_are_not_known_yet() -> None:
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
    assert RunDescription({"normalisation": {"by": "speaker", "of": ["a", "b"]}}).normalisation() == "by: speaker; of: a, b"


def test_folders_that_are_no_evaluation(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no finished evaluation"):
        read_about(tmp_path)
    folder = Made(speakers=2).write(tmp_path / "run")
    (folder / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not valid JSON"):
        read_about(folder)
    (folder / "run.json").write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(ConfigError, match="does not describe an evaluation"):
        read_about(folder)


def test_a_baseline_is_judged_by_its_classifier() -> None:
    about = RunDescription({"recipe": {"name": "svm", "classifier": {"name": "linear-svm"}}})
    assert about.how() == "by the classifier, from functionals of whole recordings"
