"""Corpora on the command line, and training on unlabelled recordings."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import LABELS, RECIPE_TOML, emodb_utterances, tiny_training, write_emodb

from emotone.cli import corpus_data
from emotone.corpora.resolve import SELECTIONS
from emotone.errors import UsageError
from emotone.fitting.training_run import load_run
from emotone.scoring.finished_run import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import MakeBundle

    from emotone.types import Utterance


# ----------------------------------------------------------------------------------------------------------------------
# `--corpus` and `--label-map`: incomplete copies, selections and mapped labels are reported.


def test_incomplete_corpora_and_unrecognised_recordings_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_emodb(tmp_path / "emodb")
    clip = next(folder.glob("wav/*.wav"))
    clip.rename(clip.with_name("renamed.wav"))
    data = corpus_data.load((f"emodb={folder}",), label_set_name="emodb")
    corpus_data.report(data)
    messages = capsys.readouterr().err
    assert "emodb: incomplete, 39 of 535 clips; for a list run emotone corpora check emodb" in messages
    assert "emodb: ignored 1 recording whose file names are not those of emodb's clips (first: renamed.wav)" in messages


def test_many_web_pages_are_one_failure(emotone: Callable[..., Any], make_bundle: MakeBundle, tmp_path: Path) -> None:
    first = emodb_utterances(write_emodb(tmp_path / "emodb", speakers=("03",), sentences=("a01",)))[0]
    rows = [f"{first.path.as_posix()},a,anger"]
    for number in range(5):
        (tmp_path / f"{number}.wav").write_text("<!DOCTYPE html><html><body>404</body></html>")
        rows.append(f"{number}.wav,b,anger")
    (tmp_path / "calls.csv").write_text("\n".join(["file,speaker,label", *rows]) + "\n")
    model = make_bundle(tmp_path / "model", labels=LABELS)
    result = emotone("evaluate", model, "--corpus", f"calls={tmp_path / 'calls.csv'}", "--out", tmp_path / "results")
    assert result.status == 1
    assert result.err.count("left out: ") == 1
    assert "left out: 5 files are HTML or XML pages, not recordings (failed downloads?)" in result.err


def test_a_table_is_always_complete(tmp_path: Path) -> None:
    folder = write_emodb(tmp_path / "emodb")
    rows = "".join(f"{path},{path.name[:2]},anger\n" for path in sorted(folder.glob("wav/*W*.wav")))
    table = tmp_path / "mine.csv"
    table.write_text("file,speaker,label\n" + rows)
    assert corpus_data.load((f"mine={table}",), label_set_name="every").notes == ()


def test_a_selection_applies_to_its_own_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def angry(utterance: Utterance) -> tuple[str, str]:
        return (utterance.label, "") if utterance.label == "anger" else ("", "not angry")

    made = replace(SELECTIONS["iemocap-two-raters"], name="angry", corpus="emodb", label_of=angry)
    monkeypatch.setattr("emotone.corpora.resolve.SELECTIONS", {"angry": made})
    folder = write_emodb(tmp_path / "emodb")
    data = corpus_data.load((f"emodb={folder}",), label_set_name="emodb", selection="angry")
    assert {utterance.label for utterance in data.utterances} == {"anger"}
    corpus_data.report(data)
    assert "left out by the selection: not angry 20" in capsys.readouterr().err


def test_corpora_are_scanned_with_their_own_labels(tmp_path: Path) -> None:
    folder = write_emodb(tmp_path / "emodb")
    corpora, problems = corpus_data.scan_corpora((f"emodb={folder}",))
    assert len(corpora["emodb"]) == 40
    assert problems == {}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Eight clips in the words of their owner."""
    folder = write_emodb(tmp_path / "emodb", speakers=("03", "08"), sentences=("a01", "a02"))
    words = {"W": "mad", "T": "Sad"}
    rows = "".join(f"{path},{path.name[:2]},{words[path.stem[5]]}\n" for path in sorted(folder.glob("wav/*.wav")))
    (tmp_path / "mine.csv").write_text("file,speaker,label\n" + rows)
    return tmp_path / "mine.csv"


def test_labels_are_mapped_and_reported(table: Path) -> None:
    data = corpus_data.load((f"mine={table}",), label_set_name="every", label_map={"mad": "anger"})
    assert data.labels == ("anger", "sadness")
    assert data.notes == ("mine: labels mapped: mad to anger (4), sad to sadness (4)",)
    assert data.problems == ()


def test_words_without_a_mapping_are_problems(table: Path) -> None:
    data = corpus_data.load((f"mine={table}",), label_set_name="every")
    assert data.labels == ("sadness",)
    assert len(data.problems) == 4
    assert "did you mean 'anger'" in data.problems[0] or "mad" in data.problems[0]


def test_a_label_map_that_matches_nothing_is_an_error(table: Path) -> None:
    with pytest.raises(UsageError, match="the label map matches no label: unknown word 'made'"):
        corpus_data.scan_corpora((f"mine={table}",), label_map={"made": "anger"})


# ----------------------------------------------------------------------------------------------------------------------
# `--unlabelled`: unsupervised adaptation of a model to recordings, in trainings and in evaluations.


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


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
def test_pseudo_labels_are_counted(emotone: Callable[..., Any], before: Path, calls: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(RECIPE_TOML.replace("epochs = 8", "epochs = 1") + SURE)
    given = ("--corpus", f"calls={calls}", "--out", tmp_path / "runs", "--threads", 1)
    result = emotone("train", tmp_path / "mine.toml", "--from", before, *given)
    assert result.status == 0, result.err
    assert "16 of 16 clips are training data with their predicted label, the most confident 100 %" in result.err


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
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
