"""The summary of an evaluation in Markdown, from stored predictions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.made_runs import Made, made_detector, made_segments, write_run

from emotone.errors import RunError
from emotone.scoring.finished_run import RUN, read_run
from emotone.scoring.predictions import PredictionsTable
from emotone.scoring.summary import summary_markdown

if TYPE_CHECKING:
    from pathlib import Path

MADE = Made(corpora=("emodb",), speakers=4, clips=6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return MADE.write(tmp_path / "one")


def describe(folder: Path, **about: object) -> None:
    path = folder / RUN
    path.write_text(json.dumps({**json.loads(path.read_text()), **about}))


def test_it_contains_scores_references_and_confusion_matrices(folder: Path) -> None:
    text = summary_markdown(folder)
    assert "Protocol `leave-one-speaker-out`" in text
    assert "without the tested speakers" in text
    assert "| 24 | 4 |" in text
    assert "| IS10 | 72.9 |" in text
    assert "| 7, here 3 |" in text
    assert "### Confusion matrix of Berlin Database of Emotional Speech (Emo-DB)" in text
    assert f"Predictions: `results/{folder.name}`." in text


def test_accuracies_of_segments_have_columns_where_there_are_segments(folder: Path, tmp_path: Path) -> None:
    text = summary_markdown(write_run(tmp_path / "segments", made_segments(), recipe={"name": "toy"}))
    assert "| SA (segments) | ACA (all segments of a clip) | SCA (most segments of a clip) |" in text
    assert "SA (segments)" not in summary_markdown(folder)


def test_a_speaker_dependent_protocol_is_reported(folder: Path) -> None:
    describe(folder, protocol={"name": "random-5", "folds": 5})
    assert "in every fold, **including the tested speakers**." in summary_markdown(folder)


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        ([], "The model was evaluated without further training."),
        (["emodb"], "trained on emodb: its scores there do not generalise"),
    ],
)
def test_a_finished_model_reports_its_training_data(folder: Path, seen: list[str], text: str) -> None:
    describe(folder, model={"name": "toy", "version": "1.0.0"}, protocol={"name": "held-out", "trained_on": seen})
    assert text in summary_markdown(folder)


def test_another_system_is_added(folder: Path, tmp_path: Path) -> None:
    other = replace(MADE, skill=0.9, draw=1).write(tmp_path / "two")
    describe(other, recipe={"name": "better"})
    text = summary_markdown(folder, others=[other])
    assert f"better, on the same clips and folds (`results/{other.name}`):" in text
    assert text.count("| 24 | 4 |") == 2


def test_other_clips_can_t_be_added(folder: Path, tmp_path: Path) -> None:
    other = replace(MADE, clips=5).write(tmp_path / "two")
    with pytest.raises(RunError, match="does not have the same clips and folds"):
        summary_markdown(folder, others=[other])


def test_a_detector_has_scores_of_windows_and_a_baseline_does_not(tmp_path: Path) -> None:
    table = made_detector(1.0)
    runs = [write_run(tmp_path / name, part) for name, part in (("one", table), ("two", table.whole_utterances()))]
    for run in runs:
        describe(run, recipe={"name": run.name}, protocol={"name": "leave-one-speaker-out", "folds": 12})
    text = summary_markdown(runs[0], others=[runs[1]])
    header = "| macro-F1 | AU-ROC | AU-ROC of windows | EER (lower is better) | chance UAR |"
    assert text.count(header) == 1
    assert text.count("| macro-F1 | AU-ROC | EER (lower is better) | chance UAR |") == 1


def test_a_folder_without_an_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="contains no finished evaluation"):
        summary_markdown(tmp_path)


def test_corpora_with_a_single_label_are_named_and_not_scored(folder: Path, tmp_path: Path) -> None:
    table = read_run(folder).predictions
    first = table.truth[0]
    readings = table.where(table.truth == first)
    readings = replace(
        readings,
        corpus=np.full(len(readings), "readings"),
        utterance=np.char.replace(readings.utterance, "emodb/", "readings/"),
    )
    both = PredictionsTable.concat([table, readings])
    text = summary_markdown(write_run(tmp_path / "both", both, recipe={"name": "toy"}))
    assert "Not in this table, because they have a single label: readings." in text
    assert "Confusion matrix of readings" not in text
    alone = summary_markdown(write_run(tmp_path / "alone", readings, recipe={"name": "toy"}))
    assert "Confusion matrix of readings" in alone
