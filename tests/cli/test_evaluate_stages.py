"""`emotone evaluate` with a pre-training stage: the target corpus is scored, with the twin of its protocol."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import RECIPE_TOML, emodb_utterances, one_thread, torch_bundles, write_emodb

from emotone.scoring.finished_run import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["one_thread", "torch_bundles"]
pytestmark = pytest.mark.usefixtures("one_thread", "torch_bundles")

STAGED = """
[transfer]
plan = "A2"

[pretraining]
scenario = "S1"

[pretraining.training]
epochs = 1
crop_seconds = 0.5
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "toy.toml").write_text(RECIPE_TOML.replace("epochs = 8", "epochs = 1") + STAGED)
    return tmp_path / "toy.toml"


@pytest.fixture
def corpora(tmp_path: Path) -> tuple[str, ...]:
    """A target in Emo-DB's layout, and a table of other recordings."""
    target = write_emodb(tmp_path / "emodb", speakers=("03", "08"), sentences=("a01", "a02"))
    more = emodb_utterances(write_emodb(tmp_path / "more", sentences=("a01", "a02")))
    other = [each for each in more if each.speaker in {"09", "10"}]
    table = tmp_path / "calls.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "speaker", "label"])
        writer.writerows([each.path, each.speaker, each.label] for each in other)
    return ("--corpus", f"emodb={target}", "--corpus", f"calls={table}")


def test_the_target_is_scored_under_the_protocol_and_its_twin(
    emotone: Callable[..., Any], recipe: Path, corpora: tuple[str, ...], tmp_path: Path
) -> None:
    given = ("--protocol", "onto-emodb-random-2", "--plan", "A5", "--out", tmp_path / "runs", "--json", "--quiet")
    result = emotone("evaluate", recipe, *corpora, *given)
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert {score["corpus"] for score in found["scores"]} == {"emodb"}
    assert {score["protocol"] for score in found["scores"]} == {"onto-emodb-random-2", "onto-emodb-speaker-folds-2"}
    assert "trained on and never tested: calls 8" in result.err
    fold, *_ = json.loads((Path(found["run"]) / STAGES).read_text()).values()
    assert {name.split(".")[1] for name in fold["tensors"]["tuned"]} == {"classifier"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train",), "use emotone evaluate. For a model, train on the other corpora first"),
        (
            ("evaluate", "--protocol", "random-2"),
            "no corpus to pre-train on: the target is calls, emodb, left out: none",
        ),
        (("evaluate", "--protocol", "onto-savee-random-2"), "onto-savee-random-2 tests the corpus savee and trains on"),
        (("evaluate", "--protocol", "onto-emodb-randm-2"), "unknown protocol 'onto-emodb-randm-2'"),
    ],
)
def test_a_missing_target_or_missing_sources_are_one_line(
    emotone: Callable[..., Any], recipe: Path, corpora: tuple[str, ...], arguments: tuple[str, ...], message: str
) -> None:
    command, *options = arguments
    result = emotone(command, recipe, *corpora, *options, "--out", recipe.parent / "runs")
    assert result.status == 2
    assert message in result.err
