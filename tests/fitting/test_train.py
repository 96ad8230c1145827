"""Training on all given recordings: which are left out, which are held out, and resuming."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import soundfile
import torch
from safetensors.torch import load_file
from tests.toy import LABELS, one_thread, tiny_recipe

from emotone.corpora.content import content_hashes, overlap
from emotone.errors import RunError
from emotone.features.windows import Windows
from emotone.fitting.fit import CHECKPOINT
from emotone.fitting.resolve import recipe_for, resolve
from emotone.fitting.train import prepare, train_run
from emotone.fitting.training_run import RUN, WEIGHTS, load_net, load_run

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.fitting.train import TrainingJob
    from emotone.recipes.recipe import Recipe
    from emotone.training.checkpoint import Epoch
    from emotone.types import Utterance

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def job(recipe: Recipe, corpus: tuple[Utterance, ...]) -> TrainingJob:
    return prepare(resolve(recipe), corpus, labels=LABELS)


def test_all_recordings_are_training_data(job: TrainingJob, corpus: tuple[Utterance, ...]) -> None:
    assert set(job.fold.train) == {utterance.key for utterance in corpus} == set(job.features)
    assert job.fold.dev == job.fold.test == ()
    assert job.problems == ()


def test_early_stopping_holds_out_whole_speakers(corpus: tuple[Utterance, ...]) -> None:
    job = prepare(resolve(tiny_recipe(training={"patience": 2})), corpus, labels=LABELS)
    speaker = {utterance.key: utterance.speaker_key for utterance in corpus}
    held = {speaker[key] for key in job.fold.dev}
    assert len(held) == 1
    assert held.isdisjoint(speaker[key] for key in job.fold.train)
    assert len(job.fold.train) + len(job.fold.dev) == len(corpus)


def test_recordings_that_fail_are_listed_and_left_out(
    recipe: Recipe, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    gone = replace(corpus[0], id="gone", path=tmp_path / "gone.wav")
    heard: list[int] = []
    job = prepare(resolve(recipe), [*corpus[:5], gone], labels=LABELS, progress=heard.append)
    assert [(problem.key, problem.code) for problem in job.problems] == [("emodb/gone", "missing_file")]
    assert job.utterances == corpus[:5]
    assert gone.key not in job.fold.train
    assert sum(heard) == 6
    with pytest.raises(RunError, match=r"no recording can be used; the first problem: .*gone.wav: can't be read"):
        prepare(resolve(recipe), [gone], labels=LABELS)
    with pytest.raises(RunError, match=r"no recording can be used; the first problem: no utterance was given"):
        prepare(resolve(recipe), [], labels=LABELS)


def test_recordings_shorter_than_a_window_are_left_out(recipe: Recipe, corpus: tuple[Utterance, ...]) -> None:
    short = replace(recipe, windows=Windows(seconds=1.2, hop=0.6, min_seconds=0.9))
    job = prepare(resolve(short), corpus, labels=LABELS)
    assert {problem.code for problem in job.problems} == {"too_short"}
    assert 0 < len(job.problems) == len(corpus) - len(job.utterances) < len(corpus)
    assert "too short for training: 0.7" in job.problems[0].message
    assert "at least 0.9 s are required" in job.problems[0].message
    with pytest.raises(RunError, match=r"no recording can be used; the first problem: .*too short for training"):
        prepare(resolve(replace(short, windows=Windows(seconds=1.2, hop=0.6, min_seconds=1.2))), corpus, labels=LABELS)


def test_a_finished_run_contains_its_settings(
    trained: Path, recipe: Recipe, corpus: tuple[Utterance, ...], job: TrainingJob
) -> None:
    assert sorted(entry.name for entry in trained.iterdir()) == [RUN, WEIGHTS]
    assert trained.name == job.name == f"toy-{job.name.rpartition('-')[2]}"
    run = load_run(trained)
    assert run.recipe == resolve(recipe).recipe
    assert run.labels == LABELS
    assert run.corpora == {"emodb": len(corpus)}
    assert run.speakers == {"emodb": 4}
    assert job.name.endswith(run.signature)
    assert [epoch["number"] for epoch in run.history] == list(range(1, 9))
    assert run.best == 8
    assert json.loads((trained / RUN).read_text())["schema"] == "emotone.run/1"


def test_the_network_separates_the_two_kinds_of_buzzes(trained: Path, job: TrainingJob) -> None:
    net = load_net(trained, load_run(trained))
    with torch.inference_mode():
        hits = [
            LABELS[int(net(torch.from_numpy(job.features[utterance.key][None]), None).argmax())] == utterance.label
            for utterance in job.utterances
        ]
    assert sum(hits) / len(hits) > 0.9


class Stop(Exception):  # noqa: N818 - it is no error
    """What interrupts a training in these tests."""


def test_an_interrupted_training_resumes_with_the_same_result(job: TrainingJob, trained: Path, tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.number == 7:
            raise Stop

    with pytest.raises(Stop):
        train_run(job, tmp_path, progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == [CHECKPOINT]
    with pytest.raises(RunError, match=r"is no folder of a finished training \(no run.json\)"):
        load_run(tmp_path)
    batches: list[tuple[int, int]] = []
    train_run(job, tmp_path, on_batch=lambda *batch: batches.append(batch))
    assert batches == [(done, 10) for done in range(1, 11)]  # the last epoch only
    same(tmp_path, trained)


def test_a_fresh_start_deletes_the_earlier_training(job: TrainingJob, trained: Path, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"of another training")
    (tmp_path / RUN).write_text("{}")
    with pytest.raises(RunError, match="is no checkpoint of emotone"):
        train_run(job, tmp_path)
    train_run(job, tmp_path, fresh=True)
    same(tmp_path, trained)


def same(folder: Path, other: Path) -> None:
    first, second = load_file(folder / WEIGHTS), load_file(other / WEIGHTS)
    assert set(first) == set(second)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not (folder / CHECKPOINT).exists()


def test_a_run_stores_the_content_of_its_recordings(trained: Path, corpus: tuple[Utterance, ...]) -> None:
    run = load_run(trained)
    assert run.recordings == tuple(sorted(content_hashes(corpus).values()))
    assert not overlap(run.recordings, corpus[:0])
    assert overlap(run.recordings, corpus).keys == tuple(sorted(utterance.key for utterance in corpus))


def test_recordings_of_an_earlier_training_count_too(
    trained: Path, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    changed = [replace(utterance, path=tmp_path / utterance.path.name) for utterance in corpus[:4]]
    for utterance, original in zip(changed, corpus, strict=False):
        samples, rate = soundfile.read(original.path, dtype="int16")
        soundfile.write(utterance.path, samples // 2, rate)
    labels = tuple(dict.fromkeys(utterance.label for utterance in changed))
    later = prepare(resolve(recipe_for(None, source=str(trained), plan="A5")), changed, labels=labels)
    train_run(later, tmp_path / "later")
    run = load_run(tmp_path / "later")
    assert set(run.recordings) == {*load_run(trained).recordings, *content_hashes(changed).values()}


def test_a_run_without_hashes_is_read(trained: Path, tmp_path: Path) -> None:
    """Runs of earlier versions have none."""
    shutil.copytree(trained, tmp_path / "copy")
    text = json.loads((tmp_path / "copy" / RUN).read_text())
    del text["recordings"]
    (tmp_path / "copy" / RUN).write_text(json.dumps(text))
    assert load_run(tmp_path / "copy").recordings == ()
