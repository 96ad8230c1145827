"""Figures of pages: marks lie on the axis, and the file has all words in both themes."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from emotone.reproductions.figure import Mark, Row, interval_figure, mark_of
from emotone.scoring.scores import Score

ROWS = (
    Row("Emo-DB & more", (Mark("first", 50, 40, 60), Mark("second", 75, 75, 75), Mark("third", 60, 50, 70))),
    Row("SAVEE", (Mark("second", 100, 90, 110),)),
)


def drawn(rows: tuple[Row, ...] = ROWS) -> str:
    return interval_figure("Title", rows, axis="recall", line=("chance", 25), limits=(0, 100))


def test_all_words_are_in_the_figure() -> None:
    root = ET.fromstring(drawn())  # noqa: S314 - our own text
    words = {"".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Title", "recall", "chance", "Emo-DB & more", "SAVEE", "first", "second", "third", "0", "100"} <= words
    assert "first: 50.0 [40.0, 60.0]" in drawn()
    assert "prefers-color-scheme:dark" in drawn()
    assert drawn() == drawn()


def test_marks_are_placed_by_their_number_and_ends_stay_inside() -> None:
    lines = [[float(part) for part in pair] for pair in re.findall(r'd="M([\d.]+) [\d.]+H([\d.]+)"', drawn())]
    first, second, third, outside = lines
    width = first[1] - first[0]  # 20 points
    assert second[0] == second[1] == pytest.approx(first[0] + 35 / 20 * width, abs=0.2)
    assert third[1] - third[0] == pytest.approx(width, abs=0.2)
    assert outside[1] - outside[0] == pytest.approx(width / 2, abs=0.2)  # 90 to 110 ends at 100


def test_a_score_without_an_interval_is_a_point() -> None:
    score = Score(value=0.5, n=4, metric="uar", corpus="emodb", protocol="random-5", speaker_independent=None, folds=1)
    assert mark_of("a", score) == Mark("a", 50, 50, 50)
    assert mark_of("a", replace(score, low=0.4, high=0.7)) == Mark("a", 50, 40, 70)
