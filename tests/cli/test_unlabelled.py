"""`--unlabelled`: unsupervised adaptation of a model to recordings, in trainings and in evaluations."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import LABELS, RECIPE_TOML, emodb_utterances, one_thread, tiny_training, torch_bundles, write_emodb

from emotone.fitting.training_run import load_run
from emotone.scoring.finished_run import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["one_thread", "torch_bundles"]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb(tmp_path_factory.mktemp("corpus") / "emodb", sentences=("a01", "a02"))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """The folder of a training on the corpus."""
    return tiny_training(tmp_path_factory.mktemp("before"), emodb_utterances(corpus), labels=LABELS, epochs=10)


@pytest.fixture
def calls(corpus: Path, tmp_path: Path) -> Path:
    """A table of the corpus without labels."""
    with (tmp_path / "calls.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "speaker", "label"])
        writer.writerows([each.path, each.speaker, ""] for each in emodb_utterances(corpus))
    return tmp_path / "calls.csv"


def test_statistics_are_re_estimated_on_unlabelled_recordings(
    emotone: Callable[..., Any], before: Path, calls: Path, tmp_path: Path
) -> None:
    given = ("--corpus", f"calls={calls}", "--out", tmp_path / "runs", "--threads", 1)
    result = emotone("train", "--from", before, "--unlabelled", "statistics", *given)
    assert result.status == 0, result.err
    assert "16 clips, 4 speakers, labels: anger, sadness" in result.err
    assert "estimated (loaded, then re-estimated on unlabelled clips): conv1, conv2, " in result.err
    assert "adapted without labels: batch-normalisation statistics of 16 clips" in result.err
    assert "plan A1 freezes every layer, so nothing was trained" in result.err
    assert "steps, but" not in result.err
    run = load_run(Path(result.out.strip()))
    assert (run.labels, run.corpora) == (LABELS, {"calls": 16})
    model = tmp_path / "mine"
    assert emotone("models", "export", result.out.strip(), "--out", model).status == 0
    assert "estimated: conv1" in (model / "CARD.md").read_text()


SURE = """
[transfer]
plan = "A5"
unlabelled = "pseudo-labels"
top_share = 1.0
"""


def test_pseudo_labels_are_counted(emotone: Callable[..., Any], before: Path, calls: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE_TOML.replace("epochs = 8", "epochs = 1") + SURE)
    given = ("--corpus", f"calls={calls}", "--out", tmp_path / "runs", "--threads", 1)
    result = emotone("train", tmp_path / "mine.toml", "--from", before, *given)
    assert result.status == 0, result.err
    assert "16 of 16 clips are training data with their predicted label, the most confident 100 %" in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--unlabelled", "pseudo-labels"), "needs a plan: --transfer A2 fine-tunes all layers"),
        (("--unlabelled", "statistics", "--transfer", "auto"), "with --unlabelled, pass the name of a plan, e.g. A5"),
        (("--unlabelled", "statistics", "--transfer", "A3"), 'set plan = "A1"; given A3'),
        (("--unlabelled", "pseudo-labels", "--transfer", "A1"), "plan A1 freezes every layer"),
        (
            ("--unlabelled", "pseudo-labels", "--transfer", "A2", "--labels", "anger"),
            "labels of the starting weights: anger, sadness",
        ),
    ],
)
def test_wrong_options_are_one_line(
    emotone: Callable[..., Any], before: Path, calls: Path, options: tuple[str, ...], message: str
) -> None:
    result = emotone("train", "--from", before, *options, "--corpus", f"calls={calls}")
    assert (result.status, result.out) == (2, "")
    assert message in result.err.splitlines()[-1]


@pytest.mark.usefixtures("torch_bundles")
def test_an_evaluation_adapts_to_the_training_part_without_labels(
    emotone: Callable[..., Any], before: Path, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE_TOML)
    given = ("--corpus", f"emodb={corpus}", "--protocol", "speaker-folds-2", "--out", tmp_path / "runs", "--json")
    start = ("--source", before, "--plan", "A1", "--unlabelled", "statistics")
    result = emotone("evaluate", tmp_path / "mine.toml", *start, *given, "--quiet")
    assert result.status == 0, result.err
    kept = json.loads((Path(json.loads(result.out)["run"]) / STAGES).read_text())
    assert sorted(kept) == ["1-fold-1", "1-fold-2"]
    for fold in kept.values():
        report = {"method": "statistics", "clips": 8, "top_share": 1.0, "min_confidence": 0.0, "pseudo_labels": {}}
        assert fold["adaptation"] == report
        assert fold["tensors"]["estimated"]
        assert fold["tensors"]["fresh"] == []
        assert fold["absent"] == []
