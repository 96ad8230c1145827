"""`emotone train` and `emotone evaluate` with a recipe whose encoder is frozen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import write_emodb, write_small_encoder

from emotone.fitting.training_run import load_head_run
from emotone.inference.model import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb(tmp_path_factory.mktemp("emodb"), sentences=("a01", "a02"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
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
