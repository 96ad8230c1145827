"""Scores of detectors, and the operating points of a shipped one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.made_runs import Made, made_detector, write_run
from tests.toy import tiny_recipe

from emotone.config import to_mapping
from emotone.errors import RunError, UsageError
from emotone.metrics.detection import threshold_at
from emotone.recipes.library import load_recipe
from emotone.scoring.detection import (
    RATES,
    AppliedThreshold,
    chosen_threshold,
    operating_points,
    operating_points_table,
)
from emotone.scoring.finished_run import VALIDATION
from emotone.scoring.operating_points import (
    OWN,
    add_operating_points,
    operating_points_of,
    recorded_points,
    stored_threshold,
)
from emotone.scoring.predictions import PredictionRow, PredictionsTable

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.recipes.recipe import Recipe


# ----------------------------------------------------------------------------------------------------------------------
# Thresholds chosen on one table and applied to another, counted on fingers and against slow twins.

LABELS = ("anger", "other")
OTHER_VALIDATION = made_detector(2.0, draw=1, corpus="before")


def clip(
    name: str, truth: str, *chances: float, speaker: str = "s1", hop: float = 0.5, seed: int = 0
) -> list[PredictionRow]:
    """Return a clip and its windows of 1 s, by their probabilities of anger."""
    mean = float(np.mean(chances))
    whole = PredictionRow(
        f"toy/{name}", "toy", "held-out", "all", seed, speaker, truth, (mean, 1 - mean), "f00d", None, None, None
    )
    return [
        whole,
        *(
            replace(whole, segment=n, start=hop * n, end=hop * n + 1, probabilities=(p, 1 - p))
            for n, p in enumerate(chances)
        ),
    ]


def table_of(*clips: list[PredictionRow]) -> PredictionsTable:
    return PredictionsTable.from_rows([row for rows in clips for row in rows], labels=LABELS)


CHOSEN = table_of(clip("v1", "other", 0.1, 0.2, 0.3, 0.8), clip("v2", "anger", 0.7, 0.9), clip("v3", "other", 0.4))
# At 0.7: calm speech of 7 windows has 4 alarms, in 2 stretches; anger of 3 windows has 2.
TESTED = table_of(
    clip("t1", "other", 0.9, 0.8, 0.2, 0.1),
    clip("t2", "other", 0.7, 0.75, 0.6, speaker="s2"),
    clip("t3", "anger", 0.9, 0.1, 0.7, speaker="s2"),
)


def point(rate: float = 0.2, *, test: PredictionsTable = TESTED, merge: bool = False) -> AppliedThreshold:
    (found,) = operating_points(CHOSEN, test, rates=[rate], merge=merge, replicates=50)
    return found


def test_counted_on_fingers() -> None:
    found = point()
    assert (found.threshold, found.chosen_rate, found.wanted) == (0.7, 0.2, 0.2)  # of five calm windows, one
    assert (found.positive, found.per, found.corpus) == ("anger", "window", "toy")
    assert found.false_positive_rate.value == pytest.approx(4 / 7)
    assert found.recall.value == pytest.approx(2 / 3)
    assert found.precision.value == pytest.approx(2 / 6)
    assert found.hours == pytest.approx(7 * 0.5 / 3600)
    assert found.alarms_per_hour.value == pytest.approx(4 / (7 * 0.5 / 3600))
    assert (found.n, found.positives, found.speakers) == (10, 3, 2)


def test_merged_alarms_are_events() -> None:
    found = point(merge=True)
    assert found.merged
    assert found.alarms_per_hour.value == pytest.approx(2 / (7 * 0.5 / 3600))
    assert found.recall.value == pytest.approx(2 / 3)  # of windows all the same


def test_seeds_and_a_missing_window_part_events() -> None:
    again = clip("t1", "other", 0.9, 0.8, 0.2, 0.1, seed=1)
    hole = clip("t4", "other", 0.9, 0.9, 0.9)
    del hole[2]  # the middle window: its neighbours do not follow each other
    found = point(test=table_of(clip("t1", "other", 0.9, 0.8, 0.2, 0.1), again, hole), merge=True)
    assert found.alarms_per_hour.value == pytest.approx(4 / (10 * 0.5 / 3600))


def test_the_order_of_rows_does_not_matter(rng: np.random.Generator) -> None:
    order = rng.permutation(len(TESTED))
    mixed = PredictionsTable(labels=LABELS, **{name: column[order] for name, column in TESTED.columns().items()})
    assert point(test=mixed, merge=True) == point(merge=True)


def test_silence_is_no_alarm() -> None:
    # With a threshold below 0.5, windows in which nobody speaks would be alarms.
    chosen = table_of(clip("v1", "other", 0.1, 0.2, 0.5, 0.5), clip("v2", "anger", 0.45))
    test = table_of(clip("t1", "other", 0.5, 0.46), clip("t2", "anger", 0.5, 0.9))
    (found,) = operating_points(chosen, test, rates=[0.0], replicates=20)
    assert found.threshold == 0.45
    assert (found.false_positive_rate.value, found.recall.value) == (0.5, 0.5)


def test_where_nothing_is_high_enough_nothing_is_called() -> None:
    chosen = table_of(clip("v1", "other", 0.9), clip("v2", "anger", 0.8))
    (found,) = operating_points(chosen, TESTED, rates=[0.0], replicates=20)
    assert found.threshold is None
    assert (found.false_positive_rate.value, found.recall.value, found.alarms_per_hour.value) == (0.0, 0.0, 0.0)
    assert (found.precision.value, found.precision.note) == (None, "undefined: there is no alarm")
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()


@pytest.mark.parametrize(("truth", "lacking"), [("anger", "without anger"), ("other", "with anger")])
def test_one_class_leaves_the_other_rate_undefined(truth: str, lacking: str) -> None:
    found = point(test=table_of(clip("t1", truth, 0.9, 0.1), clip("t2", truth, 0.8, 0.1, speaker="s2")))
    undefined = found.false_positive_rate if truth == "anger" else found.recall
    assert (undefined.value, undefined.note) == (None, f"undefined: there is no window {lacking}")
    assert (found.alarms_per_hour.value is None) is (truth == "anger")


def test_what_can_not_be_resampled_has_a_value_and_no_interval() -> None:
    one = point(test=TESTED.where(TESTED.speaker == "s2"))
    assert one.recall.value == pytest.approx(2 / 3)
    assert (one.recall.low, one.recall.note) == (None, "no interval: there is only one speaker")
    assert point().recall.note == "no interval: it depends on one speaker only"  # all anger is of s2
    nameless = PredictionsTable(labels=LABELS, **{**TESTED.columns(), "speaker": np.full(len(TESTED), "")})
    found = point(test=nameless)
    assert found.speakers == 0
    assert found.recall.note == "no interval: the speaker of 10 of 10 windows is unknown"


@pytest.mark.parametrize("merge", [False, True])
def test_intervals_have_a_slow_twin(merge: bool) -> None:
    test = made_detector(1.0, draw=5, speakers=5)
    (found,) = operating_points(OTHER_VALIDATION, test, rates=[0.2], merge=merge, seed=4, replicates=60)
    windows = test.windows()
    assert found.threshold is not None
    alarms, angry = windows.probabilities[:, 0] >= found.threshold, windows.truth == "anger"
    counted = alarms.copy()
    if merge:
        for row in range(1, len(windows)):
            counted[row] &= not (alarms[row - 1] and windows.segment[row] > 0)
    names = np.unique(windows.speaker)
    rates, hourly = [], []
    for draw in np.random.default_rng(4).multinomial(5, np.full(5, 1 / 5), size=60):
        rows = np.concatenate([np.flatnonzero(windows.speaker == name) for name in np.repeat(names, draw)])
        calm = rows[~angry[rows]]
        rates.append(alarms[calm].mean())
        hourly.append(counted[calm].sum() / (len(calm) * 0.6 / 3600))
    assert (found.false_positive_rate.low, found.false_positive_rate.high) == pytest.approx(
        tuple(np.quantile(rates, [0.025, 0.975]))
    )
    assert (found.alarms_per_hour.low, found.alarms_per_hour.high) == pytest.approx(
        tuple(np.quantile(hourly, [0.025, 0.975]))
    )


def test_corpora_are_scored_separately_with_one_threshold() -> None:
    test = PredictionsTable.concat([made_detector(1.0, draw=n, corpus=name) for n, name in enumerate(("one", "two"))])
    points = operating_points(OTHER_VALIDATION, test, replicates=20)
    assert [(found.corpus, found.wanted) for found in points] == [(name, r) for name in ("one", "two") for r in RATES]
    assert [found.threshold for found in points[:3]] == [found.threshold for found in points[3:]]
    assert all(found.chosen_rate <= found.wanted for found in points)


def test_clips_have_no_alarms_per_hour() -> None:
    (found,) = operating_points(CHOSEN, TESTED, rates=[0.5], per="clip", replicates=20)
    assert (found.n, found.hours, found.alarms_per_hour.value) == (3, None, None)
    assert found.alarms_per_hour.note == "undefined: clips have no duration"
    short = table_of(clip("t1", "other", 0.9), clip("t2", "anger", 0.9, speaker="s2"))
    assert point(test=short).alarms_per_hour.note == "undefined: no utterance has two windows"


def test_the_last_window_may_lie_closer() -> None:
    rows = clip("t1", "other", 0.1, 0.1, 0.1, 0.1)
    rows[-1] = replace(rows[-1], start=1.1, end=2.1)  # aligned to the end of the recording
    found = point(test=table_of(rows, clip("t2", "anger", 0.9, speaker="s2")))
    assert found.hours == pytest.approx(4 * 0.5 / 3600)


def test_the_chosen_threshold_is_the_one_that_is_applied() -> None:
    windows = OTHER_VALIDATION.windows()
    expected = threshold_at(windows.truth == "anger", windows.probabilities[:, 0], false_positive_rate=0.05)
    (found,) = chosen_threshold(OTHER_VALIDATION, false_positive_rate=0.05, replicates=50)
    assert (found.threshold, found.wanted, found.corpus) == (expected.threshold, 0.05, "before")
    assert found.false_positive_rate.value == found.chosen_rate == expected.false_positive_rate
    assert found.recall.value == expected.true_positive_rate
    calm = windows.truth == "other"
    alarms = int((windows.probabilities[calm, 0] >= expected.threshold).sum())
    assert found.alarms_per_hour.value == pytest.approx(alarms / (calm.sum() * 0.6 / 3600))
    (clips,) = chosen_threshold(CHOSEN, false_positive_rate=0.0, per="clip", replicates=20)
    assert clips.threshold == pytest.approx(0.8)
    with pytest.raises(RunError, match="no threshold limits false alarms to 0 %: the highest probabilities are not of"):
        chosen_threshold(table_of(clip("v1", "other", 0.9), clip("v2", "anger", 0.8)), false_positive_rate=0.0)


def test_one_threshold_is_chosen_over_all_corpora() -> None:
    both = PredictionsTable.concat([made_detector(2.0, draw=n, corpus=name) for n, name in enumerate(("one", "two"))])
    found = chosen_threshold(both, false_positive_rate=0.1, replicates=20)
    assert [point.corpus for point in found] == ["one", "two"]
    assert len({point.threshold for point in found}) == len({point.chosen_rate for point in found}) == 1
    rates = [point.false_positive_rate.value or 0.0 for point in found]
    assert np.mean(rates) == pytest.approx(found[0].chosen_rate)  # as many windows without anger in each
    assert found[0].chosen_rate <= 0.1


def test_refusals() -> None:
    with pytest.raises(RunError, match=r"3 utterances are in both tables \(first: toy/t1\): the rates of a threshold"):
        operating_points(TESTED, TESTED)
    three = Made(speakers=2).table()
    with pytest.raises(RunError, match=r"one emotion and 'other' as labels; given fear, joy, sadness$"):
        operating_points(three, three)
    swapped = PredictionsTable.from_rows(clip("x", "other", 0.1), labels=("fear", "other"))
    with pytest.raises(RunError, match="given anger, other and fear, other"):
        operating_points(CHOSEN, swapped)
    with pytest.raises(RunError, match="has no row of a window"):
        operating_points(CHOSEN, TESTED.whole_utterances())
    with pytest.raises(UsageError, match="per is 'second'; allowed: window, clip"):
        operating_points(CHOSEN, TESTED, per="second")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="the false positive rate is 2"):
        operating_points(CHOSEN, TESTED, rates=[2])
    with pytest.raises(RunError, match="undefined with one class"):
        operating_points(CHOSEN.where(CHOSEN.truth == "other"), TESTED)


def test_as_a_table() -> None:
    table = operating_points_table(operating_points(CHOSEN, TESTED, rates=[0.0, 0.2], merge=True, replicates=50))
    assert table.columns[-3:] == ("false alarms per hour, merged", "n", "speakers")
    assert table.rows[0][:7] == ("toy", "window", "0", "0.9", "14.3 [0.0, 25.0]", "33.3", "50.0 [0.0, 100.0]")
    assert table.rows[1][:6] == ("toy", "window", "20", "0.7", "57.1 [50.0, 66.7]", "66.7")
    assert "toy: recall: no interval: it depends on one speaker only" in table.notes
    clips = operating_points_table(operating_points(CHOSEN, TESTED, per="clip", rates=[0.5], replicates=20))
    assert clips.rows[0][-3:] == ("undefined", "3", "2")


# ----------------------------------------------------------------------------------------------------------------------
# Operating points of finished runs: what they are chosen on, where they are kept, which runs do not go together.

RECIPE = tiny_recipe(labels="anger")
BEFORE, AFTER = made_detector(2.0, draw=1, corpus="before"), made_detector(1.0, draw=2, corpus="after")


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
