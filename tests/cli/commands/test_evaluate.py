"""`emotone evaluate`: scores of a recipe and of a model, as text and JSON, and every wrong word on one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import LABELS, RECIPE_TOML, one_thread, torch_bundles, write_emodb

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
        ("majority", "--source, --plan and --unlabelled are for nets; majority is a baseline"),
        ("default", "--source, --plan and --unlabelled are for recipes; default is a finished model"),
    ],
)
def test_weights_are_for_recipes_of_nets(emotone: Callable[..., Any], what: str, words: str) -> None:
    given = () if what == "segment-yamnet" else ("--source", "weights.npz")
    result = emotone("evaluate", what, *given, "--corpus", "emodb=nowhere")
    assert result.status == 2
    assert words in result.err


def test_weights_are_taken_over_in_every_fold(emotone: Callable[..., Any], corpus: Path, tmp_path: Path) -> None:
    import torch

    from emotone.nets.architectures.yamnet import Yamnet
    from emotone.transfer.weights import SourceWeights, write_weights

    tensors = {name: values.numpy() for name, values in Yamnet(width=0.02).build(64, 9).state_dict().items()}
    write_weights(tmp_path / "narrow.safetensors", SourceWeights("narrow", tensors, licence="CC0-1.0"))
    recipe = tmp_path / "narrow.toml"
    recipe.write_text(
        'name = "narrow"\nlabels = "emodb"\n[front_end]\nname = "vggish-log-mel"\n[net]\nname = "yamnet"\n'
        "width = 0.02\n[windows]\nseconds = 0.5\nhop = 0.25\nmin_seconds = 0.01\n[training]\nepochs = 1\nbatch_size = 4\n"
    )
    given = ("--corpus", f"emodb={corpus}", "--out", tmp_path / "out", "--source", tmp_path / "narrow.safetensors")
    result = emotone("evaluate", recipe, *given, "--plan", "A8", "--json")
    assert result.status == 0
    told = json.loads(result.out)
    assert {"segment-accuracy", "average-logits-clip-accuracy"} <= {row["metric"] for row in told["scores"]}
    about = json.loads((Path(told["run"]) / RUN).read_text())
    assert (about["recipe"]["transfer"]["source"], about["recipe"]["transfer"]["plan"]) == ("narrow", "A8")
    assert torch.get_num_threads() == 1


def test_a_recipe_as_json_and_again_as_text(
    emotone: Callable[..., Any], recipe: Path, corpus: Path, tmp_path: Path
) -> None:
    arguments = ("evaluate", recipe, "--corpus", f"emodb={corpus}", "--out", tmp_path / "results")
    result = emotone(*arguments, "--json")
    assert result.status == 0
    told = json.loads(result.out)
    assert set(told) == {"run", "scores", "leakage", "problems", "twin"}
    folder = Path(told["run"])
    assert sorted(entry.name for entry in folder.iterdir()) == [TABLE, RUN]
    (uar,) = (row for row in told["scores"] if row["metric"] == "uar" and row["setting"] == "system")
    assert (uar["corpus"], uar["protocol"], uar["speaker_independent"]) == ("emodb", "leave-one-speaker-out", True)
    assert set(uar["ours"]) == {"value", "low", "high", "n", "speakers", "seeds"}
    assert (uar["ours"]["n"], uar["ours"]["speakers"]) == (8, 2)
    assert told["problems"] == []
    assert told["twin"] is None
    assert "8 clips, 2 speakers" in result.err

    before = (folder / TABLE).stat().st_mtime_ns
    text = emotone(*arguments)
    assert text.status == 0
    assert "What training and test parts share (leave-one-speaker-out):" in text.out
    assert "speakers: none shared" in text.out
    assert text.out.rstrip().endswith(str(folder))
    assert (folder / TABLE).stat().st_mtime_ns == before


def test_a_random_split_says_what_it_shares_and_is_run_beside_its_twin(
    emotone: Callable[..., Any], recipe: Path, corpus: Path, tmp_path: Path
) -> None:
    options = ("--protocol", "random-2", "--out", tmp_path / "results")
    result = emotone("evaluate", recipe, "--corpus", f"emodb={corpus}", *options)
    assert result.status == 0
    assert "random-2 tests speakers that were trained on; speaker-folds-2 is run beside it" in result.err
    assert "speakers: 2 shared, by 8 of 8 test clips" in result.out
    assert "speakers: none shared" in result.out
    told = json.loads(emotone("evaluate", recipe, "--corpus", f"emodb={corpus}", *options, "--json").out)
    assert Path(told["run"]).name.startswith("toy-random-2-")
    assert Path(told["twin"]).name.startswith("toy-speaker-folds-2-")
    independent = {(row["protocol"], row["speaker_independent"]) for row in told["scores"]}
    assert independent == {("random-2", False), ("speaker-folds-2", True)}


def test_a_finished_model(emotone: Callable[..., Any], corpus: Path, make_bundle: MakeBundle, tmp_path: Path) -> None:
    model = make_bundle(tmp_path / "model", labels=LABELS)
    result = emotone(
        "evaluate", model, "--corpus", f"emodb={corpus}", "--out", tmp_path / "results", "--json", "--quiet"
    )
    assert result.status == 0
    told = json.loads(result.out)
    assert told["leakage"] is None
    assert {row["protocol"] for row in told["scores"]} == {"held-out"}
    assert "warning" not in result.err


def test_a_model_that_was_trained_on_the_corpus_is_warned_about(
    emotone: Callable[..., Any], corpus: Path, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    from emotone.bundles.manifest import TrainingData

    data = TrainingData(corpora=("emodb",), protocol="all", recipe="x", signature="0" * 12)
    model = make_bundle(tmp_path / "model", labels=LABELS, training=data)
    result = emotone("evaluate", model, "--corpus", f"emodb={corpus}", "--out", tmp_path / "results")
    assert result.status == 0
    assert f"warning: {model} was trained on emodb: these scores say nothing about new speakers" in result.err


def test_labels_that_a_model_does_not_know_are_left_out(
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
        ((), "no corpus was given"),
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
        ("./nowhere", "nowhere is not a model's folder"),
    ],
)
def test_an_unknown_model_is_said(emotone: Callable[..., Any], shipped: Path, what: str, message: str) -> None:
    result = emotone("evaluate", what)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


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
    (tmp_path / "detector.toml").write_text(text)
    return tmp_path / "detector.toml"


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("four") / "emodb"
    return write_emodb(folder, speakers=("03", "08", "09", "10"), sentences=("a01", "a02"))


def test_a_detector_tells_what_thresholds_of_its_development_part_give(
    emotone: Callable[..., Any], detector: Path, four: Path, tmp_path: Path
) -> None:
    lists = tmp_path / "lists.toml"
    lists.write_text('train = ["03", "08"]\ndev = ["09"]\ntest = ["10"]\n')
    asked = ("evaluate", detector, "--corpus", f"emodb={four}", "--out", tmp_path / "out", "--protocol")
    result = emotone(*asked, f"fixed:{lists}", "--json")
    assert result.status == 0
    told = json.loads(result.out)
    folder = Path(told["run"])
    assert sorted(entry.name for entry in folder.iterdir()) == [TABLE, RUN, VALIDATION]
    own = PredictionsTable.read(folder / VALIDATION)
    assert set(own.speaker.tolist()) == {"09"}
    assert len(own.whole_utterances()) == 4
    points = told["operating_points"]
    assert points["validation"] == "its own development parts"
    assert [point["wanted"] for point in points["points"]] == [0.01, 0.05, 0.1]
    assert json.loads((folder / RUN).read_text())["operating_points"] == points
    text = emotone(*asked, f"fixed:{lists}")
    assert "Thresholds chosen on its own development parts, and their rates on the test data (x 100)." in text.out
    assert emotone("report", folder, "--out", tmp_path / "report.md").status == 0
    assert "thresholds chosen on its own development parts" in (tmp_path / "report.md").read_text()


def test_thresholds_are_not_chosen_on_what_another_fold_tests(
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
    assert "16 utterances are in both tables" in again.err
