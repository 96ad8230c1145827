"""`emotone adapt` and `emotone personalise`."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from tests.toy import emodb_utterances, write_emodb

from emotone.corpora.content import content_hashes
from emotone.evaluation.personalise import PersonalScores
from emotone.fitting.training_run import HEAD_RUN, HeadRun, load_head_run
from emotone.inference.model import load
from emotone.recipes.library import load_recipe
from emotone.scoring.finished_run import read_description
from emotone.scoring.scores import Score

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import MakeBundle

    from emotone.inference.model import Model
    from emotone.recipes.embedding_recipe import EmbeddingRecipe

pytestmark = pytest.mark.usefixtures("one_thread")


# ----------------------------------------------------------------------------------------------------------------------
# `emotone adapt` and `emotone predict --adapt` give the same results.

RATE = 16000


@pytest.fixture
def model(make_bundle: MakeBundle, tmp_path: Path) -> Model:
    return load(make_bundle(tmp_path / "model", head=True))


@pytest.fixture
def recordings(tmp_path: Path, speech: Callable[..., Any]) -> list[Path]:
    paths = [tmp_path / f"{number}.wav" for number in range(3)]
    for number, path in enumerate(paths):
        soundfile.write(path, speech(2.0, seed=number) * (0.2 + 0.2 * number), RATE, subtype="FLOAT")
    return paths


def test_the_command_writes_a_model_that_predicts_like_predict_with_adapt(
    emotone: Callable[..., Any], model: Model, recordings: list[Path], tmp_path: Path
) -> None:
    given = [argument for path in recordings for argument in ("--recordings", path)]
    missing = tmp_path / "missing.wav"
    result = emotone("adapt", model.bundle.directory, *given, "--recordings", missing, "--out", tmp_path / "mine")
    assert result.status == 1
    assert "missing.wav" in result.err
    assert result.out.strip() == str(tmp_path / "mine")
    by_model = emotone("predict", *recordings, "--model", tmp_path / "mine", "--format", "json")
    in_one_go = emotone("predict", *recordings, "--model", model.bundle.directory, "--adapt", "--format", "json")
    assert json.loads(by_model.out) == json.loads(in_one_go.out)
    assert all(one["adapted"] for one in json.loads(by_model.out))


def test_adapting_needs_files(emotone: Callable[..., Any], model: Model) -> None:
    result = emotone("predict", "-", "--model", model.bundle.directory, "--adapt")
    assert result.status == 2
    assert "--adapt reads every recording twice" in result.err


def test_channels_and_tracks_are_chosen(
    emotone: Callable[..., Any], model: Model, recordings: list[Path], tmp_path: Path, speech: Callable[..., Any]
) -> None:
    stereo = np.stack([speech(2.0, seed=7), speech(2.0, seed=8)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", stereo, RATE, subtype="FLOAT")
    given = ("adapt", model.bundle.directory, "--recordings", tmp_path / "stereo.wav", "--out", tmp_path / "mine")
    assert emotone(*given, "--channel", "0").status == 2  # one recording has no deviation
    assert emotone(*given, "--channel", "each", "--track", "all", "--quiet").status == 0
    adaptation = load(tmp_path / "mine").bundle.manifest.adaptation
    assert adaptation is not None
    assert adaptation.recordings == 2
    wrong = emotone(*given, "--track", "first")
    assert (wrong.status, "allowed: a number from 0, default, or all" in wrong.err) == (2, True)


# ----------------------------------------------------------------------------------------------------------------------
# `emotone personalise`, and `--from` a model with a head: from clips to a model, with the scores that belong to it.


@pytest.fixture(autouse=True)
def few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of a few batches: what is tested here is what surrounds them."""
    monkeypatch.setattr("emotone.fitting.train.MIN_BATCHES", 6)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Twelve clips of three speakers, in a folder per label and speaker."""
    made = write_emodb(tmp_path / "made", speakers=("11", "12", "13"), sentences=("a01", "a02"))
    for one in emodb_utterances(made):
        place = tmp_path / "clips" / one.label / one.speaker
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(one.path, place)
    return tmp_path / "clips"


@pytest.fixture
def table(folders: Path) -> Path:
    """The same clips in a table without speakers, with another name for one label."""
    rows = ["file,label"]
    for path in sorted(folders.rglob("*.wav")):
        label = path.relative_to(folders).parts[0]
        rows.append(f"{path.as_posix()},{'surprise' if label == 'sadness' else label}")
    (folders.parent / "clips.csv").write_text("\n".join(rows) + "\n")
    return folders.parent / "clips.csv"


def test_folders_with_speakers(emotone: Callable[..., Any], exported: Path, folders: Path, tmp_path: Path) -> None:
    (folders / "notes.wav").touch()
    given = ("--from", exported, "--out", tmp_path / "mine", "--name", "mine", "--description", "Buzzes of mine")
    result = emotone("personalise", folders, *given)
    assert result.status == 0, result.err
    tuned, unchanged, chance, *_, last = result.out.splitlines()
    assert tuned.startswith("fine-tuned from toy by plan A5: UAR ")
    assert tuned.endswith("(12 clips, 3 speakers, protocol speaker-folds-3)")
    assert unchanged.startswith("toy unchanged, on the same clips: UAR ")
    assert chance == "chance: UAR 50.0"
    assert last == str(tmp_path / "mine")
    assert "not speaker-independent" not in result.out
    assert "ignored 1 recordings outside folders" in result.err
    manifest = load(tmp_path / "mine").bundle.manifest
    assert (manifest.name, manifest.description, manifest.labels) == ("mine", "Buzzes of mine", ("anger", "sadness"))
    card = (tmp_path / "mine" / "CARD.md").read_text()
    assert f"- {tuned}" in card
    assert "Fine-tuned on all 12 clips of 3 speakers (protocol: all speakers)." in card


def test_a_table_without_speakers_and_with_a_new_label(
    emotone: Callable[..., Any], exported: Path, table: Path, tmp_path: Path
) -> None:
    with table.open("a") as stream:
        stream.write("gone.wav,anger\n")
    given = ("--from", exported, "--out", tmp_path / "mine", "--label-map", "anger=fear", "--json", "--quiet")
    result = emotone("personalise", table, *given)
    assert result.status == 1, result.err  # a row is left out
    found = json.loads(result.out)
    assert found["tuned"]["protocol"] == "random-3"
    assert found["tuned"]["speaker_independent"] is False
    assert found["unchanged"] is None
    assert found["caveat"] == "the speakers of the clips are not known"
    assert found["directory"] == str(tmp_path / "mine")
    assert "has no scores for surprise; they are learned" in result.err
    assert load(tmp_path / "mine").labels == ("fear", "surprise")


def test_what_can_not_be_done_is_said_before_any_work(
    emotone: Callable[..., Any], exported: Path, folders: Path, tmp_path: Path
) -> None:
    shutil.rmtree(folders / "sadness")
    one = emotone("personalise", folders, "--from", exported, "--out", tmp_path / "mine")
    assert (one.status, one.out) == (2, "")
    assert "has clips with the labels: anger; at least two are needed" in one.err
    assert not (tmp_path / "mine").exists()


@pytest.fixture
def with_head(make_bundle: MakeBundle, tmp_path: Path) -> Path:
    """A model with a head, and the description of what it was fitted on."""
    folder = make_bundle(tmp_path / "head", head=True, labels=("anger", "sadness"), name="heady")
    recipe: EmbeddingRecipe = load_recipe("default")  # type: ignore[assignment]
    run = HeadRun(recipe, ("anger", "sadness"), {"studio": 9}, {"studio": 3}, "0" * 12, ("f00d",))
    (folder / HEAD_RUN).write_bytes(run.to_bytes())
    return folder


def test_the_head_of_a_frozen_encoder_is_fitted(
    emotone: Callable[..., Any], with_head: Path, folders: Path, tmp_path: Path
) -> None:
    result = emotone("personalise", folders, "--from", with_head, "--out", tmp_path / "mine", "--json")
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert (found["plan"], found["tuned"]["protocol"], found["tuned"]["ours"]["n"]) == ("head", "speaker-folds-3", 12)
    assert found["tuned"]["ours"]["value"] >= found["unchanged"]["ours"]["value"]
    assert found["refit"]
    assert found["training_overlap"] == {"keys": [], "tested": 12, "unreadable": 0}
    assert "was trained on" not in result.err
    model = load(tmp_path / "mine")
    assert (model.bundle.manifest.name, model.labels) == ("heady-tuned", ("anger", "sadness"))
    run = load_head_run(tmp_path / "mine")
    assert (run.corpora, run.speakers) == ({"own": 12}, {"own": 3})
    assert "f00d" in run.recordings
    assert len(run.recordings) == 13
    assert "The head was fitted further from that of heady" in (tmp_path / "mine" / "CARD.md").read_text()


def test_a_head_learns_a_new_label_and_lists_what_it_can_not_read(
    emotone: Callable[..., Any], with_head: Path, table: Path, tmp_path: Path
) -> None:
    with table.open("a") as stream:
        stream.write("gone.wav,anger\n")
    (broken := tmp_path / "broken.wav").write_bytes(b"RIFF")
    with table.open("a") as stream:
        stream.write(f"{broken.as_posix()},anger\n")
    result = emotone("personalise", table, "--from", with_head, "--out", tmp_path / "mine", "--name", "mine")
    assert result.status == 1
    assert "has no scores for surprise; they are learned" in result.err
    assert "left out" in result.err
    assert "unchanged: no score, because it lacks one of the labels" in result.out
    assert "last layer fitted with strength" in result.out
    assert load(tmp_path / "mine").labels == ("anger", "surprise")


def test_options_of_networks_and_names_of_shipped_models_are_refused_for_heads(
    emotone: Callable[..., Any], with_head: Path, folders: Path, tmp_path: Path
) -> None:
    given = ("personalise", folders, "--from", with_head, "--out", tmp_path / "mine")
    plan = emotone(*given, "--transfer", "A5")
    assert (plan.status, "plans are for networks; remove --transfer" in plan.err) == (2, True)
    name = emotone(*given, "--name", "small")
    assert (name.status, "is the name of a shipped model" in name.err) == (2, True)
    (with_head / HEAD_RUN).unlink()
    undescribed = emotone(*given)
    assert "does not describe what a head was fitted on" in undescribed.err
    assert not (tmp_path / "mine").exists()


TUNED = Score(
    value=0.6,
    low=0.5,
    high=0.7,
    n=9,
    speakers=2,
    seeds=1,
    metric="uar",
    corpus="own",
    protocol="speaker-folds-2",
    speaker_independent=True,
    folds=2,
)
SCORES = PersonalScores("default", "A5", TUNED, replace(TUNED, value=0.4), 0.25, "")


def test_clips_that_the_model_was_trained_on_are_reported(
    emotone: Callable[..., Any], with_head: Path, folders: Path, tmp_path: Path
) -> None:
    known = content_hashes(emodb_utterances(tmp_path / "made")[:2])
    run = replace(load_head_run(with_head), recordings=tuple(known.values()))
    (with_head / HEAD_RUN).write_bytes(run.to_bytes())
    result = emotone("personalise", folders, "--from", with_head, "--out", tmp_path / "mine")
    assert result.status == 0, result.err
    assert "warning: heady was trained on some of these clips: 2 of 12 test clips occur in the" in result.err


def test_scores_as_text() -> None:
    assert SCORES.lines() == [
        "fine-tuned from default by plan A5: UAR 60.0 [50.0, 70.0] (9 clips, 2 speakers, protocol speaker-folds-2)",
        "default unchanged, on the same clips: UAR 40.0 [50.0, 70.0]",
        "chance: UAR 25.0",
    ]
    close = replace(SCORES, unchanged=replace(TUNED, value=0.55))
    assert close.lines()[-1] == "the unchanged model is within the interval of the score: the gain may be chance"
    worse = replace(SCORES, unchanged=replace(TUNED, value=0.6))
    assert worse.lines()[-1] == "the training does not help on these clips: use default unchanged"
    alone = replace(
        SCORES, tuned=replace(TUNED, low=None, high=None, speakers=1, note="one speaker"), caveat="one voice"
    )
    assert alone.lines()[-2:] == ["note: one speaker", "not speaker-independent: one voice"]
    assert "9 clips, 1 speaker, protocol" in alone.lines()[0]
    assert SCORES.to_dict()["tuned"]["ours"]["value"] == 0.6


def test_training_and_evaluation_from_a_head(
    emotone: Callable[..., Any], with_head: Path, folders: Path, table: Path, tmp_path: Path
) -> None:
    corpus = ("--corpus", f"own={table}")
    trained = emotone("train", "--from", with_head, *corpus, "--out", tmp_path / "runs")
    assert trained.status == 0, trained.err
    assert "selected: " in trained.err
    assert load(Path(trained.out.strip())).bundle.manifest.name == "heady-tuned"
    scored = emotone(
        "evaluate", "--from", with_head, *corpus, "--protocol", "random-3@4", "--out", tmp_path / "scores", "--json"
    )
    assert scored.status == 0, scored.err
    about = read_description(next((tmp_path / "scores").iterdir()))
    assert (about["recipe"]["transfer"]["source"], about["recipe"]["transfer"]["plan"]) == ("heady", "auto")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("train", "--transfer", "A5"), "plans such as A5 are for networks"),
        (("train", "--transfer", "adapted"), "--transfer auto fits it to labelled clips, and emotone adapt"),
        (("train", "--epochs", "3"), "needs no epochs; remove --epochs"),
        (("evaluate", "--unlabelled", "statistics"), "--transfer adapted uses the clips without their labels"),
    ],
)
def test_options_that_heads_do_not_have_are_refused(
    emotone: Callable[..., Any], with_head: Path, table: Path, given: tuple[str, ...], message: str
) -> None:
    result = emotone(*given, "--from", with_head, "--corpus", f"own={table}")
    assert (result.status, message in result.err) == (2, True), result.err
