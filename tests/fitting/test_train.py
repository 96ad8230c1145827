"""Training on everything that is given: what is left out, what is kept back, and going on after an interruption."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file
from tests.toy import LABELS, one_thread, tiny_recipe

from emotone.bundles.manifest import Windows
from emotone.errors import RunError
from emotone.fitting.fit import CHECKPOINT
from emotone.fitting.train import prepare, train_run
from emotone.fitting.training_run import RUN, WEIGHTS, load_net, load_run

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.fitting.train import Ready
    from emotone.recipes.recipe import Recipe
    from emotone.training.checkpoint import Epoch
    from emotone.types import Utterance

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def ready(recipe: Recipe, corpus: tuple[Utterance, ...]) -> Ready:
    return prepare(recipe, corpus, labels=LABELS)


def test_everything_is_learned_from(ready: Ready, corpus: tuple[Utterance, ...]) -> None:
    assert set(ready.fold.train) == {utterance.key for utterance in corpus} == set(ready.features)
    assert ready.fold.dev == ready.fold.test == ()
    assert ready.problems == ()


def test_a_recipe_that_stops_early_keeps_whole_speakers_back(corpus: tuple[Utterance, ...]) -> None:
    ready = prepare(tiny_recipe(training={"patience": 2}), corpus, labels=LABELS)
    speaker = {utterance.key: utterance.speaker_key for utterance in corpus}
    held = {speaker[key] for key in ready.fold.dev}
    assert len(held) == 1
    assert held.isdisjoint(speaker[key] for key in ready.fold.train)
    assert len(ready.fold.train) + len(ready.fold.dev) == len(corpus)


def test_recordings_that_fail_are_listed_and_left_out(
    recipe: Recipe, corpus: tuple[Utterance, ...], tmp_path: Path
) -> None:
    gone = replace(corpus[0], id="gone", path=tmp_path / "gone.wav")
    heard: list[int] = []
    ready = prepare(recipe, [*corpus[:5], gone], labels=LABELS, progress=heard.append)
    assert [(problem.key, problem.code) for problem in ready.problems] == [("emodb/gone", "missing_file")]
    assert ready.utterances == corpus[:5]
    assert gone.key not in ready.fold.train
    assert sum(heard) == 6
    with pytest.raises(RunError, match=r"no recording can be used; the first: .*gone.wav: can't be read"):
        prepare(recipe, [gone], labels=LABELS)
    with pytest.raises(RunError, match=r"no recording can be used; the first: no utterance was given"):
        prepare(recipe, [], labels=LABELS)


def test_recordings_that_fill_no_window_are_listed_and_left_out(recipe: Recipe, corpus: tuple[Utterance, ...]) -> None:
    ready = prepare(replace(recipe, windows=Windows(seconds=1.2, hop=0.6, least=0.9)), corpus, labels=LABELS)
    assert {problem.code for problem in ready.problems} == {"too_short"}
    assert 0 < len(ready.problems) == len(corpus) - len(ready.utterances) < len(corpus)
    assert "too short to learn from: 0.7" in ready.problems[0].message
    assert "at least 0.9 s are needed" in ready.problems[0].message
    with pytest.raises(RunError, match=r"no recording can be used; the first: .*too short to learn from"):
        prepare(replace(recipe, windows=Windows(seconds=1.2, hop=0.6, least=1.2)), corpus, labels=LABELS)


def test_a_finished_training_says_what_it_was(
    trained: Path, recipe: Recipe, corpus: tuple[Utterance, ...], ready: Ready
) -> None:
    assert sorted(entry.name for entry in trained.iterdir()) == [RUN, WEIGHTS]
    assert trained.name == ready.name == f"toy-{ready.name.rpartition('-')[2]}"
    run = load_run(trained)
    assert run.recipe.signature == recipe.signature
    assert run.labels == LABELS
    assert run.corpora == {"emodb": len(corpus)}
    assert run.speakers == {"emodb": 4}
    assert ready.name.endswith(run.signature)
    assert [epoch["number"] for epoch in run.history] == list(range(1, 9))
    assert run.best == 8
    assert json.loads((trained / RUN).read_text())["schema"] == "emotone.run/1"


def test_it_has_learned_to_tell_the_buzzes_apart(trained: Path, ready: Ready) -> None:
    net = load_net(trained, load_run(trained))
    with torch.inference_mode():
        hits = [
            LABELS[int(net(torch.from_numpy(ready.features[utterance.key][None]), None).argmax())] == utterance.label
            for utterance in ready.utterances
        ]
    assert sum(hits) / len(hits) > 0.9


class Stop(Exception):  # noqa: N818 - it is no error
    """What interrupts a training in these tests."""


def test_an_interrupted_training_goes_on_and_ends_the_same(ready: Ready, trained: Path, tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.number == 7:
            raise Stop

    with pytest.raises(Stop):
        train_run(ready, tmp_path, progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == [CHECKPOINT]
    with pytest.raises(RunError, match=r"holds no finished training \(no run.json\)"):
        load_run(tmp_path)
    batches: list[tuple[int, int]] = []
    train_run(ready, tmp_path, on_batch=lambda *batch: batches.append(batch))
    assert batches == [(done, 10) for done in range(1, 11)]  # the last epoch only
    same(tmp_path, trained)


def test_a_fresh_start_forgets_what_was_there(ready: Ready, trained: Path, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"of another training")
    (tmp_path / RUN).write_text("{}")
    with pytest.raises(RunError, match="is no checkpoint of emotone"):
        train_run(ready, tmp_path)
    train_run(ready, tmp_path, fresh=True)
    same(tmp_path, trained)


def same(folder: Path, other: Path) -> None:
    first, second = load_file(folder / WEIGHTS), load_file(other / WEIGHTS)
    assert set(first) == set(second)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not (folder / CHECKPOINT).exists()
