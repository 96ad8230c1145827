"""`emotone train`: the run folder on standard output, notes on standard error, and one line for every error."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import LABELS, RECIPE_TOML, emodb_utterances, one_thread, tiny_training, write_emodb

from emotone.fitting.training_run import RUN, WEIGHTS, load_run

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "emodb"
    return write_emodb(folder, speakers=("03", "08"), sentences=("a01", "a02"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "toy.toml").write_text(RECIPE_TOML.replace("epochs = 8", "epochs = 2"))
    return tmp_path / "toy.toml"


def test_a_training_prints_its_folder(emotone: Callable[..., Any], recipe: Path, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    result = emotone("train", recipe, "--corpus", f"emodb={corpus}", "--out", out, "--threads", 1)
    assert result.status == 0
    folder = Path(result.out.strip())
    assert folder.parent == out
    assert sorted(entry.name for entry in folder.iterdir()) == [RUN, WEIGHTS]
    assert load_run(folder).labels == LABELS
    assert "8 clips, 2 speakers, labels: anger, sadness" in result.err
    assert "epoch 1: loss " in result.err
    assert "kept the weights of epoch 2 of 2" in result.err

    before = (folder / WEIGHTS).stat().st_mtime_ns
    again = emotone("train", recipe, "--corpus", f"emodb={corpus}", "--out", out)
    assert (again.status, again.out) == (0, result.out)
    assert "already trained with the same recipe and data, so nothing was computed" in again.err
    assert (folder / WEIGHTS).stat().st_mtime_ns == before

    weights = (folder / WEIGHTS).read_bytes()
    fresh = emotone("train", recipe, "--corpus", f"emodb={corpus}", "--out", out, "--fresh", "--quiet")
    assert (fresh.status, fresh.out) == (0, result.out)
    assert (folder / WEIGHTS).stat().st_mtime_ns > before
    assert (folder / WEIGHTS).read_bytes() == weights


def test_corpora_from_the_environment(
    emotone: Callable[..., Any], recipe: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTONE_CORPORA", str(corpus.parent))
    result = emotone("train", recipe, "--out", tmp_path / "runs")
    assert result.status == 0
    assert load_run(Path(result.out.strip())).corpora == {"emodb": 8}


def test_early_stopping_prints_the_development_score(emotone: Callable[..., Any], tmp_path: Path, recipe: Path) -> None:
    folder = write_emodb(tmp_path / "four", sentences=("a01",))
    recipe.write_text(recipe.read_text().replace("epochs = 2", "epochs = 2\npatience = 5"))
    result = emotone("train", recipe, "--corpus", f"emodb={folder}", "--out", tmp_path / "runs")
    assert result.status == 0
    assert ", development UAR " in result.err


RAW_TOML = """\
name = "raw"
labels = "anger-frustration"

[front_end]
name = "waveform"

[net]
name = "soundnet5"

[windows]
seconds = 1.2
hop = 0.6
min_seconds = 0.8

[training]
epochs = 2
steps_per_epoch = 2
batch_size = 4
patience = 2
monitor = "auroc"
sampling = "balanced"
crop_seconds = 1.2
ema_decay = 0.0

[augment.tempo-pitch]

[augment.white-noise]
"""


def test_a_transfer_is_printed_and_stored(emotone: Callable[..., Any], tmp_path: Path) -> None:
    import torch

    from emotone.nets.architectures.waveform_networks import SoundNet5
    from emotone.transfer.weights import SourceWeights, write_weights

    torch.manual_seed(1)
    tensors = {name: values.numpy() for name, values in SoundNet5(filters=256).build(1, 9).state_dict().items()}
    write_weights(tmp_path / "sound.safetensors", SourceWeights("sound", tensors, licence="CC0-1.0"))
    recipe = tmp_path / "raw.toml"
    recipe.write_text(RAW_TOML)
    folder = write_emodb(tmp_path / "four", sentences=("a01", "a02"))
    given = ("--corpus", f"emodb={folder}", "--out", tmp_path / "runs", "--source", tmp_path / "sound.safetensors")
    result = emotone("train", recipe, *given, "--plan", "anger-2", "--threads", 1)
    assert result.status == 1  # some buzzes are shorter than 0.8 s
    assert "too short for training: 0.7" in result.err
    assert ", development AU-ROC " in result.err
    assert "from sound (CC0-1.0; sha256 " in result.err
    assert "frozen (loaded, not trained): conv1, conv2; 14 tensors" in result.err
    run = load_run(Path(result.out.strip()))
    assert run.transfer is not None
    assert len(run.transfer.names("tuned")) == 7
    refused(emotone("train", recipe, *given), "sound.safetensors needs a plan: --transfer A2")
    gone = (*given[:-1], tmp_path / "gone.t7")
    refused(emotone("train", recipe, *gone, "--plan", "anger-2"), "gone.t7: can't be read: No such file")


def write_table(path: Path, corpus: Path, **labels: str) -> Path:
    """Write a table of a corpus under other labels; clips without one are left out."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "speaker", "label"])
        for utterance in emodb_utterances(corpus):
            if utterance.label in labels:
                writer.writerow([utterance.path, utterance.speaker, labels[utterance.label]])
    return path


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """The folder of a training on the corpus."""
    return tiny_training(tmp_path_factory.mktemp("before"), emodb_utterances(corpus), labels=LABELS, epochs=2)


@pytest.fixture
def paths(before: Path, recipe: Path, tmp_path: Path) -> dict[str, Path]:
    """Values of placeholders in arguments: a training, its recipe, and a recipe with another front end."""
    other = tmp_path / "other.toml"
    other.write_text(recipe.read_text() + "\n[front_end]\nname = 'log-mel'\nbands = 40\n")
    return {"BEFORE": before, "RECIPE": recipe, "OTHER": other}


def test_a_training_is_fine_tuned_on_other_clips(
    emotone: Callable[..., Any], before: Path, corpus: Path, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "calls.csv", corpus, anger="anger", sadness="neutral")
    given = ("--corpus", f"calls={table}", "--out", tmp_path / "runs", "--threads", 1)
    result = emotone("train", "--from", before, "--transfer", "A4", *given)
    assert result.status == 0
    assert "from toy (CC0-1.0; sha256 " in result.err
    assert "frozen (loaded, not trained): conv1, conv2, conv3, conv4, conv5; " in result.err
    assert (
        "toy has scores for anger, sadness, but not for neutral: the output layer, classifier, is re-initialised"
        in result.err
    )
    run = load_run(Path(result.out.strip()))
    assert (run.labels, run.corpora) == (("anger", "neutral"), {"calls": 8})
    assert run.transfer is not None
    assert run.transfer.notes
    wanted = (
        "toy can't be used unchanged for anger, neutral: it has no scores for neutral, only for anger, sadness; use a"
    )
    failed_with(emotone("train", "--from", before, "--transfer", "A1", *given), wanted)


def failed_with(result: Any, message: str) -> None:
    assert (result.status, result.out) == (2, "")
    assert message in result.err.splitlines()[-1]


def test_auto_prints_and_stores_the_score_of_every_plan(
    emotone: Callable[..., Any], before: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.fitting.train.MIN_BATCHES", 6)  # 200 on 9 plans take a minute
    given = ("--from", before, "--transfer", "auto", "--corpus", f"emodb={corpus}", "--out", tmp_path / "runs")
    result = emotone("train", *given, "--threads", 1)
    assert result.status == 0
    plans = [line for line in result.err.splitlines() if "inner UAR " in line and ": plan " in line]
    assert len(plans) == 9
    assert "few clips: 3 epochs instead of 2, so that there are 6 batches" in result.err
    assert "scored on 8 clips of 2 speakers with speaker-folds-2, where differences below about " in result.err
    folder = Path(result.out.strip())
    kept = json.loads((folder / "plan_selection.json").read_text())
    assert f"selected: {kept['plan']}: " in result.err
    assert [each["plan"] for each in kept["candidates"]][::8] == ["A1", "none"]
    assert (load_run(folder).recipe.transfer is None) == (kept["plan"] == "none")
    assert load_run(folder).recipe.training.epochs == 3
    again = emotone("train", *given, "--threads", 1)
    assert again.out == result.out
    assert "already trained with the same recipe and data" in again.err
    assert [line for line in again.err.splitlines() if ": plan " in line and "inner UAR" in line] == plans


def test_auto_says_plainly_that_the_unchanged_model_wins(
    emotone: Callable[..., Any], before: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emotone.fitting import plan_selection

    monkeypatch.setattr(plan_selection, "PLANS", ("A1",))
    given = ("--from", before, "--transfer", "auto", "--corpus", f"emodb={corpus}", "--out", tmp_path / "runs")
    result = emotone("train", *given, "--threads", 1, "--epochs", 1)
    assert result.status == 0
    assert "few clips" not in result.err  # the user named the epochs
    assert "plan A1 wins: no training on these clips was better than the unchanged model" in result.err
    assert "nothing was trained: for speakers that it has not heard, the unchanged model is best" in result.err


def test_a_training_on_four_clips_of_one_speaker_is_warned_about(
    emotone: Callable[..., Any], before: Path, tmp_path: Path
) -> None:
    mine = write_emodb(tmp_path / "mine", speakers=("11",), sentences=("a01", "a02"))
    given = ("--corpus", f"emodb={mine}", "--out", tmp_path / "runs", "--threads", 1)
    result = emotone("train", "--from", before, "--transfer", "A5", *given)
    assert result.status == 0
    assert "warning: all clips are of one speaker, so the results for other speakers can't be estimated" in result.err
    failed_with(
        emotone("train", "--from", before, "--transfer", "auto", *given), "give clips of others too, or name a plan"
    )


def test_too_few_steps_for_the_moving_average_are_warned_about(
    emotone: Callable[..., Any], before: Path, tmp_path: Path
) -> None:
    """With 4 clips an epoch is one step, and an average of weights over two takes six."""
    mine = write_emodb(tmp_path / "mine", speakers=("11",), sentences=("a01", "a02"))
    given = ("--from", before, "--transfer", "A8", "--corpus", f"emodb={mine}", "--out", tmp_path / "runs")
    result = emotone("train", *given, "--threads", 1)
    assert "warning: only 2 steps, but weights are averaged over about 2, so the model will barely change" in result.err
    assert "pass --epochs 6" in result.err
    longer = emotone("train", *given, "--epochs", 6, "--threads", 1)
    assert "steps, but" not in longer.err
    assert "kept the weights of epoch 6 of 6" in longer.err
    assert load_run(Path(longer.out.strip())).recipe.training.epochs == 6


def test_labels_that_the_starting_model_lacks_need_another_label_set(
    emotone: Callable[..., Any], before: Path, corpus: Path, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "calls.csv", corpus, anger="surprise", sadness="sadness")
    given = ("--from", before, "--transfer", "A2", "--corpus", f"calls={table}", "--out", tmp_path / "runs")
    result = emotone("train", *given, "--threads", 1)
    assert "left out, not in the label set: surprise 4" in result.err
    assert (
        "clips with labels that the starting model does not have are left out; --labels every adds them" in result.err
    )
    result = emotone("train", *given, "--labels", "every", "--threads", 1)
    assert result.status == 0
    assert load_run(Path(result.out.strip())).labels == ("sadness", "surprise")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing to train: give a RECIPE (see emotone recipes list), or --from a run or a model"),
        (("--from", "BEFORE"), "needs a plan: --transfer A2 fine-tunes all layers, A3 to A5 freeze more"),
        (("--from", "BEFORE", "--transfer", "A9"), "unknown plan 'A9'; did you mean "),
        (("--from", "BEFORE", "--transfer", "anger-2"), "plan anger-2 is for networks of 5 stages; given 8"),
        (("--from", "soundnet5-open", "--transfer", "A2"), "holds weights without the settings of a training"),
        (("--from", "nowhere", "--transfer", "A2"), "unknown source file, folder or source 'nowhere'"),
        (("RECIPE", "--from", "BEFORE"), "needs a plan: --transfer A2"),
        (("RECIPE", "--transfer", "auto"), "name their source with --from FILE or transfer.source"),
        (("OTHER", "--from", "BEFORE", "--transfer", "A2"), "was trained on log-mel at 16000 Hz"),
    ],
)
def test_a_wrong_transfer_is_one_line_before_the_corpora_are_read(
    emotone: Callable[..., Any], paths: dict[str, Path], tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    arguments = [paths.get(option, option) for option in options]
    refused(emotone("train", *arguments, "--corpus", "emodb=never-read", "--out", tmp_path / "runs"), message)
    assert not (tmp_path / "runs").exists()


def test_unusable_rows_are_left_out_with_status_1(
    emotone: Callable[..., Any], recipe: Path, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.wav").write_text("no sound at all, just some words that are long enough")
    table = tmp_path / "calls.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "speaker", "label"])
        for utterance in emodb_utterances(corpus):
            writer.writerow([utterance.path, utterance.speaker, utterance.label])
        writer.writerow([tmp_path / "words.wav", "s9", "anger"])
        writer.writerow([emodb_utterances(corpus)[0].path, "s9", "angr"])
        writer.writerow([tmp_path / "words.wav", "s9", "surprise"])
    result = emotone("train", recipe, "--corpus", f"calls={table}", "--out", tmp_path / "runs")
    assert result.status == 1
    assert load_run(Path(result.out.strip())).corpora == {"calls": 8}
    assert "left out: " in result.err
    assert "unknown label 'angr'; did you mean 'anger'?" in result.err
    assert "words.wav" in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "no corpus given: add --corpus NAME=DIR, or set EMOTONE_CORPORA"),
        (("--corpus", "emodbb=x"), "unknown corpus 'emodbb'; did you mean 'emodb'?"),
        (("--corpus", "emodb=nowhere"), "nowhere"),
        (("--threads", "0"), "--threads"),
    ],
)
def test_wrong_usage_is_one_line_and_leaves_nothing(
    emotone: Callable[..., Any], recipe: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    refused(emotone("train", recipe, *options, "--out", tmp_path / "runs"), message)
    assert not (tmp_path / "runs").exists()


def test_a_wrong_recipe_is_one_line(emotone: Callable[..., Any], recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("labels", "label"))
    refused(emotone("train", recipe), "unknown key 'label'; did you mean 'labels'?")


def refused(result: Any, message: str) -> None:
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1


def test_a_missing_recipe_is_an_error(emotone: Callable[..., Any], tmp_path: Path) -> None:
    result = emotone("train", tmp_path / "gone.toml")
    assert result.status == 2
    assert "gone.toml: No such file" in result.err


def test_one_emotion_can_not_be_trained_on(emotone: Callable[..., Any], recipe: Path, tmp_path: Path) -> None:
    folder = write_emodb(tmp_path / "emodb", speakers=("03",), sentences=("a01",))
    (folder / "wav" / "03a01Ta.wav").unlink()
    result = emotone("train", recipe, "--corpus", f"emodb={folder}", "--out", tmp_path / "runs")
    assert result.status == 2
    assert "fewer than two labels" in result.err
