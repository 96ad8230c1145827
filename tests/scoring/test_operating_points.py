"""Operating points of finished runs: what they are chosen on, where they are kept, which runs do not go together."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made, made_detector, write_run
from tests.toy import tiny_recipe

from emotone.config import to_mapping
from emotone.errors import RunError
from emotone.metrics.detection import threshold_at
from emotone.recipes.library import load_recipe
from emotone.scoring.detection import RATES, operating_points
from emotone.scoring.finished_run import VALIDATION
from emotone.scoring.operating_points import (
    OWN,
    add_operating_points,
    operating_points_of,
    recorded_points,
    stored_threshold,
)

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.recipes.recipe import Recipe

RECIPE = tiny_recipe(labels="anger")
BEFORE, AFTER = made_detector(2.0, draw=1, corpus="before"), made_detector(1.0, draw=2, corpus="after")
LABELS = ("anger", "other")


def about(recipe: Recipe = RECIPE, *, independent: bool | None = True) -> dict[str, Any]:
    return {"recipe": to_mapping(recipe.written_out()), "scores": [{"speaker_independent": independent}]}


def of_model(name: str, sha256: str) -> dict[str, Any]:
    return {"model": {"name": name, "version": "1.0.0", "sha256": sha256}, "scores": []}


def test_thresholds_of_another_run(tmp_path: Path) -> None:
    before, after = write_run(tmp_path / "b", BEFORE, **about()), write_run(tmp_path / "a", AFTER, **about())
    found = operating_points_of(after, validation=before)
    assert found is not None
    assert (found.validation, found.points) == ("b", operating_points(BEFORE, AFTER))
    assert found.table().caption == "Thresholds chosen on b, and their rates on the test data (x 100)."
    assert "| after | window | 5 | 0." in found.table().markdown()


def test_thresholds_of_the_own_development_part(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", AFTER, **about())
    assert operating_points_of(run) is None
    BEFORE.write(run / VALIDATION)
    found = operating_points_of(run)
    assert found is not None
    assert (found.validation, found.points) == (OWN, operating_points(BEFORE, AFTER))


def test_a_development_part_that_is_tested_elsewhere_gives_none(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", AFTER, **about())
    AFTER.write(run / VALIDATION)  # of another fold's net
    assert operating_points_of(run) is None


def test_what_is_no_detector_has_none(tmp_path: Path) -> None:
    table = Made(speakers=2).table()
    run = write_run(tmp_path / "a", table)
    Made(speakers=2, corpora=("elsewhere",)).table().write(run / VALIDATION)
    assert operating_points_of(run) is None


def test_they_are_kept_with_the_run(tmp_path: Path) -> None:
    before, after = write_run(tmp_path / "b", BEFORE, **about()), write_run(tmp_path / "a", AFTER, **about())
    found = operating_points_of(after, validation=before)
    assert found is not None
    add_operating_points(after, found)
    add_operating_points(after, found)
    told = json.loads((after / "run.json").read_text(encoding="utf-8"))
    assert told["operating_points"] == json.loads(json.dumps(found.to_dict()))
    assert [point["wanted"] for point in told["operating_points"]["points"]] == list(RATES)
    assert told["recipe"]["name"] == "toy"


def test_kept_points_read_back(tmp_path: Path) -> None:
    before, after = write_run(tmp_path / "b", BEFORE, **about()), write_run(tmp_path / "a", AFTER, **about())
    found = operating_points_of(after, validation=before)
    assert found is not None
    add_operating_points(after, found)
    told = json.loads((after / "run.json").read_text(encoding="utf-8"))
    assert recorded_points(told) == found
    assert recorded_points({}) is recorded_points({"operating_points": "none"}) is None
    with pytest.raises(RunError, match=r"operating_points can't be read: KeyError\('points'\); run"):
        recorded_points({"operating_points": {"validation": "b"}})


def test_a_model_is_known_by_its_name(tmp_path: Path) -> None:
    before = write_run(tmp_path / "b", BEFORE, **of_model("anger", "1" * 64))
    after = write_run(tmp_path / "a", AFTER, **of_model("anger", "2" * 64))  # the same, with its threshold
    assert operating_points_of(after, validation=before) is not None
    other = write_run(tmp_path / "c", AFTER, **of_model("joy", "2" * 64))
    with pytest.raises(RunError, match="b evaluates anger, not joy; thresholds apply to one system"):
        operating_points_of(other, validation=before)


def test_other_settings_are_another_system(tmp_path: Path) -> None:
    longer = replace(RECIPE, training=replace(RECIPE.training, epochs=9), seed=5, description="Other words.")
    before, after = write_run(tmp_path / "b", BEFORE, **about(longer)), write_run(tmp_path / "a", AFTER, **about())
    with pytest.raises(
        RunError, match=r"b evaluates toy with settings that differ from toy \(training\); thresholds apply to"
    ):
        operating_points_of(after, validation=before)


def test_names_and_seeds_make_no_other_system(tmp_path: Path) -> None:
    renamed = replace(RECIPE, name="other", seed=5, licence="MIT", description="Other words.")
    before, after = write_run(tmp_path / "b", BEFORE, **about(renamed)), write_run(tmp_path / "a", AFTER, **about())
    assert operating_points_of(after, validation=before) is not None


@pytest.mark.parametrize("name", ["anger-soundnet", "is10-linear-svm"])
def test_recipes_of_every_kind_are_compared(tmp_path: Path, name: str) -> None:
    told = {"recipe": to_mapping(load_recipe(name).written_out())}
    before, after = write_run(tmp_path / "b", BEFORE, **told), write_run(tmp_path / "a", AFTER, **told)
    assert operating_points_of(after, validation=before) is not None


def test_the_stored_threshold_and_what_a_card_says_of_it(tmp_path: Path) -> None:
    before = write_run(tmp_path / "b", BEFORE, **about())
    found = stored_threshold(before, RECIPE, labels=LABELS, rate=0.05)
    windows = BEFORE.windows()
    expected = threshold_at(windows.truth == "anger", windows.probabilities[:, 0], false_positive_rate=0.05)
    assert found.thresholds == {"anger": expected.threshold}
    text = found.markdown()
    assert text.startswith(
        f"The model predicts `anger` if its probability is at least {expected.threshold:.4g}, in windows"
    )
    assert "limits false alarms to 5 % of the windows of `b`" in text
    assert f"| before | window | 5 | {expected.threshold:.4g} | {100 * expected.false_positive_rate:.1f} [" in text
    assert json.loads(json.dumps(found.to_dict()))["points"][0]["positive"] == "anger"


def test_thresholds_that_would_not_hold_are_refused(tmp_path: Path) -> None:
    dependent = write_run(tmp_path / "d", BEFORE, **about(independent=False))
    with pytest.raises(RunError, match="d is speaker-dependent: a threshold chosen on it gives"):
        stored_threshold(dependent, RECIPE, labels=LABELS, rate=0.05)
    before = write_run(tmp_path / "b", BEFORE, **about())
    with pytest.raises(RunError, match="b has the labels anger, other; the training run has joy, other"):
        stored_threshold(before, RECIPE, labels=("joy", "other"), rate=0.05)
    with pytest.raises(RunError, match="contains no finished evaluation"):
        stored_threshold(tmp_path / "nowhere", RECIPE, labels=LABELS, rate=0.05)
