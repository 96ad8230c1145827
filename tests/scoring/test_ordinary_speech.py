"""Shares of results on ordinary speech, and accuracy by confidence: counted by hand on a few rows."""

from __future__ import annotations

import pytest

from emotone.scoring.confidence import confidence_table
from emotone.scoring.ordinary_speech import ordinary_speech_shares, ordinary_speech_table
from emotone.scoring.predictions import PredictionRow, PredictionsTable

LABELS = ("anger", "happiness", "neutral")
ROWS = (  # probabilities, and the true label
    ((0.1, 0.2, 0.7), "neutral"),
    ((0.7, 0.2, 0.1), "neutral"),  # negative and sure
    ((0.45, 0.35, 0.2), "neutral"),  # negative and unsure
    ((0.1, 0.8, 0.1), "neutral"),  # sure, but not negative
)


def table(*rows: tuple[tuple[float, ...], str]) -> PredictionsTable:
    return PredictionsTable.from_rows(
        [
            PredictionRow(f"read/{number}", "read", "held-out", "all", 0, f"s{number}", truth, list(row), "f00d")
            for number, (row, truth) in enumerate(rows)
        ],
        labels=LABELS,
    )


def test_shares_are_counted_by_result() -> None:
    (shares,) = ordinary_speech_shares(table(*ROWS), dict.fromkeys(LABELS, 0.5))
    assert shares.corpus == "read"
    assert [one.value for one in (shares.neutral, shares.neutral_or_unsure, shares.sure_negative)] == [0.25, 0.5, 0.25]
    assert (shares.neutral.n, shares.neutral.speakers) == (4, 4)
    assert shares.sure_negative.low == 0.0
    (row,) = ordinary_speech_table((shares,)).rows
    assert (row[0], row[1].split()[0], row[-2:]) == ("read", "25.0", ("4", "4"))


def test_without_thresholds_nothing_is_unsure() -> None:
    (shares,) = ordinary_speech_shares(table(*ROWS), {})
    assert shares.neutral_or_unsure.value == shares.neutral.value


def test_the_surer_half_has_its_own_accuracy() -> None:
    rows = (
        ((0.9, 0.05, 0.05), "anger"),
        ((0.05, 0.85, 0.1), "happiness"),
        ((0.4, 0.3, 0.3), "neutral"),
        ((0.3, 0.5, 0.2), "anger"),
    )
    (row,) = confidence_table(table(*rows)).rows
    assert (row[1].split()[0], row[2].split()[0]) == ("50.0", "100.0")
    assert float(row[3]) == pytest.approx((0.1 + 0.15 + 0.4 + 0.5) / 4, abs=1e-3)
