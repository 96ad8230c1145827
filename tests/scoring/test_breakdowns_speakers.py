"""Scores of speakers, in ascending order of UAR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.made_runs import LABELS, Made

from emotone.errors import RunError
from emotone.metrics.classification import accuracy, per_class_recall, unweighted_average_recall
from emotone.scoring.breakdowns import speakers_of, speakers_table
from emotone.scoring.predictions import PredictionsTable


def test_every_speaker_is_scored_like_a_table_of_its_own() -> None:
    made = Made(corpora=("toy", "calls"), seeds=2)
    table = made.table()
    found = speakers_of(table)
    assert len(found) == 48
    for score in found:
        part = table.where((table.corpus == score.corpus) & (table.speaker == score.speaker))
        assert score.n == 9
        assert score.uar == pytest.approx(unweighted_average_recall(part.truth, part.prediction, labels=LABELS))
        assert score.accuracy == pytest.approx(accuracy(part.truth, part.prediction, labels=LABELS))
        assert score.recalls == pytest.approx(per_class_recall(part.truth, part.prediction, labels=LABELS))


def test_speakers_are_in_ascending_order_within_a_corpus() -> None:
    found = speakers_of(Made(corpora=("toy", "calls")).table())
    assert [score.corpus for score in found] == ["calls"] * 24 + ["toy"] * 24
    uars = [score.uar for score in found[:24]]
    assert uars == sorted(uars)


def test_unknown_speakers_are_one_row() -> None:
    rows = [replace(row, speaker="") for row in Made().rows()]
    (found,) = speakers_of(PredictionsTable.from_rows(rows, labels=LABELS))
    assert (found.speaker, found.n, found.to_dict()["speaker"]) == ("", 216, None)
    assert speakers_table([found], labels=LABELS).rows[0][:3] == ("toy", "unknown", "216")


def test_as_table_and_json() -> None:
    rows = [row for row in Made(speakers=2, skill=1.0).rows() if row.speaker == "s0" or row.truth == "joy"]
    found = speakers_of(PredictionsTable.from_rows(rows, labels=LABELS))
    table = speakers_table(found, labels=(*LABELS, "calm"))
    assert table.columns == ("corpus", "speaker", "n", "UAR", "accuracy", "fear", "joy", "sadness")
    assert table.rows == (
        ("toy", "s0", "9", "100.0", "100.0", "100.0", "100.0", "100.0"),
        ("toy", "s1", "3", "100.0", "100.0", "-", "100.0", "-"),
    )
    assert found[1].to_dict() == {
        "corpus": "toy",
        "speaker": "s1",
        "n": 3,
        "uar": 1.0,
        "accuracy": 1.0,
        "recalls": {"joy": 1.0},
    }


def test_one_system_at_a_time() -> None:
    table = Made().table()
    other = PredictionsTable(labels=LABELS, **{**table.columns(), "system": np.full(len(table), "beef")})
    with pytest.raises(RunError, match="contains 2 systems; score one at a time"):
        speakers_of(PredictionsTable.concat([table, other]))
    with pytest.raises(RunError, match="contains 0 systems"):
        speakers_of(table.where(np.zeros(len(table), dtype=np.bool_)))
