"""Parts of a report: what it says about the run, its headline, its overview, and its twin in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.made_runs import LABELS, Made, write_run

from emotone.config import from_mapping, to_mapping
from emotone.errors import missing_extra
from emotone.evaluation.report import overview
from emotone.evaluation.report.about import NOT_RECORDED, AuditLine, RunDescription
from emotone.evaluation.report.corpus_sections import headline
from emotone.evaluation.report.overview import RunGroups, group_runs
from emotone.evaluation.report.run_report import report_of, reports_of
from emotone.recipes.library import read_recipe
from emotone.recipes.recipe import Recipe
from emotone.scoring.comparison import compare_runs
from emotone.scoring.predictions import PredictionsTable
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.evaluation.report.run_report import CorpusReport, TwinRun


# ----------------------------------------------------------------------------------------------------------------------
# Descriptions of runs of any version: missing keys are "not recorded", and no value raises an error.


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


# ----------------------------------------------------------------------------------------------------------------------
# The main score in words.


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> CorpusReport:
    folder = Made(skill=0.6, speakers=6).write(tmp_path_factory.mktemp("words") / "run")
    return report_of(folder, name="R1").corpora[0]


def with_uar(corpus: CorpusReport, **changes: Any) -> CorpusReport:
    return replace(corpus, scores=(replace(corpus.uar, **changes), *corpus.scores[1:]))


def test_a_whole_headline(corpus: CorpusReport) -> None:
    given = with_uar(corpus, value=0.716, low=0.65, high=0.78, speakers=24)
    assert headline(given, independent=True) == (
        "Of 100 recordings of toy with all 3 emotions equally frequent, 72 are recognised correctly, from speakers "
        "that are not in the training data. Chance is 33. For other speakers it would likely be between 65 and 78 "
        "(95 % interval over 24 speakers)."
    )


@pytest.mark.parametrize(
    ("changes", "independent", "words"),
    [
        ({}, False, "including speakers that ARE IN THE TRAINING DATA"),
        ({}, False, "For other speakers of the training data it would likely be between"),
        ({}, None, "whether their speakers are in the training data is unknown"),
        ({"speakers": 6}, True, "over 6 speakers, which is too narrow for so few speakers)"),
        ({"value": 0.35, "low": 0.3, "high": 0.4}, True, "This does not differ significantly from chance."),
        ({"value": 0.2, "low": 0.1, "high": 0.3}, True, "This is worse than chance."),
        (
            {"low": None, "high": None, "note": "no interval: x"},
            True,
            "There is no confidence interval (no interval: x).",
        ),
    ],
)
def test_what_changes_the_words(
    corpus: CorpusReport, changes: dict[str, Any], independent: bool | None, words: str
) -> None:
    assert words in headline(with_uar(corpus, **changes), independent=independent)


def test_two_emotions_are_both(corpus: CorpusReport) -> None:
    assert "with both emotions equally frequent" in headline(replace(corpus, present=("a", "b")), independent=True)


# ----------------------------------------------------------------------------------------------------------------------
# Runs of the same recordings are compared as by `emotone compare`; the others have a reason.

WEAK, STRONG = Made(skill=0.4, draw=1, speakers=6), Made(skill=0.7, draw=2, speakers=6)


def grouped(folder: Path, *tables: PredictionsTable) -> RunGroups:
    return group_runs(reports_of([write_run(folder / f"run-{n}", table) for n, table in enumerate(tables)]))


def changed(table: PredictionsTable, **columns: Any) -> PredictionsTable:
    return PredictionsTable(labels=table.labels, **{**table.columns(), **columns})


def test_groups_keep_their_names(tmp_path: Path) -> None:
    other = Made(corpora=("elsewhere",), speakers=6).table()
    found = grouped(tmp_path, WEAK.table(), other, STRONG.table())
    (comparison,) = found.comparisons
    assert [run.name for run in comparison.runs] == ["R1", "R3"]
    plain = compare_runs([tmp_path / "run-0", tmp_path / "run-2"])
    assert comparison.differences == tuple(replace(difference, second="R3") for difference in plain.differences)
    assert [each.runs for each in found.incomparable] == [("R1", "R2"), ("R2", "R3")]
    assert found.incomparable[0].reason == ("they share no recording: R1 has 54 of toy, R2 54 of elsewhere")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("truth", "the label of 54 of 54 recordings differs"),
        ("speaker", "the speaker of 54 of 54 recordings differs"),
    ],
)
def test_the_reason_names_the_difference(tmp_path: Path, column: str, words: str) -> None:
    table = STRONG.table()
    labels = dict(zip(LABELS, np.roll(LABELS, 1), strict=True))
    values = {
        "truth": np.array([labels[str(label)] for label in table.truth]),
        "speaker": np.char.add(table.speaker, "x"),
    }
    (pair,) = grouped(tmp_path, WEAK.table(), changed(table, **{column: values[column]})).incomparable
    assert pair.reason.startswith(words)


def test_fewer_recordings(tmp_path: Path) -> None:
    (pair,) = grouped(tmp_path, WEAK.table(), replace(STRONG, clips=8).table()).incomparable
    assert pair.reason.startswith("their recordings differ: 54 in R1, 48 in R2, 48 in both")


def test_a_failed_comparison_does_not_stop_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_scipy(*_: object, **__: object) -> None:
        raise missing_extra("scipy", "train", "a test of significance")

    monkeypatch.setattr(overview, "compare_runs", no_scipy)
    found = grouped(tmp_path, WEAK.table(), STRONG.table())
    assert found.comparisons == ()
    assert found.incomparable[0].runs == ("R1", "R2")
    assert "pip install 'emotone[train]'" in found.incomparable[0].reason


def test_one_run_has_no_comparison(tmp_path: Path) -> None:
    assert grouped(tmp_path, WEAK.table()) == RunGroups((), ())


# ----------------------------------------------------------------------------------------------------------------------
# The speaker-independent twin of a speaker-dependent run: the same recipe and recordings.

RANDOM, TWIN = Made(speakers=4, protocol="random-5"), Made(speakers=4, skill=0.4, protocol="speaker-folds-5")
RECIPE = {"name": "mine", "seed": 1}


def write(folder: Path, made: Made, **about: Any) -> Path:
    return write_run(folder, made.table(), **{"recipe": RECIPE, "seeds": 1, **about})


def twin_of(*folders: Path) -> TwinRun:
    found = reports_of(folders)[0].twin
    assert found is not None
    return found


def test_among_the_runs_of_the_report(tmp_path: Path) -> None:
    found = twin_of(write(tmp_path / "a/one", RANDOM), write(tmp_path / "b/two", TWIN))
    assert (found.protocol, found.folder) == ("speaker-folds-5", tmp_path / "b/two")
    assert list(found.scores) == scores_of(TWIN.table())


def test_in_a_sibling_folder(tmp_path: Path) -> None:
    run = write(tmp_path / "one", RANDOM)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/run.json").write_text("{", encoding="utf-8")
    write(tmp_path / "two", TWIN)
    found = twin_of(run)
    assert found.folder is not None
    assert found.folder.name == "two"
    assert list(found.scores) == scores_of(TWIN.table())


@pytest.mark.parametrize(
    ("made", "about"),
    [
        (TWIN, {"recipe": {"name": "other"}}),
        (TWIN, {"seeds": 2}),
        (replace(TWIN, protocol="speaker-folds-10"), {}),
        (replace(TWIN, clips=8), {}),
    ],
)
def test_other_runs_are_not_twins(tmp_path: Path, made: Made, about: dict[str, Any]) -> None:
    run = write(tmp_path / "one", RANDOM)
    write(tmp_path / "two", made, **about)
    found = twin_of(run)
    assert (found.protocol, found.folder, found.scores) == ("speaker-folds-5", None, ())


@pytest.mark.parametrize("protocol", ["leave-one-speaker-out", "somebody-elses"])
def test_speaker_independent_protocols_have_no_twin(tmp_path: Path, protocol: str) -> None:
    (report,) = reports_of([write(tmp_path / "one", replace(RANDOM, protocol=protocol))])
    assert report.twin is None
