"""`emotone evaluate`: scores of recipes and models, as text and JSON, and one line for every error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import soundfile
from tests.toy import LABELS, RECIPE_TOML, emodb_utterances, one_thread, tiny_training, torch_bundles, write_emodb

from emotone.fitting.training_run import WEIGHTS
from emotone.scoring.finished_run import RUN, TABLE, VALIDATION
from emotone.scoring.predictions import PredictionsTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import MakeBundle

__all__ = ["one_thread", "torch_bundles"]
pytestmark = pytest.mark.usefixtures("one_thread", "torch_bundles")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "emodb"
    return write_emodb(folder, speakers=("03", "08"), sentences=("a01", "a02"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "toy.toml").write_text(RECIPE_TOML.replace("epochs = 8", "epochs = 1"))
    return tmp_path / "toy.toml"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("segment-yamnet", "name their source with --from FILE or transfer.source"),
        ("majority", "are for recipes that train a network; majority does not"),
        ("default", "are for recipes, and default is a finished model"),
    ],
)
def test_weights_are_for_recipes_of_networks(emotone: Callable[..., Any], what: str, words: str) -> None:
    given = () if what == "segment-yamnet" else ("--source", "weights.npz")
    result = emotone("evaluate", what, *given, "--corpus", "emodb=nowhere")
    assert result.status == 2
    assert words in result.err


def test_weights_are_loaded_in_every_fold(emotone: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    import torch

    from emotone.nets.architectures.sound_events import Yamnet
    from emotone.transfer.weights import SourceWeights, write_weights

    tensors = {name: values.numpy() for name, values in Yamnet(width=0.02).build(64, 9).state_dict().items()}
    write_weights(tmp_path / "narrow.safetensors", SourceWeights("narrow", tensors, licence="CC0-1.0"))
    recipe = tmp_path / "narrow.toml"
    recipe.write_text(
        'name = "narrow"\nlabels = "emodb"\n[front_end]\nname = "vggish-log-mel"\n[net]\nname = "yamnet"\n'
        "width = 0.02\n[windows]\nseconds = 0.5\nhop = 0.25\nmin_seconds = 0.01\n"
        "[training]\nepochs = 1\nbatch_size = 4\n"
    )
    given = ("--corpus", f"emodb={corpus}", "--out", tmp_path / "out", "--source", tmp_path / "narrow.safetensors")
    result = emotone("evaluate", recipe, *given, "--plan", "A8", "--json")
    assert result.status == 0
    found = json.loads(result.out)
    assert {"segment-accuracy", "average-logits-clip-accuracy"} <= {row["metric"] for row in found["scores"]}
    about = json.loads((Path(found["run"]) / RUN).read_text())
    assert (about["recipe"]["transfer"]["source"], about["recipe"]["transfer"]["plan"]) == ("narrow", "A8")
    assert torch.get_num_threads() == 1


def test_a_recipe_as_json_and_again_as_text(
    emotone: Callable[..., Any], recipe: Path, corpus: Path, tmp_path: Path
) -> None:
    arguments = ("evaluate", recipe, "--corpus", f"emodb={corpus}", "--out", tmp_path / "results")
    result = emotone(*arguments, "--json")
    assert result.status == 0
    found = json.loads(result.out)
    assert set(found) == {"run", "scores", "leakage", "problems", "twin", "training_overlap"}
    folder = Path(found["run"])
    assert sorted(entry.name for entry in folder.iterdir()) == [TABLE, RUN]
    (uar,) = (row for row in found["scores"] if row["metric"] == "uar" and row["setting"] == "system")
    assert (uar["corpus"], uar["protocol"], uar["speaker_independent"]) == ("emodb", "leave-one-speaker-out", True)
    assert set(uar["ours"]) == {"value", "low", "high", "n", "speakers", "seeds"}
    assert (uar["ours"]["n"], uar["ours"]["speakers"]) == (8, 2)
    assert found["problems"] == []
    assert found["twin"] is None
    assert "8 clips, 2 speakers" in result.err
    assert "earlier evaluation" not in result.err

    before = (folder / TABLE).stat().st_mtime_ns
    text = emotone(*arguments)
    assert text.status == 0
    assert "Leakage audit, what training and test data share (leave-one-speaker-out):" in text.out
    assert "speakers: none shared" in text.out
    assert text.out.rstrip().endswith(str(folder))
    assert f"result of an earlier evaluation of these clips; if recordings were changed, delete {folder}" in text.err
    assert (folder / TABLE).stat().st_mtime_ns == before


def test_a_random_split_is_evaluated_with_its_twin(
    emotone: Callable[..., Any], recipe: Path, corpus: Path, tmp_path: Path
) -> None:
    options = ("--protocol", "random-2", "--out", tmp_path / "results")
    result = emotone("evaluate", recipe, "--corpus", f"emodb={corpus}", *options)
    assert result.status == 0
    assert "random-2 shares speakers between training and test data; also evaluating speaker-folds-2" in result.err
    assert "speakers: 2 shared, by 8 of 8 test clips" in result.out
    assert "speakers: none shared" in result.out
    found = json.loads(emotone("evaluate", recipe, "--corpus", f"emodb={corpus}", *options, "--json").out)
    assert Path(found["run"]).name.startswith("toy-random-2-")
    assert Path(found["twin"]).name.startswith("toy-speaker-folds-2-")
    independent = {(row["protocol"], row["speaker_independent"]) for row in found["scores"]}
    assert independent == {("random-2", False), ("speaker-folds-2", True)}


def test_a_finished_model(emotone: Callable[..., Any], corpus: Path, make_bundle: MakeBundle, tmp_path: Path) -> None:
    model = make_bundle(tmp_path / "model", labels=LABELS)
    result = emotone(
        "evaluate", model, "--corpus", f"emodb={corpus}", "--out", tmp_path / "results", "--json", "--quiet"
    )
    assert result.status == 0
    found = json.loads(result.out)
    assert found["leakage"] is None
    assert {row["protocol"] for row in found["scores"]} == {"held-out"}
    assert "warning" not in result.err


def test_a_model_that_was_trained_on_the_corpus_is_warned_about(
    emotone: Callable[..., Any], corpus: Path, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    from emotone.bundles.contents import TrainingData

    data = TrainingData(corpora=("emodb",), protocol="all", recipe="x", signature="0" * 12)
    model = make_bundle(tmp_path / "model", labels=LABELS, training=data)
    result = emotone("evaluate", model, "--corpus", f"emodb={corpus}", "--out", tmp_path / "results")
    assert result.status == 0
    assert f"warning: {model} was trained on emodb: these scores do not generalise to new speakers" in result.err


def test_test_clips_in_the_training_data_of_a_model_are_reported_and_stored(
    emotone: Callable[..., Any], corpus: Path, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    """A renamed copy of a training recording in another format is found by its content."""
    run = tiny_training(tmp_path / "run", emodb_utterances(corpus)[:4], labels=LABELS, epochs=1)
    model = make_bundle(tmp_path / "model", labels=LABELS)
    shutil.copy(run / RUN, model)
    shutil.copy(run / WEIGHTS, model)
    rows = ["file,speaker,label"]
    for number, utterance in enumerate(emodb_utterances(corpus)[2:]):
        samples, rate = soundfile.read(utterance.path, dtype="int16")
        soundfile.write(tmp_path / f"call-{number}.flac", samples, rate)
        rows.append(f"call-{number}.flac,s{number},{utterance.label}")
    (tmp_path / "calls.csv").write_text("\n".join(rows) + "\n")
    arguments = ("evaluate", "--model", model, "--corpus", f"calls={tmp_path / 'calls.csv'}", "--out", tmp_path / "out")
    result = emotone(*arguments, "--json")
    assert result.status == 0
    found = json.loads(result.out)
    keys = ["calls/call-0.flac", "calls/call-1.flac"]
    assert found["training_overlap"] == {"keys": keys, "tested": 6, "unreadable": 0}
    assert "warning: 2 of 6 test clips occur in the training data, so their scores are too optimistic" in result.err
    assert not any(row["speaker_independent"] for row in found["scores"])
    assert json.loads((Path(found["run"]) / RUN).read_text())["training_overlap"] == found["training_overlap"]
    for recording in tmp_path.glob("call-*.flac"):
        recording.write_bytes(b"")  # a repeated evaluation reads no recording
    again = emotone(*arguments)
    assert again.status == 0
    assert "warning: 2 of 6 test clips occur in the training data" in again.err


def test_an_unknown_overlap_is_reported(
    emotone: Callable[..., Any], corpus: Path, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    model = make_bundle(tmp_path / "model", labels=LABELS)
    arguments = ("--corpus", f"emodb={corpus}", "--out", tmp_path / "out", "--json")
    result = emotone("evaluate", "--model", model, *arguments)
    assert json.loads(result.out)["training_overlap"] is None
    assert "stores no hashes of its training recordings, so overlap with these clips is unknown" in result.err


def test_labels_that_a_model_lacks_are_left_out(
    emotone: Callable[..., Any], corpus: Path, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    model = make_bundle(tmp_path / "model", labels=("anger", "fear"))
    result = emotone("evaluate", model, "--corpus", f"emodb={corpus}", "--out", tmp_path / "results", "--json")
    assert result.status == 0
    assert "left out, not in the label set: sadness 4" in result.err
    assert {row["ours"]["n"] for row in json.loads(result.out)["scores"]} == {4}


def test_recordings_that_fail_are_listed_with_status_1(
    emotone: Callable[..., Any], make_bundle: MakeBundle, tmp_path: Path
) -> None:
    folder = write_emodb(tmp_path / "emodb", speakers=("03", "08"), sentences=("a01",))
    (folder / "wav" / "03a02Wa.wav").write_text("no sound at all, just some words that are long enough")
    model = make_bundle(tmp_path / "model", labels=LABELS)
    result = emotone("evaluate", model, "--corpus", f"emodb={folder}", "--out", tmp_path / "results", "--json")
    assert result.status == 1
    (problem,) = json.loads(result.out)["problems"]
    assert "03a02Wa.wav" in problem
    assert f"error: left out: {problem}" in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--protocol", "leave-one-speaker"), "unknown protocol 'leave-one-speaker'; did you mean"),
        (("--protocol", "random-1"), "protocol 'random-1' asks for 1 folds; give 2 or more"),
        (("--seeds", "0"), "--seeds"),
        (("--workers", "0"), "--workers"),
        ((), "no corpus given"),
    ],
)
def test_wrong_usage_is_one_line_and_leaves_nothing(
    emotone: Callable[..., Any], recipe: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = emotone("evaluate", recipe, *options, "--out", tmp_path / "results")
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("defualt", "unknown recipe or model 'defualt'; did you mean 'default'?"),
        ("./nowhere", "nowhere is not the folder of a model: no such folder"),
    ],
)
def test_an_unknown_model_is_an_error(emotone: Callable[..., Any], shipped: Path, what: str, message: str) -> None:
    result = emotone("evaluate", what)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to evaluate: pass --recipe FILE or NAME, --model NAME or DIR, or --from with --transfer"),
        (("default", "--recipe", "default"), "pass either a recipe or a model; given default and default"),
        (
            ("--model", "default", "--recipe", "mine.toml"),
            "pass either a recipe or a model; given mine.toml and default",
        ),
        (("--model", "defualt"), "unknown model 'defualt'; did you mean 'default'?"),
        (("--recipe", "majorty"), "unknown recipe 'majorty'; did you mean 'majority'?"),
        (("--model", "default", "--transfer", "A5"), "pass --from default --transfer A5 without --model"),
        (("--from", "default"), "--from default needs a plan: --transfer A2"),
        (("--from", "default", "--transfer", "auto"), "--transfer auto selects a plan on the clips that it is given"),
        (("--recipe", "mine.toml", "--label-map", "happy"), "the label map has 'happy'; allowed: WORD=EMOTION"),
    ],
)
def test_contradicting_options_are_one_line(
    emotone: Callable[..., Any], shipped: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = emotone("evaluate", *arguments, "--corpus", "emodb=nowhere", "--out", tmp_path / "results")
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1


def test_a_name_of_a_model_and_a_recipe_is_the_model_with_a_note(
    emotone: Callable[..., Any], corpus: Path, make_bundle: MakeBundle, shipped: Path, tmp_path: Path
) -> None:
    arguments = ("--corpus", f"emodb={corpus}", "--out", tmp_path / "out", "--json", "--quiet")
    guessed = emotone("evaluate", "default", *arguments)
    assert guessed.status == 0
    assert "default is a model and a recipe; evaluating the model. --recipe default evaluates the recipe" in guessed.err
    explicit = emotone("evaluate", "--model", "default", *arguments)
    assert explicit.out == guessed.out
    assert "is a model and a recipe" not in explicit.err


def test_a_model_is_fine_tuned_in_every_fold_without_a_recipe(
    emotone: Callable[..., Any], corpus: Path, tmp_path: Path
) -> None:
    run = tiny_training(tmp_path / "run", emodb_utterances(corpus), labels=LABELS, epochs=1)
    table = tmp_path / "calls.csv"
    rows = [
        f"{each.path},{each.speaker},{'mad' if each.label == 'anger' else 'sad'}" for each in emodb_utterances(corpus)
    ]
    table.write_text("\n".join(["file,speaker,label", *rows]) + "\n")
    given = ("--corpus", f"calls={table}", "--label-map", "mad=anger", "--out", tmp_path / "out", "--json", "--quiet")
    result = emotone("evaluate", "--from", run, "--transfer", "A5", *given)
    assert result.status == 0, result.err
    assert "calls: labels mapped: mad to anger (4), sad to sadness (4)" in result.err
    about = json.loads((Path(json.loads(result.out)["run"]) / RUN).read_text())
    assert about["recipe"]["transfer"]["plan"] == "A5"
    assert "warning: the starting weights were trained on some of these clips: 8 of 8 test clips occur" in result.err
    assert about["protocol"]["name"] == "leave-one-speaker-out"


def test_too_few_speakers_for_the_protocol(
    emotone: Callable[..., Any], recipe: Path, corpus: Path, tmp_path: Path
) -> None:
    options = ("--protocol", "speaker-folds-5", "--out", tmp_path / "results")
    result = emotone("evaluate", recipe, "--corpus", f"emodb={corpus}", *options)
    assert result.status == 2
    assert "speaker-folds-5 needs at least 5 speakers; emodb has 2" in result.err


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """A recipe of a detector whose weights are chosen on a development part."""
    text = RECIPE_TOML.replace("epochs = 8", "epochs = 1\npatience = 1")
    text = text.replace('labels = "emodb"', 'labels = "anger"')
    text += "\n[windows]\nseconds = 3.0\nhop = 1.0\nspeech_only = false\n"  # buzzes are not speech
    (tmp_path / "detector.toml").write_text(text)
    return tmp_path / "detector.toml"


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("four") / "emodb"
    return write_emodb(folder, speakers=("03", "08", "09", "10"), sentences=("a01", "a02"))


def test_thresholds_of_a_detector_are_chosen_on_its_development_part(
    emotone: Callable[..., Any], detector: Path, four: Path, tmp_path: Path
) -> None:
    lists = tmp_path / "lists.toml"
    lists.write_text('train = ["03", "08"]\ndev = ["09"]\ntest = ["10"]\n')
    asked = ("evaluate", detector, "--corpus", f"emodb={four}", "--out", tmp_path / "out", "--protocol")
    result = emotone(*asked, f"fixed:{lists}", "--json")
    assert result.status == 0
    found = json.loads(result.out)
    folder = Path(found["run"])
    assert sorted(entry.name for entry in folder.iterdir()) == [TABLE, RUN, VALIDATION]
    own = PredictionsTable.read(folder / VALIDATION)
    assert set(own.speaker.tolist()) == {"09"}
    assert len(own.whole_utterances()) == 4
    points = found["operating_points"]
    assert points["validation"] == "its own development parts"
    assert [point["wanted"] for point in points["points"]] == [0.01, 0.05, 0.1]
    assert json.loads((folder / RUN).read_text())["operating_points"] == points
    text = emotone(*asked, f"fixed:{lists}")
    assert "Thresholds chosen on its own development parts, and their rates on the test data (x 100)." in text.out
    assert emotone("report", folder, "--out", tmp_path / "report.md").status == 0
    assert "thresholds chosen on its own development parts" in (tmp_path / "report.md").read_text()


def test_a_development_part_of_one_class_gives_no_thresholds(
    emotone: Callable[..., Any], detector: Path, tmp_path: Path
) -> None:
    folder = write_emodb(tmp_path / "emodb", speakers=("03", "08", "09", "10"), sentences=("a01", "a02"))
    for recording in folder.glob("wav/09*T*.wav"):
        recording.unlink()
    lists = tmp_path / "lists.toml"
    lists.write_text('train = ["03", "08"]\ndev = ["09"]\ntest = ["10"]\n')
    asked = ("evaluate", detector, "--corpus", f"emodb={folder}", "--out", tmp_path / "out", "--json")
    result = emotone(*asked, "--protocol", f"fixed:{lists}")
    assert result.status == 0
    assert "operating_points" not in json.loads(result.out)
    assert "no thresholds are chosen on the development parts: undefined with one class" in result.err


def test_thresholds_are_not_chosen_on_test_data_of_another_fold(
    emotone: Callable[..., Any], detector: Path, four: Path, tmp_path: Path
) -> None:
    result = emotone("evaluate", detector, "--corpus", f"emodb={four}", "--out", tmp_path / "out", "--json")
    assert result.status == 0
    assert "operating_points" not in json.loads(result.out)


def test_thresholds_of_another_run(
    emotone: Callable[..., Any], four: Path, corpus: Path, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    model = make_bundle(tmp_path / "model", labels=("anger", "other"))
    (tmp_path / "calls.csv").write_text(
        "file,label,speaker\n"
        + "".join(
            f"{path},{'anger' if 'W' in path.stem else 'sadness'},c{path.stem[:2]}\n"
            for path in sorted((corpus / "wav").iterdir())
        )
    )
    out = ("--out", tmp_path / "out", "--json")
    before = json.loads(emotone("evaluate", model, "--corpus", f"emodb={four}", *out).out)
    assert "operating_points" not in before
    asked = ("evaluate", model, "--corpus", f"calls={tmp_path / 'calls.csv'}", *out, "--validation", before["run"])
    points = json.loads(emotone(*asked).out)["operating_points"]
    assert points["validation"] == Path(before["run"]).name
    assert {point["corpus"] for point in points["points"]} == {"calls"}
    again = emotone("evaluate", model, "--corpus", f"emodb={four}", *out, "--validation", before["run"])
    assert (again.status, again.out) == (2, "")
    assert "utterances are in both tables" in again.err
