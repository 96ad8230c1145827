"""Stress runs: outcomes of every setting, independent of order and other settings, and the scores of them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.corpora.labels import UNKNOWN
from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.evaluation.stress_run import UNCHANGED, Outcome, StressRun, example_recordings, sample, stress, unlabelled
from emotone.evaluation.stress_scores import (
    COLUMNS,
    StressScore,
    stress_scores,
    stress_table,
    to_dict,
    unchanged_uar,
    write_stress,
)
from emotone.inference.model import load
from emotone.inference.result import ModelInfo
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.model import Model

RATE = 16000
GAIN, BABBLE, NOISE = ("gain", "-30-db"), ("babble", "10-db"), ("white-noise", "10-db")
LABELS = ("anger", "happiness", "neutral", "sadness")


@pytest.fixture(scope="module")
def model(tiny_bundle: Path) -> Model:
    return load(tiny_bundle)


@pytest.fixture(scope="module")
def utterances(
    speech: Callable[..., NDArray[np.float32]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Utterance, ...]:
    """Five recordings of five speakers, with labels."""
    folder = tmp_path_factory.mktemp("recordings")
    made = []
    for number in range(5):
        path = folder / f"{number}.wav"
        soundfile.write(path, speech(1.0 + 0.1 * number, seed=number), RATE)
        made.append(Utterance(str(number), "calls", path, 0.0, None, f"s{number}", f"s{number}", LABELS[number % 2]))
    return tuple(made)


def test_outcomes_do_not_depend_on_order_or_other_settings(model: Model, utterances: tuple[Utterance, ...]) -> None:
    steps: list[int] = []
    whole = stress(model, utterances, settings=[GAIN, BABBLE, NOISE], seed=3, progress=steps.append)
    assert len(whole.outcomes) == 5 * 4
    assert steps == [1] * 5
    turned = stress(model, utterances[::-1], settings=[NOISE], seed=3)
    of_noise = {one.utterance: one for one in whole.outcomes if one.perturbation == "white-noise"}
    assert {one.utterance: one for one in turned.outcomes if one.perturbation == "white-noise"} == of_noise
    other = stress(model, utterances[:1], settings=[NOISE], seed=4).outcomes[1]
    assert other.confidence != of_noise[other.utterance].confidence


def test_the_unchanged_outcome_is_the_prediction(model: Model, utterances: tuple[Utterance, ...]) -> None:
    first = stress(model, utterances[:1], settings=[]).outcomes[0]
    clip = model.predict(utterances[0].path).clip
    assert (first.label, first.confidence, first.perturbation) == (clip.label, clip.confidence, UNCHANGED)
    assert (first.speaker, first.truth) == ("calls/s0", "anger")


def test_babble_needs_other_known_speakers(model: Model, utterances: tuple[Utterance, ...]) -> None:
    one_voice = [replace(utterance, speaker="s0") for utterance in utterances]
    for too_few in (one_voice, utterances[:3], unlabelled(one.path for one in utterances)):
        run = stress(model, too_few, settings=[BABBLE])
        assert {one.perturbation for one in run.outcomes} == {UNCHANGED}
        assert stress_scores(run) == ()


def test_babble_prefers_different_speakers_and_skips_what_can_not_be_read(
    model: Model, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    broken = replace(utterances[0], id="broken", path=tmp_path / "broken.wav", speaker="broken")
    run = stress(model, [*utterances, broken], settings=[BABBLE])
    assert sum(one.perturbation == "babble" for one in run.outcomes) == 5
    assert [problem.key for problem in run.problems] == ["calls/broken"]


def test_recordings_without_speech_are_left_out(
    model: Model, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    silence = unlabelled([tmp_path / "silence.wav"])
    run = stress(model, [*utterances[:1], *silence], settings=[GAIN])
    assert run.silent == (f"recordings/{tmp_path / 'silence.wav'}",)
    with pytest.raises(RunError, match="none of 1 recordings can be used; the first reason: no speech is found in"):
        stress(model, silence, settings=[GAIN])
    with pytest.raises(RunError, match=r"missing\.wav"):
        stress(model, unlabelled([tmp_path / "missing.wav"]), settings=[GAIN])
    with pytest.raises(UsageError, match="no recordings to test"):
        stress(model, [], settings=[GAIN])


def outcome(utterance: str, label: str, setting: str = "", *, truth: str = "", corpus: str = "a") -> Outcome:
    perturbation = "gain" if setting else UNCHANGED
    speaker = f"{corpus}/{utterance[0]}"
    return Outcome(f"{corpus}/{utterance}", corpus, speaker, truth, perturbation, setting, label, 0.5)


def made_run(*outcomes: Outcome) -> StressRun:
    info = ModelInfo("made", "1.0.0", "0" * 64, "MIT")
    return StressRun(info, LABELS, 0, (GAIN, ("gain", "+20-db")), outcomes, (), ())


# Two speakers x and y with two clips each: one label of four changes, and no speech is found in one.
MADE = made_run(
    outcome("x1", "anger", truth="anger"),
    outcome("x2", "sadness", truth="sadness"),
    outcome("y1", "anger", truth="anger"),
    outcome("y2", "anger", truth="sadness"),
    outcome("x1", "anger", "-30-db", truth="anger"),
    outcome("x2", "", "-30-db", truth="sadness"),
    outcome("y1", "anger", "-30-db", truth="anger"),
    outcome("y2", "anger", "-30-db", truth="sadness"),
)


def test_scores_follow_from_the_outcomes() -> None:
    (score,) = stress_scores(MADE)
    assert (score.name, score.corpus, score.bound, score.silent) == ("gain/-30-db", "all", 0.01, 1)
    assert (score.changed.value, score.changed.n, score.changed.speakers) == (0.25, 4, 2)
    assert (score.changed.low, score.changed.high) == (0.0, 0.5)
    assert score.uar is not None
    assert score.lost is not None
    assert (score.uar.value, score.lost.value) == (0.5, 0.25)
    assert score.exceeded
    before = unchanged_uar(MADE)
    assert before is not None
    assert before.value == 0.75


def test_nothing_changed_is_within_the_bound_and_gains_are_no_loss() -> None:
    run = made_run(
        outcome("x1", "anger", truth="anger"),
        outcome("y1", "sadness", truth="sadness"),
        outcome("x1", "anger", "-30-db", truth="anger"),
        outcome("y1", "sadness", "-30-db", truth="sadness"),
    )
    (score,) = stress_scores(run)
    assert score.changed.value == 0
    assert not score.exceeded


def test_without_labels_there_is_no_uar_and_without_speakers_no_interval() -> None:
    named = [outcome("x1", "anger"), outcome("x1", "sadness", "-30-db")]
    run = made_run(*(replace(one, speaker="") for one in named))
    (score,) = stress_scores(run)
    assert (score.uar, score.lost, unchanged_uar(run)) == (None, None, None)
    assert (score.changed.value, score.changed.low) == (1.0, None)
    assert "unknown" in score.changed.note
    assert stress_table([score]).rows == (("gain/-30-db", "100.0", "-", "-", "1", "1", "exceeded"),)


def test_several_corpora_have_scores_of_their_own() -> None:
    second = [replace(one, corpus="b", utterance=one.utterance.replace("a/", "b/")) for one in MADE.outcomes[:4]]
    changed = [replace(one, perturbation="gain", setting="-30-db") for one in second]
    scores = stress_scores(made_run(*MADE.outcomes, *second, *changed))
    assert [(score.corpus, score.changed.value) for score in scores] == [("all", 0.125), ("a", 0.25), ("b", 0.0)]
    assert stress_table(scores).columns[:2] == ("setting", "corpus")
    assert [row[1] for row in stress_table(scores).rows] == ["all", "a", "b"]


def test_files(tmp_path: Path) -> None:
    scores = stress_scores(MADE)
    write_stress(tmp_path / "out", MADE, scores)
    stored = json.loads((tmp_path / "out/stress.json").read_text(encoding="utf-8"))
    assert stored == to_dict(MADE, scores)
    assert tuple(StressScore.from_dict(one) for one in stored["scores"]) == scores
    assert (stored["recordings"], stored["speakers"], stored["uar"]["value"]) == (4, 2, 0.75)
    assert stored["scores"][0]["changed"]["value"] == 0.25
    with (tmp_path / "out/stress.csv").open(encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert tuple(row) == COLUMNS
    assert (row["changed_value"], row["uar_lost_value"], row["speakers"], row["exceeded"]) == (
        "0.25",
        "0.25",
        "2",
        "True",
    )
    with (tmp_path / "out/outcomes.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 8
    assert (rows[5]["setting"], rows[5]["label"], rows[5]["truth"]) == ("-30-db", "", "sadness")


def test_files_of_unlabelled_recordings_have_empty_cells(tmp_path: Path) -> None:
    run = made_run(*(replace(one, truth="", speaker="") for one in MADE.outcomes))
    write_stress(tmp_path, run, stress_scores(run))
    stored = json.loads((tmp_path / "stress.json").read_text(encoding="utf-8"))
    assert (stored["uar"], stored["speakers"], stored["scores"][0]["uar_lost"]) == (None, 0, None)
    with (tmp_path / "stress.csv").open(encoding="utf-8") as stream:
        assert next(csv.DictReader(stream))["uar_value"] == ""


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from emotone.evaluation.stress_scores import write_stress_picture

    write_stress_picture(stress_scores(MADE), tmp_path / "a.svg", model=MADE.model)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "gain/-30-db" in text
    assert "UAR lost" in text
    unknown = made_run(*(replace(one, truth="", speaker="") for one in MADE.outcomes))
    figure = write_stress_picture(stress_scores(unknown), tmp_path / "a.png", model=MADE.model)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names == ["labels changed", "bound"]
    with pytest.raises(UnknownNameError, match="unknown suffix of a picture"):
        write_stress_picture((), tmp_path / "a.pdf", model=MADE.model)


def test_samples_are_spread_over_speakers(utterances: tuple[Utterance, ...]) -> None:
    many = [replace(one, id=f"{one.id}-{number}") for one in utterances for number in range(4)]
    for count in (5, 10):
        chosen = sample(many, count)
        assert len(chosen) == count
        assert [one.speaker for one in chosen].count("s3") == count // 5
        assert list(chosen) == [one for one in many if one in chosen]
    assert {one.key for one in sample(many[::-1], 3)} == {one.key for one in sample(many, 3)}
    assert {one.key for one in sample(many, 3, seed=1)} != {one.key for one in sample(many, 3)}
    assert sample(many, 99) == tuple(many)


def test_the_examples_of_the_package_are_found() -> None:
    found = example_recordings()
    assert {path.name for path in found} >= {"even.flac", "conversation.flac"}
    assert {one.label for one in unlabelled(found)} == {UNKNOWN}
