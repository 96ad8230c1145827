"""Evaluation of a baseline: workers do not change the result, finished runs are cached, the audit is complete."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.toy import LABELS, emodb_utterances, private_cache, tiny_recipe, write_emodb

from emotone.errors import MissingExtraError, RunError
from emotone.evaluation import run
from emotone.evaluation.folds import TUNING
from emotone.evaluation.run import Evaluation, evaluate_recipe
from emotone.fitting.classical import resolve_baseline
from emotone.fitting.resolve import resolve
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.scoring.finished_run import RUN, TABLE

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    folder = tmp_path_factory.mktemp("corpus") / "emodb"
    return emodb_utterances(write_emodb(folder, speakers=("03", "08", "09", "10"), sentences=("a01", "a02", "a04")))


@pytest.fixture(scope="module")
def alone(corpus: tuple[Utterance, ...], tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Four folds of speakers in this process."""
    out = tmp_path_factory.mktemp("alone")
    with private_cache(out / "cache"):
        return evaluate(corpus, out=out / "results")


def recipe(**changes: Any) -> ClassicalRecipe:
    fields: dict[str, Any] = {
        "name": "toy",
        "labels": "emodb",
        "functionals": {"name": "spectral-tilt"},
        "classifier": {"name": "linear-svm", "cost": [0.01, 1.0]},
        **changes,
    }
    return ClassicalRecipe(**fields)


def evaluate(utterances: tuple[Utterance, ...], *, out: Path, **changes: Any) -> Evaluation:
    given: dict[str, Any] = {"labels": LABELS, "protocol_name": "leave-one-speaker-out", **changes}
    return evaluate_recipe(resolve_baseline(given.pop("recipe", recipe())), utterances, out=out, **given)


def same(first: Evaluation, second: Evaluation) -> None:
    for name, values in first.table.columns().items():
        np.testing.assert_array_equal(values, second.table.columns()[name], err_msg=name)
    assert first.scores == second.scores
    assert first.leakage == second.leakage
    assert first.problems == second.problems
    assert first.notes == second.notes


def uar(result: Evaluation) -> float:
    (found,) = (score.number for score in result.scores if (score.setting, score.metric) == ("system", "uar"))
    return found


def test_every_clip_has_one_correct_prediction(alone: Evaluation, corpus: tuple[Utterance, ...]) -> None:
    assert sorted(alone.table.utterance) == sorted(item.key for item in corpus)
    assert uar(alone) == 1.0
    assert alone.leakage is not None
    assert alone.leakage["speakers"].items == ()


def test_the_run_describes_the_tuning_of_each_fold(alone: Evaluation) -> None:
    assert {entry.name for entry in alone.folder.iterdir()} == {RUN, TABLE, TUNING}
    about = json.loads((alone.folder / RUN).read_text())
    assert set(about["tuning"]) == {f"1-emodb.{speaker}" for speaker in ("03", "08", "09", "10")}
    for chosen in about["tuning"].values():
        assert set(chosen) == {"chosen", "temperature", "inner_uar"}
        assert chosen["chosen"]["cost"] in {0.01, 1.0}
        assert len(chosen["inner_uar"]) == 2
    assert about["recipe"]["classifier"] == {"name": "linear-svm", "cost": [0.01, 1.0]}
    assert about["protocol"]["normalisation"] == "train"


@pytest.mark.parametrize("adaptation", ["corpora", "coral"])
def test_other_corpora_are_training_data_of_a_target_corpus(
    corpus: tuple[Utterance, ...], adaptation: Any, tmp_path: Path
) -> None:
    other = tuple(replace(item, corpus="other") for item in corpus)
    adaptive = {"name": "adaptive-svm", "source_cost": [0.1], "cost": [0.1, 1.0]}
    given = recipe(adaptation=adaptation, classifier=adaptive)
    result = evaluate((*corpus, *other), out=tmp_path, recipe=given, protocol_name="onto-emodb-leave-one-speaker-out")
    assert sorted(result.table.utterance) == sorted(item.key for item in corpus)
    assert uar(result) == 1.0
    about = json.loads((result.folder / RUN).read_text())
    assert about["recipe"]["adaptation"] == adaptation
    assert all(set(fold["chosen"]) == {"source_cost", "cost"} for fold in about["tuning"].values())


def test_an_adapting_recipe_needs_a_target_corpus(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    given = recipe(classifier={"name": "adaptive-svm"})
    with pytest.raises(RunError, match=r"trains on emodb and tests emodb; .* such as onto-emodb-speaker-folds-5"):
        evaluate(corpus, out=tmp_path, recipe=given)


def test_two_workers_equal_one(alone: Evaluation, corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    same(evaluate(corpus, out=tmp_path, workers=2), alone)


def test_a_repeated_run_reads_no_recording(alone: Evaluation, corpus: tuple[Utterance, ...]) -> None:
    missing = tuple(replace(item, path=item.path.with_name("gone.wav")) for item in corpus)
    before = {entry.name: entry.stat().st_mtime_ns for entry in alone.folder.iterdir()}
    same(evaluate(missing[::-1], out=alone.folder.parent), alone)
    assert {entry.name: entry.stat().st_mtime_ns for entry in alone.folder.iterdir()} == before


def test_a_run_interrupted_before_its_description_resumes(
    corpus: tuple[Utterance, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(run, "write_description", stop)
        with pytest.raises(InterruptedError):
            evaluate(corpus, out=tmp_path)
    (table,) = tmp_path.rglob(f"{table_folder(tmp_path)}/{TABLE}")
    before = table.stat().st_mtime_ns
    assert not (table.parent / RUN).exists()
    result = evaluate(corpus, out=tmp_path)
    assert table.stat().st_mtime_ns == before
    assert {entry.name for entry in result.folder.iterdir()} == {RUN, TABLE, TUNING}
    assert set(json.loads((result.folder / RUN).read_text())["tuning"]) == {
        f"1-emodb.{speaker}" for speaker in ("03", "08", "09", "10")
    }


def table_folder(out: Path) -> str:
    (folder,) = out.iterdir()
    return folder.name


def test_leftover_folds_of_an_interrupted_run_are_removed(alone: Evaluation, corpus: tuple[Utterance, ...]) -> None:
    (alone.folder / "folds" / "1-emodb.03").mkdir(parents=True)
    evaluate(corpus, out=alone.folder.parent)
    assert not (alone.folder / "folds").exists()


def test_a_repaired_recording_makes_another_run(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    torn = tmp_path / "torn.wav"
    torn.write_text("not audio, but text that is longer than a header")
    utterances = (*corpus, replace(corpus[0], id="torn", path=torn))
    first = evaluate(utterances, out=tmp_path / "results")
    assert [problem.key for problem in first.problems] == ["emodb/torn"]
    assert len(first.table) == len(corpus)
    assert evaluate(utterances, out=tmp_path / "results").problems == first.problems
    torn.write_bytes(corpus[0].path.read_bytes())
    repaired = evaluate(utterances, out=tmp_path / "results")
    assert repaired.folder != first.folder
    assert repaired.problems == ()
    assert len(repaired.table) == len(corpus) + 1


def test_problems_are_reported_with_a_cached_run_of_the_other_recordings(
    corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    without = evaluate(corpus, out=tmp_path / "results")
    before = (without.folder / RUN).stat().st_mtime_ns
    gone = replace(corpus[0], id="gone", path=tmp_path / "gone.wav")
    found = evaluate((*corpus, gone), out=tmp_path / "results")
    assert found.folder == without.folder
    assert [problem.key for problem in found.problems] == ["emodb/gone"]
    assert (without.folder / RUN).stat().st_mtime_ns == before


def test_problems_of_other_recordings_are_not_reported(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    gone = replace(corpus[0], id="gone", path=tmp_path / "gone.wav")
    found = evaluate((*corpus, gone), out=tmp_path / "results")
    assert [problem.key for problem in found.problems] == ["emodb/gone"]
    without = evaluate(corpus, out=tmp_path / "results")
    assert without.folder == found.folder
    assert without.problems == ()


def test_a_label_absent_from_training_is_named_and_has_probability_0(
    corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    labels = ("anger", "fear", "sadness")
    odd = tuple(
        replace(item, label="fear") if item.speaker == "08" and item.id.endswith("Wa") else item for item in corpus
    )
    result = evaluate(odd, out=tmp_path, labels=labels)
    assert result.leakage is not None
    assert {record.fold: record.untrained for record in result.leakage.missing_labels}["emodb.08"] == ("fear",)
    assert "labels tested but not trained on: in 1 of 4 folds: emodb.08 (fear)" in result.leakage.lines()
    of = result.table.fold == "emodb.08"
    np.testing.assert_array_equal(result.table.probabilities[of][:, 1], 0.0)
    assert (result.table.probabilities[~of][:, 1] > 0).all()
    assert uar(result) < 1.0


def test_labels_of_the_development_part_are_trained_on(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    # With four speakers, leave-one-speaker-out has a development speaker, which baselines train on as well.
    labels = ("anger", "fear", "sadness")
    two = tuple(
        replace(item, label="fear") if item.speaker in {"08", "10"} and item.id.endswith("Wa") else item
        for item in corpus
    )
    result = evaluate(two, out=tmp_path, labels=labels)
    assert result.leakage is not None
    assert [record.fold for record in result.leakage.missing_labels if record.untrained] == []


def test_speaker_scaling_is_another_run(alone: Evaluation, corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    result = evaluate(corpus, out=tmp_path, protocol_name="leave-one-speaker-out+speaker-scaled")
    assert result.folder.name.startswith("toy-leave-one-speaker-out+speaker-scaled-")
    assert result.folder.name != alone.folder.name
    assert result.leakage is not None
    assert result.leakage.statistics.speakers == tuple(f"emodb/{speaker}" for speaker in ("03", "08", "09", "10"))
    assert not np.array_equal(result.table.probabilities, alone.table.probabilities)
    assert set(result.table.protocol) == {"leave-one-speaker-out+speaker-scaled"}


def test_networks_have_no_speaker_scaling(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    message = (
        r"speaker-folds-2\+speaker-scaled scales each speaker's values by that speaker's own statistics, and the net "
        r"of toy takes recordings as they are; choose speaker-folds-2$"
    )
    with pytest.raises(RunError, match=message):
        evaluate_recipe(
            resolve(tiny_recipe()),
            corpus,
            labels=LABELS,
            protocol_name="speaker-folds-2+speaker-scaled",
            out=tmp_path,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("strategy", ["majority", "chance"])
def test_baselines_that_ignore_the_audio(strategy: str, corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    prior = recipe(functionals={"name": "duration"}, classifier={"name": "prior", "strategy": strategy})
    result = evaluate(corpus, out=tmp_path, recipe=prior, seeds=8)
    if strategy == "majority":
        assert uar(result) == 0.5
    else:
        # 192 fair draws of two labels: a deviation of 0.036.
        assert abs(uar(result) - 0.5) < 0.12
        answers = [result.table.prediction[result.table.fold == fold].tolist() for fold in set(result.table.fold)]
        assert len({tuple(each) for each in answers}) == len(answers)
    np.testing.assert_allclose(result.table.probabilities, 0.5, atol=0.01)


def test_the_identity_of_speakers_is_a_functional(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    voices = recipe(functionals={"name": "speaker-identity"})
    result = evaluate(corpus, out=tmp_path, recipe=voices, protocol_name="random-2")
    assert len(result.table) == len(corpus)


def test_every_seed_is_trained(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    result = evaluate(corpus, out=tmp_path, recipe=recipe(seed=5), seeds=2, protocol_name="random-2")
    assert sorted(set(result.table.seed)) == [5, 6]
    assert set(json.loads((result.folder / RUN).read_text())["tuning"]) == {
        f"{seed}-fold-{fold}" for seed in (5, 6) for fold in (1, 2)
    }


def test_missing_scikit_learn(corpus: tuple[Utterance, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(MissingExtraError, match=r"the baseline toy needs the package 'scikit-learn'; .*\[baselines\]"):
        evaluate(corpus, out=tmp_path)


def test_missing_opensmile(corpus: tuple[Utterance, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from emotone.features.functionals import opensmile

    opensmile._smile.cache_clear()
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(RunError, match=r"no recording can be used; .*'opensmile'; .*'emotone\[baselines\]'"):
        evaluate(corpus, out=tmp_path, recipe=recipe(functionals={"name": "opensmile"}))
