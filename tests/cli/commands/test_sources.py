"""`emotone sources`, and training with a frozen encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from tests.net_inputs import ported
from tests.toy import write_emodb, write_small_encoder

from emotone.errors import SourceError
from emotone.files import sha256_file
from emotone.fitting.training_run import load_head_run
from emotone.fitting.weights import find_weights, shipped_weights
from emotone.inference.model import load
from emotone.transfer.source import SOURCES
from emotone.transfer.weights import read_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome


# ----------------------------------------------------------------------------------------------------------------------
# `emotone sources`: sources are listed, located and converted; every error is one line.


@pytest.fixture
def port(tmp_path: Path) -> Path:
    """SoundNet's trunk as ports store it, filled with numbers."""
    rng = np.random.default_rng(0)
    shapes = SOURCES.get("soundnet5").shapes
    tensors = {name: rng.uniform(0.1, 1.0, shape).astype(np.float32) for name, shape in shapes.items() if shape}
    np.savez(tmp_path / "soundnet.npz", **ported(tensors))
    return tmp_path / "soundnet.npz"


def test_every_source_is_listed_and_shown(emotone: Callable[..., Outcome]) -> None:
    listed = json.loads(emotone("sources", "list", "--json").out)
    assert {source["name"] for source in listed if not source["shipped"]} == set(SOURCES.names)
    assert "soundnet5" in emotone("sources", "list").out
    for source in (each for each in listed if not each["shipped"]):
        outcome = emotone("sources", "show", source["name"])
        assert outcome.status == 0
        assert source["licence"] in outcome.out
        assert all(tensor in outcome.out for tensor in source["tensors"])
        assert json.loads(emotone("sources", "show", source["name"], "--json").out) == source


def test_a_shipped_source_has_a_card(emotone: Callable[..., Outcome]) -> None:
    listed = json.loads(emotone("sources", "list", "--json").out)
    (source,) = (each for each in listed if each["name"] == "soundnet5-open")
    assert source["card"].startswith("# soundnet5-open")
    outcome = emotone("sources", "show", "soundnet5-open")
    assert outcome.out == source["card"]
    assert json.loads(emotone("sources", "show", "soundnet5-open", "--json").out) == source
    path = shipped_weights()["soundnet5-open"]
    assert sha256_file(path) in outcome.out  # the card is of these weights
    assert read_weights(path).tensors["blocks.conv1.convolution.weight"].shape == (32, 1, 64)


def test_get_names_the_published_files_if_this_machine_has_none(emotone: Callable[..., Outcome]) -> None:
    outcome = emotone("sources", "get", "soundnet5")
    assert (outcome.status, outcome.out) == (2, "")
    assert "soundnet5_final.t7, from http" in outcome.err
    assert "then run: emotone sources get soundnet5 --from FILE" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("emotone: error: this machine")


def test_get_stores_weights_where_recipes_find_them(
    emotone: Callable[..., Outcome], port: Path, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=r"not on this machine .*; run: emotone sources get soundnet5"):
        find_weights("soundnet5")
    outcome = emotone("sources", "get", "soundnet5", "--from", port)
    assert outcome.status == 0
    assert f"soundnet5: from {port}; SHA-256 {sha256_file(port)}, which is not a published one" in outcome.err
    stored = find_weights("soundnet5")
    assert (str(stored.path), stored.source) == (outcome.out.strip(), "soundnet5")
    again = emotone("sources", "get", "soundnet5")
    assert (again.status, again.out) == (0, outcome.out)
    assert "soundnet5 was converted before" in again.err
    listed = {each["name"]: each for each in json.loads(emotone("sources", "list", "--json").out)}
    assert listed["soundnet5"]["converted"] == str(stored.path)
    out = tmp_path / "mine.safetensors"
    found = json.loads(emotone("sources", "get", "soundnet5", "--from", port, "--out", out, "--json").out)
    assert found == {"source": "soundnet5", "file": str(out), "from": str(port), "verified": False}
    assert read_weights(out).source == "soundnet5"


def test_a_file_is_converted_and_read_back(emotone: Callable[..., Outcome], port: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.safetensors"
    outcome = emotone("sources", "convert", "soundnet5", port, "--out", out)
    assert (outcome.status, outcome.out.strip()) == (0, str(out))
    weights = read_weights(out)
    assert weights.source == "soundnet5"
    converted = json.loads(emotone("sources", "convert", "soundnet5", port, "--out", out, "--json").out)
    assert converted["tensors"] == len(weights.tensors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "soundnet"), "soundnet5"),
        (("convert", "soundnet5", "gone.npz", "--out", "x.safetensors"), "gone.npz"),
        (("convert", "soundnet5", "gone.npz", "--out", "x.npz"), "must end in .safetensors"),
        (("get", "soundnet5", "--from", "gone.npz"), "gone.npz: can't be read: there is no such file or folder"),
        (("get", "soundnet5", "--out", "x.npz"), "must end in .safetensors"),
        (("get", "whisper-bas"), "did you mean 'whisper-base'?"),
    ],
)
def test_errors_are_one_line(emotone: Callable[..., Outcome], arguments: tuple[str, ...], message: str) -> None:
    outcome = emotone("sources", *arguments)
    assert outcome.status == 2
    assert message in outcome.err


RECIPE = """\
name = "toy-source"
[sound.hum]
group = '(\\d)'
licence = "CC0-1.0"
"""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((), "add --sound NAME=DIR"),
        (("--sound", "hum"), "must be NAME=DIR"),
        (("--sound", "hm=x"), "did you mean 'hum'"),
        (("--sound", "hum=x"), "SHA-256"),
    ],
)
def test_missing_inputs_of_a_training_are_reported(
    emotone: Callable[..., Outcome], tmp_path: Path, given: tuple[str, ...], message: str
) -> None:
    (tmp_path / "toy.toml").write_text(RECIPE)
    (tmp_path / "teacher.pt").write_bytes(b"no teacher")
    outcome = emotone("sources", "train", tmp_path / "toy.toml", "--teacher", tmp_path / "teacher.pt", *given)
    assert outcome.status == 2
    assert message in outcome.err


RECOGNISER = """\
name = "tones"
corpora = ["manifest"]
units = 2
layers = 1
characters = "A "
[training]
epochs = 1
batch_size = 2
"""


ENCODER = """\
name = "toy-student"
[sound.hum]
group = '^(\\d)'
licence = "CC0-1.0"
[teacher]
source = "TEACHER"
layers = [1]
[student]
layers = 1
width = 4
read = [1]
[inputs]
copies = []
[training]
steps = 2
batch_size = 2
evaluate_every = 1
"""


@pytest.mark.parametrize(
    ("recipe", "given", "message"),
    [
        (RECOGNISER, (), "add --speech NAME=DIR"),
        (RECOGNISER, ("--teacher", "x.pt"), "is the recipe of a recogniser: give --speech NAME=DIR"),
        (RECIPE, (), "is the recipe of a student: give --teacher FILE"),
        (RECOGNISER, ("--speech", "manifest=gone"), "gone is not a folder"),
        (ENCODER, (), "add --sound NAME=DIR"),
        (ENCODER, ("--teacher", "x.pt"), "is the recipe of a small encoder: give --sound NAME=DIR"),
    ],
)
def test_a_training_needs_the_inputs_of_its_recipe(
    emotone: Callable[..., Outcome], tmp_path: Path, recipe: str, given: tuple[str, ...], message: str
) -> None:
    (tmp_path / "toy.toml").write_text(recipe)
    outcome = emotone("sources", "train", tmp_path / "toy.toml", *given)
    assert outcome.status == 2
    assert message in outcome.err


def test_a_recogniser_is_trained_once(emotone: Callable[..., Outcome], tmp_path: Path) -> None:
    lines = []
    for name in ("1.wav", "2.wav", "3.wav", "4.wav"):
        soundfile.write(tmp_path / name, np.random.default_rng(0).normal(0, 0.1, 2400), 16000)
        lines.append(f'{{"file": "{name}", "text": "a"}}')
    lines += [f'{{"file": "gone{number}.wav", "text": "a"}}' for number in range(5)]
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines))
    (tmp_path / "toy.toml").write_text(RECOGNISER)
    call = ("sources", "train", tmp_path / "toy.toml", "--speech", f"manifest={tmp_path}", "--out", tmp_path / "runs")
    outcome = emotone(*call, "--threads", 1, "--quiet")
    assert outcome.status == 0, outcome.err
    assert "left out: 2 more utterances" in outcome.err
    assert "on 1 held-out speakers" in outcome.err
    weights = Path(outcome.out.strip())
    assert weights.is_file()
    again = emotone(*call, "--quiet")
    assert "so nothing was computed" in again.err
    assert again.out == outcome.out


def test_a_small_encoder_is_trained_once(emotone: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "hum").mkdir()
    for name in ("1.wav", "2.wav", "3.wav"):
        soundfile.write(tmp_path / "hum" / name, np.random.default_rng(0).normal(0, 0.1, 9600), 16000)
    teacher = write_small_encoder(tmp_path / "teacher.safetensors", layers=1)
    (tmp_path / "toy.toml").write_text(ENCODER.replace("TEACHER", str(teacher)))
    call = ("sources", "train", tmp_path / "toy.toml", "--sound", f"hum={tmp_path / 'hum'}", "--out", tmp_path / "runs")
    outcome = emotone(*call, "--threads", 1)
    assert outcome.status == 0, outcome.err
    assert "% of the variance of the teacher's means on held-out sound" in outcome.err
    assert Path(outcome.out.strip()).is_file()
    again = emotone(*call, "--quiet")
    assert "so nothing was computed" in again.err
    assert again.out == outcome.out


def test_a_source_that_must_be_trained_says_how() -> None:
    with pytest.raises(SourceError, match=r"copy them there: emotone sources train \S+speech-student\.toml --sound"):
        find_weights("speech-student")


# ----------------------------------------------------------------------------------------------------------------------
# `emotone train` and `emotone evaluate` with a recipe whose encoder is frozen.


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb(tmp_path_factory.mktemp("emodb"), sentences=("a01", "a02"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    pytest.importorskip("torch")
    weights = write_small_encoder(tmp_path / "small.safetensors", layers=2)
    path = tmp_path / "mine.toml"
    path.write_text(
        f'name = "mine"\nlabels = "emodb"\n\n[encoder]\nsource = "{weights.as_posix()}"\nlayers = [1, 2]\n\n[head]\n'
    )
    return path


def test_the_commands_train_and_evaluate(
    recipe: Path, corpus: Path, tmp_path: Path, emotone: Callable[..., Any]
) -> None:
    trained = emotone("train", recipe, "--corpus", f"emodb={corpus}", "--out", tmp_path / "runs")
    assert trained.status == 0, trained.err
    model = load(trained.out.strip())
    assert model.bundle.manifest.name == "mine"
    options = ("--protocol", "speaker-folds-2", "--out", tmp_path / "results", "--json")
    evaluated = emotone("evaluate", recipe, "--corpus", f"emodb={corpus}", *options)
    assert evaluated.status == 0, evaluated.err
    score = next(one for one in json.loads(evaluated.out)["scores"] if one["metric"] == "uar")
    assert score["ours"]["value"] > 0.5
    same = emotone("evaluate", "--model", model.bundle.directory, "--corpus", f"emodb={corpus}", *options[2:])
    assert "test clips occur in the training data" in same.err
    run = load_head_run(model.bundle.directory)
    assert (run.recipe.name, run.signature) == ("mine", model.bundle.manifest.training.signature)
    assert run.corpora == {"emodb": len(run.recordings)}


def test_options_of_networks_are_refused(recipe: Path, corpus: Path, emotone: Callable[..., Any]) -> None:
    result = emotone("train", recipe, "--corpus", f"emodb={corpus}", "--epochs", "3")
    assert result.status == 2
    assert "fits a head on a frozen encoder" in result.err
