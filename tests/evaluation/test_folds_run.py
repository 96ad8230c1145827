"""One fold: training, prediction by the inference engine, caching, and resuming after an interruption."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from tests.toy import LABELS, emodb_utterances, one_thread, tiny_recipe, torch_bundles, write_emodb

from emotone.audio.read import read
from emotone.bundles.bundle import load_bundle
from emotone.errors import RunError
from emotone.evaluation import folds
from emotone.evaluation.folds import (
    TUNING,
    FoldJob,
    predict_utterances,
    read_fold,
    read_progress,
    run_fold,
    write_progress,
)
from emotone.features.windows import Windows
from emotone.fitting.classical import resolve_baseline
from emotone.fitting.fit import CHECKPOINT
from emotone.fitting.resolve import resolve
from emotone.inference.engine import analyse
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.scoring.finished_run import TABLE
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeBundle

    from emotone.bundles.bundle import Bundle
    from emotone.types import Array

__all__ = ["one_thread", "torch_bundles"]
pytestmark = pytest.mark.usefixtures("one_thread", "torch_bundles")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    folder = tmp_path_factory.mktemp("corpus") / "emodb"
    return emodb_utterances(write_emodb(folder, speakers=("03", "08"), sentences=("a01", "a02", "a04")))


@pytest.fixture
def job(corpus: tuple[Utterance, ...], tmp_path: Path) -> FoldJob:
    train, test = (tuple(item.key for item in corpus if item.speaker == speaker) for speaker in ("03", "08"))
    return FoldJob(
        recipe=resolve(tiny_recipe()),
        utterances=corpus,
        fold=Fold("fold-1", train=train, dev=(), test=test),
        labels=LABELS,
        protocol="speaker-folds-2",
        system="f00d",
        folder=tmp_path / "1-fold-1",
    )


@pytest.fixture
def bundle(make_bundle: MakeBundle, tmp_path: Path) -> Bundle:
    return load_bundle(make_bundle(tmp_path / "bundle", labels=LABELS))


def test_a_fold_writes_only_its_predictions(job: FoldJob) -> None:
    assert run_fold(job) == ()
    assert {entry.name for entry in job.folder.iterdir()} == {TABLE, "progress"}
    table = read_fold(job)
    assert sorted(table.utterance) == sorted(job.fold.test)
    assert table.labels == LABELS
    assert set(table.fold) == {"fold-1"}
    assert set(table.protocol) == {"speaker-folds-2"}
    assert set(table.system) == {"f00d"}
    assert set(table.seed) == {1}
    assert set(table.speaker) == {"08"}


def without_files(job: FoldJob) -> FoldJob:
    """Return the job with paths of files that do not exist: only cached results can be returned for it."""
    missing = tuple(replace(item, path=item.path.with_name("gone.wav")) for item in job.utterances)
    return replace(job, utterances=missing, features=None)


def test_a_finished_fold_is_cached(job: FoldJob) -> None:
    run_fold(job)
    before = (job.folder / TABLE).stat()
    assert run_fold(without_files(job)) == ()
    assert (job.folder / TABLE).stat().st_mtime_ns == before.st_mtime_ns


class Stop(Exception):  # noqa: N818 - not an error
    """What interrupts a fold in these tests."""


def test_an_interrupted_fold_resumes_with_the_same_result(
    job: FoldJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = replace(job, folder=tmp_path / "straight")
    run_fold(straight)

    def stop(folder: Path, epoch: int) -> None:
        write_progress(folder, epoch)
        if epoch == 3:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(folds, "write_progress", stop)
        with pytest.raises(Stop):
            run_fold(job)
    assert (job.folder / CHECKPOINT).exists()
    assert read_progress(job.folder) == 3
    run_fold(job)
    np.testing.assert_array_equal(read_fold(job).probabilities, read_fold(straight).probabilities)
    assert read_progress(job.folder) is None


def test_progress_of_a_fold_that_has_not_started_or_is_unreadable(tmp_path: Path) -> None:
    assert read_progress(tmp_path / "nowhere") is None
    (tmp_path / "progress").write_text("junk")
    assert read_progress(tmp_path) is None
    write_progress(tmp_path, 7)
    assert read_progress(tmp_path) == 7
    write_progress(tmp_path / "progress" / "a file is no folder", 1)  # nothing depends on it


def test_a_fold_without_predictions_is_an_error(job: FoldJob) -> None:
    with pytest.raises(RunError, match="fold fold-1 wrote no predictions into"):
        read_fold(job)


def test_predictions_are_those_of_the_engine(bundle: Bundle, corpus: tuple[Utterance, ...]) -> None:
    items: list[int] = []
    stretch = replace(corpus[1], start=0.1, end=0.6)
    table, problems = predict_utterances(
        bundle, [corpus[0], stretch], protocol="p", fold="f", seed=3, system="s", progress=items.append
    )
    assert problems == ()
    assert items == [1, 1]
    assert table.truth.tolist() == [corpus[0].label, corpus[1].label]
    assert np.isnan(table.end[0])
    assert (table.start[1], table.end[1]) == (0.1, 0.6)
    for row, utterance in zip(table.probabilities, (corpus[0], stretch), strict=True):
        signal, _ = read(utterance.path, rate=16000, start=utterance.start, end=utterance.end)
        np.testing.assert_array_equal(row, list(analyse(bundle, [signal]).clip.probabilities.values()))


def test_a_detector_leaves_its_windows_too(
    make_bundle: MakeBundle, corpus: tuple[Utterance, ...], tmp_path: Path, speech: Callable[..., Array]
) -> None:
    detector = load_bundle(make_bundle(tmp_path / "detector", labels=("anger", "other")))
    soundfile.write(tmp_path / "long.wav", speech(9.0), 16000)
    items = [replace(corpus[0], id=name, label="anger", path=tmp_path / "long.wav") for name in ("whole", "part")]
    items[1] = replace(items[1], start=1.5, end=8.5)
    table, _ = predict_utterances(detector, items, protocol="p", fold="f", seed=0, system="s")
    for utterance in items:
        signal, _ = read(utterance.path, rate=16000, start=utterance.start, end=utterance.end)
        analysis = analyse(detector, [signal])
        clip, segments = analysis.clip, analysis.segments
        rows = table.where(table.utterance == utterance.key)
        windows = rows.windows()
        assert rows.segment.tolist() == [-1, *range(len(segments))]
        assert len(segments) > 1
        assert rows.probabilities[0].tolist() == list(clip.probabilities.values())
        assert windows.probabilities.tolist() == [list(found.probabilities.values()) for found in segments]
        offset = utterance.start or 0.0  # times are those of the recording, as a whole utterance's are
        assert windows.start == pytest.approx([offset + found.start for found in segments])
        assert windows.end == pytest.approx([offset + found.end for found in segments])
        assert set(rows.truth) == {"anger"}


@pytest.mark.parametrize(("least", "segments"), [(0.0, [-1]), (0.01, [-1, 0, 1, 2])])
def test_windows_that_say_what_they_hold_leave_rows_too(
    make_bundle: MakeBundle, corpus: tuple[Utterance, ...], tmp_path: Path, least: float, segments: list[int]
) -> None:
    windows = Windows(seconds=1.0, hop=0.5, min_seconds=least, speech_only=False)
    bundle = load_bundle(make_bundle(tmp_path / "segments", windows=windows))
    soundfile.write(tmp_path / "long.wav", np.resize(read(corpus[0].path, rate=16000)[0], 20100), 16000)
    items = replace(corpus[0], label="anger", path=tmp_path / "long.wav")
    table, _ = predict_utterances(bundle, [items], protocol="p", fold="f", seed=0, system="s")
    assert table.segment.tolist() == segments
    assert table.windows().start.tolist() == [0.0, 0.5, 1.0][: len(segments) - 1]


def test_windows_lie_in_utterances_and_silence_has_none(
    make_bundle: MakeBundle, corpus: tuple[Utterance, ...], tmp_path: Path, speech: Callable[..., Array]
) -> None:
    windows = Windows(seconds=1.0, hop=0.5, min_seconds=0.01, speech_only=True)
    bundle = load_bundle(make_bundle(tmp_path / "segments", windows=windows))
    spoken, silence = speech(1.5), np.zeros(2 * 16000, np.float32)
    recordings = {"first": [spoken, silence], "last": [silence, spoken], "none": [silence]}
    for name, parts in recordings.items():
        soundfile.write(tmp_path / f"{name}.wav", np.concatenate(parts), 16000)
    items = [replace(corpus[0], id=name, path=tmp_path / f"{name}.wav") for name in recordings]
    table, _ = predict_utterances(bundle, items, protocol="p", fold="f", seed=0, system="s")
    kept = {utterance.id: table.windows().where(table.windows().utterance == utterance.key) for utterance in items}
    for name, start, end in (("first", 0.0, 1.5), ("last", 2.0, 3.5)):
        segments = analyse(bundle, [np.concatenate(recordings[name])]).segments
        assert kept[name].segment.tolist() == [*range(len(segments))]
        assert kept[name].start.tolist() == [one.start for one in segments]
        assert kept[name].end.tolist() == [one.end for one in segments]
        np.testing.assert_array_equal(kept[name].probabilities, segments.probabilities)
        assert len(segments)
        assert (kept[name].start >= start - 0.1).all()
        assert (kept[name].end <= end + 0.3).all()
    assert not len(kept["none"])
    whole = table.where(table.utterance == items[2].key)
    assert (whole.probabilities == 1 / len(bundle.labels)).all()


def test_a_bundle_can_be_given_as_a_folder(bundle: Bundle, corpus: tuple[Utterance, ...]) -> None:
    first, _ = predict_utterances(bundle, corpus[:2], protocol="p", fold="f", seed=0, system="s")
    second, _ = predict_utterances(bundle.directory, corpus[:2], protocol="p", fold="f", seed=0, system="s")
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_the_channel_of_an_utterance_is_predicted(
    bundle: Bundle, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    angry, sad = (read(each.path, rate=16000)[0][:8000] for each in (corpus[0], corpus[-1]))
    for name, signal in (("first", angry), ("second", sad), ("both", np.stack([angry, sad], axis=1))):
        soundfile.write(tmp_path / f"{name}.wav", signal, 16000, subtype="FLOAT")
    items = [replace(corpus[0], id=name, path=tmp_path / f"{name}.wav") for name in ("first", "second")]
    items += [replace(corpus[0], id=f"{part}", path=tmp_path / "both.wav", channel=part) for part in (0, 1)]
    table, problems = predict_utterances(bundle, items, protocol="p", fold="f", seed=0, system="s")
    assert problems == ()
    np.testing.assert_array_equal(table.probabilities[:2], table.probabilities[2:])


def test_unreadable_recordings_are_listed_and_the_others_predicted(
    bundle: Bundle, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "short.wav", np.full(300, 0.1), 16000)
    short = replace(corpus[0], id="short", path=tmp_path / "short.wav")
    gone = replace(corpus[0], id="gone", path=tmp_path / "gone.wav")
    table, problems = predict_utterances(bundle, [short, corpus[1], gone], protocol="p", fold="f", seed=0, system="s")
    assert table.utterance.tolist() == [corpus[1].key]
    assert [(problem.key, problem.code) for problem in problems] == [
        ("emodb/short", "too_short"),
        ("emodb/gone", "missing_file"),
    ]
    for problem, name in zip(problems, ("short.wav", "gone.wav"), strict=True):
        assert problem.message.count(str(tmp_path / name)) == 1


def test_silence_is_an_answer_that_counts(bundle: Bundle, corpus: tuple[Utterance, ...], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    silent = replace(corpus[0], path=tmp_path / "silence.wav")
    table, problems = predict_utterances(bundle, [silent], protocol="p", fold="f", seed=0, system="s")
    assert problems == ()
    np.testing.assert_allclose(table.probabilities, 0.5)
    assert table.prediction.tolist() == ["anger"]


def test_a_clip_that_disappears_before_its_prediction_is_a_problem_of_the_fold(
    job: FoldJob, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    utterances = (*corpus[:-1], replace(corpus[-1], path=tmp_path / "never.wav"))
    (problem,) = run_fold(replace(job, utterances=utterances))
    assert (problem.key, problem.code) == (corpus[-1].key, "missing_file")
    assert len(read_fold(job)) == len(job.fold.test) - 1


@pytest.fixture
def baseline(job: FoldJob) -> FoldJob:
    """The same fold of a baseline, which needs no recording."""
    vectors = np.random.default_rng(4).normal(size=(len(job.utterances), 3)).astype(np.float32)
    features = {item.key: vector for item, vector in zip(job.utterances, vectors, strict=True)}
    recipe = ClassicalRecipe("toy", "emodb", functionals={"name": "duration"}, classifier={"name": "linear-svm"})
    return replace(job, recipe=resolve_baseline(recipe), features=features)


def test_a_fold_of_a_baseline_writes_its_predictions_and_tuning(baseline: FoldJob) -> None:
    assert run_fold(baseline) == ()
    assert {entry.name for entry in baseline.folder.iterdir()} == {TABLE, TUNING}
    assert sorted(read_fold(baseline).utterance) == sorted(baseline.fold.test)
    chosen = json.loads((baseline.folder / TUNING).read_text())
    assert chosen["chosen"]["cost"] in {1e-4, 1e-3, 1e-2, 1e-1}
    assert len(chosen["inner_uar"]) == 4


def test_a_finished_fold_of_a_baseline_is_cached(baseline: FoldJob) -> None:
    run_fold(baseline)
    before = (baseline.folder / TABLE).stat().st_mtime_ns
    assert run_fold(without_files(baseline)) == ()
    assert (baseline.folder / TABLE).stat().st_mtime_ns == before


def test_a_fold_of_a_baseline_without_features_is_an_error(baseline: FoldJob) -> None:
    with pytest.raises(RunError, match="fold fold-1 has no usable recording to train on"):
        run_fold(replace(baseline, features=None))
    assert not (baseline.folder / TABLE).exists()
