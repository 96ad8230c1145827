"""Trainings: of networks, on windows with speech, and with context."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.numpy import load_file as load_tensors
from safetensors.torch import load_file
from tests.toy import LABELS, emodb_utterances, tiny_recipe, write_emodb

from emotone.audio.activity import speech_activity
from emotone.audio.samples import resample
from emotone.corpora.content import content_hashes, overlap
from emotone.errors import ConfigError, MissingFileError, RunError
from emotone.features.windows import Windows, has_speech, window_starts
from emotone.fitting.fit import CHECKPOINT, fit, speech_window_starts
from emotone.fitting.resolve import recipe_for, resolve
from emotone.fitting.train import prepare, train_run
from emotone.fitting.training_run import RUN, WEIGHTS, load_net, load_run
from emotone.recipes.library import load_net_recipe
from emotone.reproductions.cells import changed
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.fitting.train import TrainingJob
    from emotone.recipes.recipe import Recipe
    from emotone.training.loop import Epoch
    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Training on all given recordings: which are left out, which are held out, and resuming.


@pytest.fixture
def job(recipe: Recipe, corpus: tuple[Utterance, ...]) -> TrainingJob:
    return prepare(resolve(recipe), corpus, labels=LABELS)


@pytest.mark.usefixtures("one_thread")
def test_all_recordings_are_training_data(job: TrainingJob, corpus: tuple[Utterance, ...]) -> None:
    assert set(job.fold.train) == {utterance.key for utterance in corpus} == set(job.features)
    assert job.fold.dev == job.fold.test == ()
    assert job.problems == ()


@pytest.mark.usefixtures("one_thread")
def test_early_stopping_holds_out_whole_speakers(corpus: tuple[Utterance, ...]) -> None:
    job = prepare(resolve(tiny_recipe(training={"patience": 2})), corpus, labels=LABELS)
    speaker = {utterance.key: utterance.speaker_key for utterance in corpus}
    held = {speaker[key] for key in job.fold.dev}
    assert len(held) == 1
    assert held.isdisjoint(speaker[key] for key in job.fold.train)
    assert len(job.fold.train) + len(job.fold.dev) == len(corpus)


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
def test_recordings_shorter_than_a_window_are_left_out(recipe: Recipe, corpus: tuple[Utterance, ...]) -> None:
    short = replace(recipe, windows=Windows(seconds=1.2, hop=0.6, min_seconds=0.9))
    job = prepare(resolve(short), corpus, labels=LABELS)
    assert {problem.code for problem in job.problems} == {"too_short"}
    assert 0 < len(job.problems) == len(corpus) - len(job.utterances) < len(corpus)
    assert "too short for training: 0.7" in job.problems[0].message
    assert "at least 0.9 s are required" in job.problems[0].message
    with pytest.raises(RunError, match=r"no recording can be used; the first problem: .*too short for training"):
        prepare(resolve(replace(short, windows=Windows(seconds=1.2, hop=0.6, min_seconds=1.2))), corpus, labels=LABELS)


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
def test_a_run_stores_the_content_of_its_recordings(trained: Path, corpus: tuple[Utterance, ...]) -> None:
    run = load_run(trained)
    assert run.recordings == tuple(sorted(content_hashes(corpus).values()))
    assert not overlap(run.recordings, corpus[:0])
    assert overlap(run.recordings, corpus).keys == tuple(sorted(utterance.key for utterance in corpus))


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
def test_a_run_without_hashes_is_read(trained: Path, tmp_path: Path) -> None:
    """Runs of earlier versions have none."""
    shutil.copytree(trained, tmp_path / "copy")
    text = json.loads((tmp_path / "copy" / RUN).read_text())
    del text["recordings"]
    (tmp_path / "copy" / RUN).write_text(json.dumps(text))
    assert load_run(tmp_path / "copy").recordings == ()


# ----------------------------------------------------------------------------------------------------------------------
# Windows without speech: training on windows with speech only excludes them.

SECONDS = Windows(seconds=1.0, hop=0.5, min_seconds=0.01, combine="mean-logit")
ASKED = {"crop_mode": "grid", "speech_only": True, "epochs": 1}


@pytest.fixture
def clips(tmp_path: Path, speech: Callable[..., Array]) -> tuple[Utterance, ...]:
    """Silence around speech, speech of 0.4 s, speech alone, and silence."""
    still = np.zeros(16000, np.float32)
    sounds = (
        np.concatenate([still, speech(2.3), still, still[:4000]]),
        speech(0.4, seed=2),
        speech(3.2, seed=1),
        np.zeros(24000, np.float32),
    )
    made = []
    for number, sound in enumerate(sounds):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, sound, 16000, subtype="FLOAT")
        made.append(Utterance(f"{number}", "toy", path, 0.0, None, f"s{number}", "x", LABELS[number % 2]))
    return tuple(made)


def asking(**changes: Any) -> Recipe:
    return tiny_recipe(**{"windows": SECONDS, "training": ASKED, "augment": {}, **changes})


@pytest.mark.parametrize(("front_end", "pads"), [("log-mel", {}), ("mn-log-mel", {"pads_end": True})])
def test_they_are_the_windows_of_the_grid_with_speech(
    clips: tuple[Utterance, ...], front_end: str, pads: dict[str, bool]
) -> None:
    recipe = asking(front_end={"name": front_end, **pads})
    features = resolve(recipe).extract(clips).features
    found = speech_window_starts(recipe, clips, features)
    assert found is not None
    hop = recipe.feature.hop_seconds
    for clip in clips:
        sound, _ = soundfile.read(clip.path, dtype="float32")
        heard = resample(sound, rate=16000, to=recipe.feature.rate)  # the rate at which clips are read
        active = speech_activity(resample(heard, rate=recipe.feature.rate, to=16000))
        window, step = recipe.windows.frames(recipe.feature)
        minimum = recipe.windows.min_frames(recipe.feature)
        expected = [
            start
            for start in window_starts(len(features[clip.key]), window=window, hop=step, min_frames=minimum)
            if has_speech(active[round(start * hop * 100) :][:100], whole=100, first=start == 0)
        ]
        assert found.get(clip.key, np.zeros(0)).tolist() == expected
    assert set(found) == {"toy/0", "toy/1", "toy/2"}
    assert 0 < len(found["toy/0"]) < len(features["toy/0"]) / 50
    assert found["toy/0"][0] > 0


def test_no_other_windows_are_trained_on(clips: tuple[Utterance, ...]) -> None:
    """Other rows outside the windows with speech give the same weights."""
    resolved = resolve(asking(training={**ASKED, "patience": 1, "batch_size": 2}))
    features = resolved.extract(clips).features
    starts = speech_window_starts(resolved.recipe, clips, features)
    assert starts is not None
    window, _ = SECONDS.frames(resolved.recipe.feature)
    wild = {key: np.full_like(rows, 1e3) for key, rows in features.items()}
    for key, firsts in starts.items():
        for first in firsts.tolist():
            wild[key][first : first + window] = features[key][first : first + window]
    assert any(not np.array_equal(wild[key], features[key]) for key in starts)
    keys = tuple(clip.key for clip in clips)
    fold = Fold("one", train=keys[:2], dev=keys[2:], test=())
    first, second = (fit(resolved, clips, each, fold, labels=LABELS) for each in (features, wild))
    assert first.history[0].score == second.history[0].score
    for name, values in first.net.state_dict().items():
        assert torch.equal(values, second.net.state_dict()[name])


def test_they_change_the_training(clips: tuple[Utterance, ...]) -> None:
    recipe = asking(training={**ASKED, "patience": 1, "batch_size": 2})
    features = resolve(recipe).extract(clips).features
    keys = tuple(clip.key for clip in clips)
    fitted = fit(resolve(recipe), clips, features, Fold("one", train=keys[:2], dev=keys[2:], test=()), labels=LABELS)
    everything = replace(recipe, training=replace(recipe.training, speech_only=False))
    whole = fit(resolve(everything), clips, features, Fold("one", train=keys[:2], dev=keys[2:], test=()), labels=LABELS)
    assert fitted.signature != whole.signature
    assert fitted.history[0].loss != whole.history[0].loss


def test_training_on_all_windows_reads_no_audio() -> None:
    recipe = asking(training={"crop_mode": "grid"})
    nowhere = Utterance("0", "toy", Path("nowhere.wav"), 0.0, None, "s", "x", LABELS[0])
    assert speech_window_starts(recipe, [nowhere], {}) is None
    with pytest.raises(MissingFileError, match=r"nowhere.wav: can't be read"):
        speech_window_starts(asking(), [nowhere], {"toy/0": np.zeros((9, 64), np.float32)})


def test_windows_that_count_in_prediction_can_not_be_excluded() -> None:
    with pytest.raises(ConfigError, match=r"set windows.speech_only = true; given false"):
        asking(windows=replace(SECONDS, speech_only=False))


# ----------------------------------------------------------------------------------------------------------------------
# An LSTM on the features of a trained network on single chunks, whose layers are loaded and frozen.

SMALL: tuple[tuple[str, Any], ...] = (
    ("net.filters", [3]),
    ("net.units", 4),
    ("labels", "emodb"),
    ("training.epochs", 1),
)


def trained(name: str, utterances: tuple[Utterance, ...], folder: Path, *changes: tuple[str, Any]) -> Path:
    recipe = changed(load_net_recipe(name), (*SMALL, *changes))
    job = prepare(resolve(recipe), utterances, labels=LABELS)  # type: ignore[arg-type]
    train_run(job, folder / name)
    return folder / name


def test_an_lstm_is_trained_on_the_frozen_features_of_a_run(tmp_path: Path) -> None:
    utterances = emodb_utterances(write_emodb(tmp_path / "emodb", speakers=("03", "08"), sentences=("a01", "a02")))
    run = trained("spectrogram-r1", utterances, tmp_path)
    on_it = trained(
        "spectrogram-lstm-r1", utterances, tmp_path, ("net.context_units", 3), ("transfer.source", str(run))
    )
    before, after = load_tensors(run / WEIGHTS), load_tensors(on_it / WEIGHTS)
    shared = [name for name in before if ".classifier." not in name]
    assert len(shared) == 8  # limits and median, mean, convolution, hidden layer
    for name in shared:
        np.testing.assert_array_equal(after[name], before[name])
    assert after["blocks.context.ahead.weight_ih_l0"].shape == (12, 4)
