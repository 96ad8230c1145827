"""Evaluation of a recipe: workers and interruptions do not change the result, repeated runs are cached."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from tests.toy import (
    LABELS,
    emodb_utterances,
    one_thread,
    private_cache,
    tiny_recipe,
    torch_bundles,
    write_emodb,
    write_torch_net,
)

from emotone.bundles.bundle import load_bundle
from emotone.errors import RunError, UnknownNameError
from emotone.evaluation import run
from emotone.evaluation.finished_model import evaluate_model
from emotone.evaluation.run import Evaluation, Progress, evaluate_recipe
from emotone.features.windows import Windows
from emotone.fitting.resolve import resolve
from emotone.protocols import protocol
from emotone.scoring.finished_run import RUN, TABLE
from emotone.scoring.packed_runs import pack
from emotone.scoring.predictions import PredictionsTable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeBundle

    from emotone.bundles.bundle import Bundle
    from emotone.evaluation.folds import FoldJob
    from emotone.types import Utterance

__all__ = ["one_thread", "torch_bundles"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    return emodb_utterances(write_emodb(tmp_path_factory.mktemp("corpus") / "emodb"))


WHOLE = Windows(seconds=3.0, hop=1.0, speech_only=False)  # buzzes are no speech


@pytest.fixture(scope="module")
def alone(corpus: tuple[Utterance, ...], tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Two folds of speakers in this process, predicted by torch."""
    out = tmp_path_factory.mktemp("alone")
    with private_cache(out / "cache"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("emotone.fitting.export.write_net", write_torch_net)
        return evaluate(corpus, out=out / "results")


@pytest.fixture
def bundle(make_bundle: MakeBundle, tmp_path: Path) -> Bundle:
    return load_bundle(make_bundle(tmp_path / "bundle", labels=LABELS))


def evaluate(utterances: tuple[Utterance, ...], *, out: Path, **changes: Any) -> Evaluation:
    given: dict[str, Any] = {"labels": LABELS, "protocol_name": "speaker-folds-2", **changes}
    return evaluate_recipe(resolve(given.pop("recipe", tiny_recipe(windows=WHOLE))), utterances, out=out, **given)


def without_files(utterances: tuple[Utterance, ...]) -> tuple[Utterance, ...]:
    """Return the utterances with paths of files that do not exist: only cached results can be returned for them."""
    return tuple(replace(utterance, path=utterance.path.with_name("gone.wav")) for utterance in utterances)


def same(first: PredictionsTable, second: PredictionsTable, *, atol: float = 0.0) -> None:
    one, two = first.columns(), second.columns()
    np.testing.assert_allclose(one.pop("probabilities"), two.pop("probabilities"), rtol=0, atol=atol)
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)


def value(result: Evaluation, metric: str = "uar") -> float:
    (found,) = (score.number for score in result.scores if score.metric == metric and score.setting == "system")
    return found


def test_every_clip_has_one_prediction_of_a_network_without_its_speaker(
    alone: Evaluation, corpus: tuple[Utterance, ...]
) -> None:
    table = alone.table
    assert sorted(table.utterance) == sorted(utterance.key for utterance in corpus)
    assert set(table.fold) == {"fold-1", "fold-2"}
    for speaker in np.unique(table.speaker):
        assert len(set(table.fold[table.speaker == speaker])) == 1
    assert alone.leakage is not None
    assert alone.leakage["speakers"].items == ()
    assert alone.problems == ()


def test_classes_are_distinguished_and_the_score_is_computed_from_the_table(alone: Evaluation) -> None:
    hits = alone.table.truth == alone.table.prediction
    assert value(alone, "accuracy") == pytest.approx(hits.mean())
    assert value(alone) > 0.8
    assert {score.speaker_independent for score in alone.scores} == {True}


def test_the_folder_is_named_by_its_signature_and_contains_the_run(alone: Evaluation) -> None:
    assert sorted(entry.name for entry in alone.folder.iterdir()) == [TABLE, RUN]
    signature = str(alone.table.system[0])
    assert alone.folder.name == f"toy-speaker-folds-2-{signature}"
    text = json.loads((alone.folder / RUN).read_text())
    assert text["schema"] == "emotone.evaluation/1"
    assert text["protocol"] == {
        "name": "speaker-folds-2",
        "version": 1,
        "folds": 2,
        "title": protocol("speaker-folds-2").title,
        "normalisation": "train",
        "covering": True,
        "notes": [],
    }
    assert text["tuning"] is None  # only baselines are tuned
    assert text["seeds"] == 1
    assert text["recipe"]["training"]["epochs"] == 8
    assert text["scores"] == [score.to_dict() for score in alone.scores]
    assert alone.leakage is not None
    assert text["leakage"] == json.loads(json.dumps(alone.leakage.to_dict()))
    assert text["problems"] == []
    same(PredictionsTable.read(alone.folder / TABLE), alone.table)


def test_two_workers_and_onnx_equal_one_worker_and_torch(
    alone: Evaluation, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    reports: list[Progress] = []
    parallel = evaluate(corpus, out=tmp_path, workers=2, progress=reports.append)
    # The workers train the same networks and predict with ONNX, whose rounding differs; other networks would differ by
    # 1e-3.
    same(parallel.table, alone.table, atol=1e-5)
    assert parallel.scores == alone.scores
    assert [report.done for report in reports if report.stage == "features"] == [16, 32, 40]
    done = [report.done for report in reports if report.stage == "folds"]
    assert done[-1] == 2
    assert all(0 <= each <= 2 for each in done)


def test_a_repeated_run_is_cached(alone: Evaluation, corpus: tuple[Utterance, ...]) -> None:
    before = (alone.folder / TABLE).stat().st_mtime_ns
    again = evaluate(without_files(corpus[::-1]), out=alone.folder.parent)  # the order does not matter
    assert (alone.folder / TABLE).stat().st_mtime_ns == before
    assert again.folder == alone.folder
    assert again.scores == alone.scores
    assert again.leakage == alone.leakage


@pytest.mark.usefixtures("torch_bundles")
@pytest.mark.parametrize(
    "change",
    [
        {"recipe": tiny_recipe(windows=WHOLE, seed=2)},
        {"protocol_name": "random-2"},
        {"labels": LABELS[::-1]},
        {"seeds": 2},
    ],
    ids=["recipe", "protocol", "labels", "seeds"],
)
def test_other_settings_have_another_folder(
    alone: Evaluation, corpus: tuple[Utterance, ...], change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[FoldJob] = []

    def stop(job: FoldJob) -> None:
        jobs.append(job)
        raise Stop

    monkeypatch.setattr(run, "run_fold", stop)
    with pytest.raises(Stop):
        evaluate(corpus, out=alone.folder.parent, **change)
    assert jobs[0].folder.parent.parent != alone.folder


class Stop(Exception):  # noqa: N818 - not an error
    """What interrupts an evaluation in these tests."""


@pytest.mark.usefixtures("torch_bundles")
def test_a_run_interrupted_between_folds_resumes(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    straight = evaluate(corpus, out=tmp_path / "straight")

    def stop(report: Progress) -> None:
        if report == Progress("folds", 1, 2):
            raise Stop

    with pytest.raises(Stop):
        evaluate(corpus, out=tmp_path / "cut", progress=stop)
    (finished,) = (tmp_path / "cut").rglob(TABLE)
    assert finished.parent.name == "1-fold-1"
    before = finished.stat().st_mtime_ns
    seen: list[int] = []

    def look(report: Progress) -> None:
        if report == Progress("folds", 1, 2):
            seen.append(finished.stat().st_mtime_ns)

    result = evaluate(corpus, out=tmp_path / "cut", progress=look)
    assert seen == [before]
    same(result.table, straight.table)
    assert not (result.folder / "folds").exists()


@pytest.mark.usefixtures("torch_bundles")
def test_a_random_split_reports_shared_speakers(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    result = evaluate(corpus, out=tmp_path, protocol_name="random-2")
    assert result.leakage is not None
    assert len(result.leakage["speakers"].items) == 4
    assert {score.speaker_independent for score in result.scores} == {False}
    assert len(result.table) == len(corpus)


@pytest.mark.usefixtures("torch_bundles")
def test_every_seed_has_one_prediction_per_clip(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    recipe = tiny_recipe(training={"epochs": 1}, seed=5)
    result = evaluate(corpus[:20], out=tmp_path, recipe=recipe, seeds=2)
    assert sorted(set(result.table.seed)) == [5, 6]
    assert len(result.table) == 40
    assert {score.seeds for score in result.scores} == {2}
    assert {score.n for score in result.scores} == {20}
    assert json.loads((result.folder / RUN).read_text())["protocol"]["folds"] == 2


@pytest.mark.usefixtures("torch_bundles")
def test_unreadable_recordings_are_listed_and_the_others_evaluated(
    corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    gone = replace(corpus[0], id="gone", path=tmp_path / "gone.wav")
    recipe = tiny_recipe(training={"epochs": 1})
    result = evaluate((*corpus[:20], gone), out=tmp_path / "results", recipe=recipe)
    assert [(problem.key, problem.code) for problem in result.problems] == [("emodb/gone", "missing_file")]
    assert len(result.table) == 20
    assert json.loads((result.folder / RUN).read_text())["problems"][0]["key"] == "emodb/gone"
    again = evaluate((*corpus[:20], gone), out=tmp_path / "results", recipe=recipe)
    assert again.problems == result.problems


@pytest.mark.usefixtures("torch_bundles")
def test_a_repeated_run_lists_the_same_problems(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", np.full(600, 0.1), 16000)
    short = replace(corpus[0], id="short", path=tmp_path / "short.wav")
    recipe = tiny_recipe(training={"epochs": 1})
    first = evaluate((*corpus[:20], short), out=tmp_path / "results", recipe=recipe)
    assert [problem.code for problem in first.problems] == ["too_short"]
    assert evaluate((*corpus[:20], short), out=tmp_path / "results", recipe=recipe).problems == first.problems


def test_invalid_arguments_are_refused(corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="seeds and workers must be at least 1; given 0 and 1"):
        evaluate(corpus, out=tmp_path, seeds=0)
    with pytest.raises(RunError, match="seeds and workers must be at least 1; given 1 and 0"):
        evaluate(corpus, out=tmp_path, workers=0)
    with pytest.raises(UnknownNameError, match="unknown protocol 'leave-one-speaker'; did you mean"):
        evaluate(corpus, out=tmp_path, protocol_name="leave-one-speaker")
    with pytest.raises(RunError, match="speaker-folds-5 needs at least 5 speakers; emodb has 4"):
        evaluate(corpus, out=tmp_path, protocol_name="speaker-folds-5")
    gone = replace(corpus[0], path=tmp_path / "gone.wav")
    with pytest.raises(RunError, match=r"no recording can be used; the first problem: .*gone\.wav: can't be read"):
        evaluate((gone,), out=tmp_path)
    with pytest.raises(RunError, match="no recording can be used; the first problem: no utterance was given"):
        evaluate((), out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_finished_model_is_evaluated_on_every_clip(
    bundle: Bundle, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    reports: list[Progress] = []
    result = evaluate_model(bundle, corpus, out=tmp_path, progress=reports.append)
    assert len(result.table) == len(corpus)
    assert reports[-1] == Progress("predicting", 40, 40)
    assert set(result.table.protocol) == {"held-out"}
    assert set(result.table.system) == {bundle.sha256[:12]}
    assert result.leakage is None
    assert {score.speaker_independent for score in result.scores} == {None}  # its training corpora are not registered
    text = json.loads((result.folder / RUN).read_text())
    assert text["model"] == {"name": "tiny", "version": "0.1.0", "sha256": bundle.sha256}
    assert text["protocol"] == {"name": "held-out", "trained_on": []}
    again = evaluate_model(bundle, without_files(corpus), out=tmp_path)
    same(again.table, result.table)


def test_a_packed_run_of_a_finished_model_is_cached(
    bundle: Bundle, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    gone = replace(corpus[0], path=tmp_path / "gone.wav")
    first = evaluate_model(bundle, (gone, *corpus[1:6]), out=tmp_path / "results")
    pack(tmp_path / "results", [first.folder])
    shutil.rmtree(first.folder)
    again = evaluate_model(bundle, without_files((gone, *corpus[1:6])), out=tmp_path / "results")
    assert (first.reused, again.reused) == (False, True)
    same(again.table, first.table)
    assert [problem.key for problem in again.problems] == [gone.key]
    assert [problem.message for problem in again.problems] == [problem.message for problem in first.problems]
    assert not first.folder.exists()  # the packed files are unchanged


@pytest.mark.parametrize(
    ("trained_on", "independent"),
    [(("emodb", "ravdess"), False), (("nemo", "ravdess"), True), (("calls", "nemo"), None)],
)
def test_a_model_is_independent_of_known_corpora_that_it_was_not_trained_on(
    make_bundle: MakeBundle,
    corpus: tuple[Utterance, ...],
    tmp_path: Path,
    trained_on: tuple[str, ...],
    independent: bool | None,
) -> None:
    from emotone.bundles.contents import TrainingData

    data = TrainingData(corpora=trained_on, protocol="all", recipe="x", signature="0" * 12)
    bundle = load_bundle(make_bundle(tmp_path / "bundle", labels=LABELS, training=data))
    result = evaluate_model(bundle, corpus[:6], out=tmp_path / "results")
    assert {score.speaker_independent for score in result.scores} == {independent}
    assert json.loads((result.folder / RUN).read_text())["protocol"]["trained_on"] == sorted(
        {"emodb"} & set(trained_on)
    )
